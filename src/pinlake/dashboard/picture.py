"""The picture of the flow: the two routes as lines through their stations, with real counts."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

import msgspec

from pinlake.dashboard.flow import FlowCounts, Route, TableCount

BOX = (112, 60)
CORNER = 9
ROUTES: tuple[Route, Route] = ("batch", "stream")
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
    """Where everything stands: ``places`` by station, ``gap`` how far the two lines lie apart."""

    kind: str
    size: tuple[int, int]
    places: dict[str, Place]
    terminals: dict[Route, Place]
    across: bool


WIDE = Layout(
    kind="across",
    size=(1120, 330),
    places={
        "source": Place(56, 165),
        "producer": Place(200, 165),
        "gateway": Place(344, 165),
        "log": Place(488, 165),
        "sink": Place(640, 78),
        "load": Place(776, 78),
        "clean": Place(912, 78),
        "stream": Place(776, 252),
    },
    terminals={"batch": Place(1052, 78), "stream": Place(1052, 252)},
    across=True,
)
TALL = Layout(
    kind="down",
    size=(340, 880),
    places={
        "source": Place(170, 34),
        "producer": Place(170, 132),
        "gateway": Place(170, 230),
        "log": Place(170, 328),
        "sink": Place(84, 450),
        "load": Place(84, 548),
        "clean": Place(84, 646),
        "stream": Place(256, 548),
    },
    terminals={"batch": Place(84, 780), "stream": Place(256, 780)},
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
        Station("gateway", _or_dash(requests or None), "requests answered"),
        Station("log", _both(flow.records(route) for route in ROUTES), "records held"),
        Station("sink", f"{flow.objects:,}", "objects", ("batch",)),
        Station("load", f"{flow.rows('raw'):,}", "raw rows", ("batch",)),
        Station("clean", f"{flow.rows('clean'):,}", "rows kept", ("batch",)),
        Station("stream", f"{flow.rows('stream'):,}", "rows kept", ("stream",)),
    )


def _or_dash(count: int | None) -> str:
    return "\N{EN DASH}" if count is None else f"{count:,}"


def _both(counts: Iterable[int]) -> str:
    return " + ".join(f"{count:,}" for count in counts)


def _svg(layout: Layout, each: Sequence[Station], flow: FlowCounts) -> str:
    width, height = layout.size
    content = [_line(layout, route) for route in ROUTES]
    content += [_box(layout, station) for station in each]
    content += [_terminal(layout, route, flow) for route in ROUTES]
    content += [_sidings(layout, route, flow) for route in ROUTES]
    return (
        f'<svg class="flow {layout.kind}" role="img" aria-label="{html.escape(_told(each))}" '
        f'viewBox="0 0 {width} {height}">{"".join(content)}</svg>'
    )


def _told(each: Sequence[Station]) -> str:
    """Return the picture in words."""
    steps = (f"{station.name} {station.figure} {station.unit}" for station in each)
    return "The flow: " + "; ".join(steps)


def _line(layout: Layout, route: Route) -> str:
    shift = -7 if route == "batch" else 7
    stops = [(layout.places[name], name) for name in LINES[route]]
    points = [
        (place.x, place.y + shift if layout.across else place.y)
        if layout.across
        else (place.x + shift, place.y)
        for place, name in stops
    ]
    end = layout.terminals[route]
    own = [(place.x, place.y) for place, _ in stops]
    shared = 4
    path = [*points[:shared], *own[shared:], (end.x, end.y)]
    return f'<path class="route {route}" d="{_path(path, across=layout.across)}"/>'


def _path(points: Sequence[tuple[float, float]], *, across: bool) -> str:
    steps = [f"M{points[0][0]:g},{points[0][1]:g}"]
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        if across:
            middle = (x0 + BOX[0] / 2 + x1 - BOX[0] / 2) / 2 if y0 != y1 else (x0 + x1) / 2
            steps.append(f"C{middle:g},{y0:g} {middle:g},{y1:g} {x1:g},{y1:g}")
        else:
            middle = (y0 + y1) / 2
            steps.append(f"C{x0:g},{middle:g} {x1:g},{middle:g} {x1:g},{y1:g}")
    return " ".join(steps)


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
    place = layout.terminals[route]
    tables = flow.in_folder("clean" if route == "batch" else "stream")
    rows = [_table_line(count) for count in tables[:LISTED]]
    if len(tables) > LISTED:
        rows.append(f"and {len(tables) - LISTED} more")
    height = 34 + 17 * max(1, len(rows))
    lines = "".join(_text("table", -height / 2 + 42 + 17 * n, row) for n, row in enumerate(rows))
    title = _text("name", -height / 2 + 21, "clean tables" if route == "batch" else "stream tables")
    return (
        f'<g class="station end {route}" transform="translate({place.x:g},{place.y:g})">'
        f'<rect x="-64" y="{-height / 2:g}" width="128" height="{height}" rx="{CORNER}"/>'
        f"{title}{lines}</g>"
    )


def _table_line(count: TableCount) -> str:
    return f"{count.name.rpartition('/')[2]} {count.rows:,}"


def _sidings(layout: Layout, route: Route, flow: FlowCounts) -> str:
    """Return what left the line: duplicates and the quarantined, under the last stage."""
    place = layout.places["clean" if route == "batch" else "stream"]
    lines = (
        f"{flow.duplicates(route):,} duplicates",
        f"{flow.quarantined(route):,} quarantined",
    )
    texts = "".join(_text("siding", 48 + 15 * n, line) for n, line in enumerate(lines))
    return f'<g transform="translate({place.x:g},{place.y:g})">{texts}</g>'


def _text(kind: str, y: float, content: str) -> str:
    return f'<text class="{kind}" y="{y:g}">{html.escape(content)}</text>'
