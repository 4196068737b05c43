"""Charts as HTML with inline SVG: places in per cent, so that no text is ever scaled."""

from __future__ import annotations

import html
import math
from itertools import pairwise
from typing import Any

from pinlake.dashboard.shape import Bar, Bars, Figure, Matrix, OverTime, Plain, Series, Shape
from pinlake.query.format import text

HEIGHT = 208
FOOT = 24
HEAD = 20
PLOT = HEIGHT - FOOT - HEAD
UNITS = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k"))


def draw(shape: Shape, title: str) -> str:
    """Return the chart of a shape as HTML, everything in it escaped; "" where there is none."""
    match shape:
        case Figure():
            return _figure(shape)
        case Bars():
            return _bars(shape)
        case Matrix():
            return _matrix(shape)
        case OverTime():
            return (_lines if shape.lines else _columns)(shape, title)
        case Plain():
            return ""


def height(shape: Shape) -> int:
    """Return about how high a shape is drawn, in pixels."""
    match shape:
        case Figure():
            return 110
        case Bars():
            return 26 * len(shape.bars) + 30 * bool(shape.others)
        case Matrix():
            return 28 * (len(shape.series) + 1)
        case OverTime():
            return HEIGHT + 30
        case Plain():
            return 360


def words(name: str) -> str:
    """Return a column's name as words, escaped."""
    return html.escape(name.replace("_", " "))


def number(value: Any) -> str:
    """Return a number in full, thousands parted: ``8,000,000``."""
    return f"{value:,.6g}" if isinstance(value, float) else f"{value:,}"


def short(value: Any) -> str:
    """Return a number as a label: in full below 1,000, else rounded, ``92k``, ``1.5M``."""
    for size, unit in UNITS:
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return number(value)


def _escaped(value: Any) -> str:
    return html.escape(text(value))


