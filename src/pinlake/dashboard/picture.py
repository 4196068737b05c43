"""The picture of the flow: the two routes as lines through their stations, with real counts."""

from __future__ import annotations

import html
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from pinlake.dashboard.flow import FlowCounts, Route, TableCount

BOX = (108, 62)
END = 128
GAP = 8
SHARED = 4
HEAD = 10
CORNER = 9
ROUTES: tuple[Route, Route] = ("batch", "stream")
FOLDERS: dict[Route, str] = {"batch": "clean", "stream": "stream"}
LISTED = 4


class Station(msgspec.Struct, frozen=True):
    """A box of the picture: its name, a figure, and what the figure counts.

    ``routes`` are the lines that call there.
    """

    name: str
    figure: str
    unit: str
    routes: tuple[Route, ...] = ROUTES


class Place(msgspec.Struct, frozen=True):
    """A station's centre."""

    x: float
    y: float


class Layout(msgspec.Struct, frozen=True):
    """Where everything stands: stations by name, the tables at each route's end."""

    kind: str
    size: tuple[int, int]
    places: dict[str, Place]
    terminals: dict[Route, Place]
    across: bool


WIDE = Layout(
    kind="across",
    size=(1120, 284),
    places={
        "source": Place(55, 142),
        "producer": Place(191, 142),
        "gateway": Place(327, 142),
        "log": Place(485, 142),
        "sink": Place(639, 52),
        "load": Place(773, 52),
        "clean": Place(907, 52),
        "stream": Place(773, 216),
    },
    terminals={"batch": Place(1055, 52), "stream": Place(1055, 216)},
    across=True,
)
TALL = Layout(
    kind="down",
    size=(340, 852),
    places={
        "source": Place(170, 32),
        "producer": Place(170, 132),
        "gateway": Place(170, 232),
        "log": Place(170, 340),
        "sink": Place(76, 470),
        "load": Place(76, 570),
        "clean": Place(76, 670),
        "stream": Place(264, 570),
    },
    terminals={"batch": Place(76, 796), "stream": Place(264, 796)},
    across=False,
)
LINES: dict[Route, tuple[str, ...]] = {
    "batch": ("source", "producer", "gateway", "log", "sink", "load", "clean"),
    "stream": ("source", "producer", "gateway", "log", "stream"),
}


def draw(flow: FlowCounts) -> str:
    """Return the flow as two SVGs, one across for wide screens and one down for phones.

    Both hold the same text; the style sheet shows one.
    """
    return "".join(_svg(layout, stations(flow), flow) for layout in (WIDE, TALL))


def stations(flow: FlowCounts) -> tuple[Station, ...]:
    """Return every station with its figure, in the order of the flow."""
    posts = sum(sent.posts for sent in flow.sent)
    requests = sum(sent.requests for sent in flow.sent)
    return (
        Station("source", _or_dash(flow.source_rows), "rows a table"),
        Station("producer", _or_dash(posts or None), "posts sent"),
        Station("gateway", _or_dash(requests or None), "requests"),
        Station("log", f"{sum(flow.records(route) for route in ROUTES):,}", "records"),
        Station("sink", f"{flow.objects:,}", "objects", ("batch",)),
        Station("load", f"{flow.rows('raw'):,}", "raw rows", ("batch",)),
        Station("clean", f"{flow.rows('clean'):,}", "rows kept", ("batch",)),
        Station("stream", f"{flow.rows('stream'):,}", "rows kept", ("stream",)),
    )


def _or_dash(count: int | None) -> str:
    return "\N{EN DASH}" if count is None else f"{count:,}"


def _svg(layout: Layout, each: Sequence[Station], flow: FlowCounts) -> str:
    width, height = layout.size
    content = [_line(layout, route, flow) for route in ROUTES]
    content.append(_carried(layout, flow))
    content += [_box(layout, station) for station in each]
    content += [_terminal(layout, route, flow) for route in ROUTES]
    content.append(_sidings(layout, flow))
    return (
        f'<svg class="flow {layout.kind}" role="img" aria-label="{html.escape(_told(each))}" '
        f'viewBox="0 0 {width} {height}">{"".join(content)}</svg>'
    )


def _told(each: Sequence[Station]) -> str:
    """Return the picture in words."""
    steps = (f"{station.name} {station.figure} {station.unit}" for station in each)
    return "The flow: " + "; ".join(steps)


def _line(layout: Layout, route: Route, flow: FlowCounts) -> str:
    """Return a route's line, drawn from edge to edge of its stations."""
    places = [layout.places[name] for name in LINES[route]]
    halves = [BOX[not layout.across] / 2] * len(places)
    end = END / 2 if layout.across else _end_height(route, flow) / 2
    stops = list(enumerate(zip([*places, layout.terminals[route]], [*halves, end], strict=True)))
    pieces = [_piece(layout, route, *pair) for pair in pairwise(stops)]
    return f'<g class="route {route}">{"".join(pieces)}</g>'