def _shown(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return number(value) if is_number else _escaped(value)


def _figure(figure: Figure) -> str:
    details = "".join(
        f"<div><dt>{words(name)}</dt><dd>{_shown(value)}</dd></div>"
        for name, value in figure.details
    )
    return f'<p class="figure">{_shown(figure.value)}</p><dl class="details">{details}</dl>'


def _bars(bars: Bars) -> str:
    top = max((float(bar.value) for bar in bars.bars), default=0) or 1
    items = "".join(_bar(bar, float(bar.value) / top) for bar in bars.bars)
    label = max((sum(len(text(part)) + 1 for part in bar.labels) for bar in bars.bars), default=0)
    value = max((len(number(bar.value)) for bar in bars.bars), default=0)
    others = f'<p class="note">{bars.others:,} more in the table</p>' if bars.others else ""
    return (
        f'<ul class="bars" aria-label="{words(bars.measure)}" '
        f'style="--label: {label + 1}ch; --value: {value + 1}ch">{items}</ul>{others}'
    )


def _bar(bar: Bar, share: float) -> str:
    first, *rest = (_escaped(label) for label in bar.labels)
    label = first + "".join(f" <small>{part}</small>" for part in rest)
    width = max(0.0, share) * 100
    return (
        f'<li><span>{label}</span><svg aria-hidden="true" width="100%" height="12">'
        f'<rect class="s0" width="{width:.2f}%" height="12" rx="2"/></svg>'
        f'<span class="number">{number(bar.value)}</span></li>'
    )


def _matrix(matrix: Matrix) -> str:
    top = max((value or 0 for each in matrix.series for value in each.values), default=0) or 1
    head = "".join(f'<th scope="col">{_escaped(point)}</th>' for point in matrix.points)
    rows = "".join(
        f'<tr><th scope="row">{_escaped(each.name)}</th>{_shades(each, top)}</tr>'
        for each in matrix.series
    )
    return (
        f'<div class="wide"><table class="matrix"><caption class="unseen">{words(matrix.measure)}'
        f"</caption><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _shades(series: Series, top: float) -> str:
    return "".join(
        "<td></td>"
        if value is None
        else f'<td style="--share:{max(0.0, value / top):.3f}"><span>{short(value)}</span></td>'
        for value in series.values
    )


def _columns(chart: OverTime, title: str) -> str:
    scale = max(_values(chart), default=0) or 1
    slot = 100 / len(chart.points)
    width = slot * (0.5 if len(chart.series) == 1 else 0.8) / len(chart.series)
    parts = [_rule(0)]
    for place, point in enumerate(chart.points):
        left = slot * (place + 0.5) - width * len(chart.series) / 2
        for order, series in enumerate(chart.series):
            name = f"{text(point)} {series.name}"
            across = (left + width * order, width)
            parts.append(_column(name, order, series.values[place], across, scale))
        parts.append(_point_label(slot * (place + 0.5), point))
    return _svg("".join(parts), title) + _legend(chart)


def _column(name: str, order: int, value: Any, across: tuple[float, float], scale: float) -> str:
    if value is None:
        return ""
    left, width = across
    height = max(0.0, float(value)) / scale * PLOT
    top = HEAD + PLOT - height
    return (
        f'<rect class="s{order}" x="{left:.2f}%" y="{top:.1f}" width="{width * 0.94:.2f}%" '
        f'height="{max(height, 1):.1f}" rx="2"><title>{_escaped(name)}: {number(value)}</title>'
        f'</rect><text class="value" x="{left + width * 0.47:.2f}%" y="{top - 6:.1f}">'
        f"{short(value)}</text>"
    )


def _lines(chart: OverTime, title: str) -> str:
    scale = _scale(chart)
    step = 100 / max(1, len(chart.points) - 1)
    parts = [_rule(0), _rule(PLOT), _scale_label(scale)]
    for order, series in enumerate(chart.series):
        places = [(step * i, v) for i, v in enumerate(series.values) if v is not None]
        ends = [(x, HEAD + PLOT - float(value) / scale * PLOT) for x, value in places]
        parts += [_segment(order, *pair) for pair in pairwise(ends)]
    every = math.ceil(len(chart.points) / 6)
    for place in range(every // 2, len(chart.points), every):
        parts.append(_point_label(step * place, chart.points[place]))
    return _svg("".join(parts), title) + _legend(chart)


def _segment(order: int, begin: tuple[float, float], end: tuple[float, float]) -> str:
    return (
        f'<line class="line s{order}" x1="{begin[0]:.2f}%" y1="{begin[1]:.1f}" '
        f'x2="{end[0]:.2f}%" y2="{end[1]:.1f}"/>'
    )


def _scale(chart: OverTime) -> float:
    """Return the top of the axis: the highest value, rounded up to one or two digits."""
    top = max(_values(chart), default=0) or 1
    step = 10.0 ** math.floor(math.log10(top))
    return next(step * part for part in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * part >= top)


def _values(chart: OverTime) -> list[float]:
    return [float(value) for series in chart.series for value in series.values if value]


def _rule(height: float) -> str:
    y = HEAD + PLOT - height
    return f'<line class="grid" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>'


def _scale_label(scale: float) -> str:
    return f'<text class="scale" x="0" y="{HEAD - 6}">{short(scale)}</text>'


def _point_label(x: float, point: Any) -> str:
    return f'<text class="point" x="{x:.2f}%" y="{HEIGHT - 6}">{_escaped(point)}</text>'


def _svg(content: str, title: str) -> str:
    name = html.escape(title)
    return (
        f'<svg class="chart" role="img" aria-label="{name}" width="100%" height="{HEIGHT}">'
        f"<title>{name}</title>{content}</svg>"
    )


def _legend(chart: OverTime) -> str:
    if len(chart.series) == 1:
        return f'<p class="note">{words(chart.measure)}</p>'
    names = "".join(
        f'<li><svg aria-hidden="true" width="10" height="10"><rect class="s{order}" width="10" '
        f'height="10" rx="2"/></svg>{_escaped(series.name)}</li>'
        for order, series in enumerate(chart.series)
    )
    return f'<ul class="legend" aria-label="{words(chart.measure)}">{names}</ul>'