def _piece(
    layout: Layout,
    route: Route,
    begin: tuple[int, tuple[Place, float]],
    end: tuple[int, tuple[Place, float]],
) -> str:
    """Return a line's piece between two stations; up to the log the routes run side by side."""
    shift = GAP if route == "stream" else -GAP
    (x0, y0), (x1, y1) = (
        _beside(layout, place, shift if number < SHARED else 0)
        for number, (place, _) in (begin, end)
    )
    if layout.across:
        x0, x1 = x0 + begin[1][1], x1 - end[1][1] - HEAD
        bend = f"C{(x0 + x1) / 2:g},{y0:g} {(x0 + x1) / 2:g},{y1:g}"
    else:
        y0, y1 = y0 + begin[1][1], y1 - end[1][1] - HEAD
        bend = f"C{x0:g},{(y0 + y1) / 2:g} {x1:g},{(y0 + y1) / 2:g}"
    return f'<path d="M{x0:g},{y0:g} {bend} {x1:g},{y1:g}"/>{_head(layout, x1, y1)}'


def _beside(layout: Layout, place: Place, shift: float) -> tuple[float, float]:
    return (place.x, place.y + shift) if layout.across else (place.x + shift, place.y)


def _head(layout: Layout, x: float, y: float) -> str:
    """Return an arrow's head whose base is at a point."""
    turn = 0 if layout.across else 90
    place = f"translate({x:g},{y:g}) rotate({turn})"
    return f'<path class="head" transform="{place}" d="M-1,-5l{HEAD - 1},5l-{HEAD - 1},5z"/>'


def _carried(layout: Layout, flow: FlowCounts) -> str:
    """Return what each route carried into the log, written along its line."""
    before, after = layout.places["gateway"], layout.places["log"]
    x, y = (before.x + after.x) / 2, (before.y + after.y) / 2
    texts = []
    for route, side in zip(ROUTES, (-1, 1), strict=True):
        at = (x, y + side * 20 + 4) if layout.across else (x + side * 16, y + 4)
        anchor = "" if layout.across else (" start" if side > 0 else " end")
        count = f"{flow.records(route):,}"
        texts.append(
            f'<text class="carried {route}{anchor}" x="{at[0]:g}" y="{at[1]:g}">{count}</text>'
        )
    return "".join(texts)


def _box(layout: Layout, station: Station) -> str:
    place, (width, height) = layout.places[station.name], BOX
    kind = station.routes[0] if len(station.routes) == 1 else "shared"
    return (
        f'<g class="station {kind}" transform="translate({place.x:g},{place.y:g})">'
        f'<rect x="{-width / 2:g}" y="{-height / 2:g}" width="{width}" height="{height}" '
        f'rx="{CORNER}"/>{_text("name", -13, station.name)}{_text("count", 5, station.figure)}'
        f"{_text('unit', 20, station.unit)}</g>"
    )


def _terminal(layout: Layout, route: Route, flow: FlowCounts) -> str:
    place, height = layout.terminals[route], _end_height(route, flow)
    lines = "".join(
        _text("table", -height / 2 + 44 + 17 * number, line)
        for number, line in enumerate(_end_lines(route, flow))
    )
    title = _text("name", -height / 2 + 22, f"{FOLDERS[route]} tables")
    return (
        f'<g class="station end {route}" transform="translate({place.x:g},{place.y:g})">'
        f'<rect x="{-END / 2:g}" y="{-height / 2:g}" width="{END}" height="{height}" '
        f'rx="{CORNER}"/>{title}{lines}</g>'
    )


def _end_height(route: Route, flow: FlowCounts) -> int:
    return 38 + 17 * max(1, len(_end_lines(route, flow)))


def _end_lines(route: Route, flow: FlowCounts) -> list[str]:
    tables = flow.in_folder(FOLDERS[route])
    lines = [_table_line(count) for count in tables[:LISTED]]
    return lines + ([f"and {len(tables) - LISTED} more"] if len(tables) > LISTED else [])


def _table_line(count: TableCount) -> str:
    return f"{count.name.rpartition('/')[2]} {count.rows:,}"


def _sidings(layout: Layout, flow: FlowCounts) -> str:
    """Return what left the lines, beneath the station where it did."""
    batch, stream = (f"{flow.duplicates(route):,} duplicates" for route in ROUTES)
    early, late = (f"{flow.quarantined(route):,} quarantined" for route in ROUTES)
    notes = (("load", (early,)), ("clean", (batch,)), ("stream", (stream, late)))
    return "".join(_siding(layout, name, lines) for name, lines in notes)


def _siding(layout: Layout, name: str, lines: Sequence[str]) -> str:
    """Return notes under a station; where the line goes down, on its inner side."""
    place, inner = layout.places[name], 10 if name != "stream" else -10
    x = place.x if layout.across else place.x + inner
    anchor = "" if layout.across else (" start" if inner > 0 else " end")
    texts = "".join(_text(f"siding{anchor}", 15 * n, line) for n, line in enumerate(lines))
    return f'<g transform="translate({x:g},{place.y + BOX[1] / 2 + 18:g})">{texts}</g>'


def _text(kind: str, y: float, content: str) -> str:
    return f'<text class="{kind}" y="{y:g}">{html.escape(content)}</text>'
