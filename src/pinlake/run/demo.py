"""``pinlake demo``: the whole pipeline once, in one process tree, with something to look at."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import msgspec

from pinlake.dashboard.flow import FlowCounts, Route, Sent, flow_counts
from pinlake.dashboard.report import Run, compared, write_report
from pinlake.dataset import Dataset
from pinlake.errors import GatewayUnreachable
from pinlake.log.open import reader_of
from pinlake.producer.emulation import PostReport, post
from pinlake.query.compare import Difference
from pinlake.query.lake import OpenLake
from pinlake.run.progress import Advance, Bars, FlowProgress
from pinlake.run.supervisor import Supervisor
from pinlake.run.up import STAGES, services
from pinlake.settings import Home
from pinlake.source.database import DatabaseSource
from pinlake.source.sample import source_table, write_sample
from pinlake.stage.loop import run_stage

USER_ID = "0abc12345678"
ROUTES: dict[str, Route] = {"kafka": "batch", "kinesis": "stream"}
PACE = {
    "PINLAKE_SINK_ROTATE_SECONDS": "0.5",
    "PINLAKE_BATCH_EVERY_SECONDS": "0.5",
    "PINLAKE_STREAM_TRIGGER_MS": "300",
}
"""Faster than the defaults, so that the tables fill while one looks."""

START_SECONDS = 30.0
LOOK_SECONDS = 0.3
FILLING = ("raw", "clean", "stream")


class DemoResult(msgspec.Struct, frozen=True):
    """What a demo came to. ``seconds`` is wall time from its start to its report."""

    sent: dict[str, PostReport]
    flow: FlowCounts
    differences: tuple[Difference, ...]
    seconds: float

    @property
    def agreed(self) -> bool:
        """Tell whether batch and stream hold the same rows in every table."""
        return all(difference.equal for difference in self.differences)


def run_demo(home: Home, dataset: Dataset, *, posts: int, progress: FlowProgress) -> DemoResult:
    """Run source, gateway, both producers and all stages until every post is in its tables.

    Writes ``<home>/report.html``. Raises GatewayUnreachable where the gateway
    does not come up; what it said is in ``<home>/logs/serve.log``.
    """
    began, started = time.monotonic(), datetime.now(UTC)
    _sample_where_absent(home, dataset, progress)
    with _services(home) as (supervisor, url):
        poster = Poster(home, dataset, url)
        sent = _post_by_both_routes(poster, supervisor, posts, progress)
    _drain(home, dataset, progress)
    flow = msgspec.structs.replace(
        _look(home, dataset), sent=_sent(sent), source_rows=_source_rows(home, dataset)
    )
    with OpenLake(home, dataset) as lake:
        agreement = compared(lake)
        seconds = time.monotonic() - began
        run = Run(f"pinlake demo --posts {posts}", started, seconds)
        write_report(home.report_path, lake=lake, flow=flow, run=run)
    return DemoResult(sent, flow, agreement, seconds)


def _sample_where_absent(home: Home, dataset: Dataset, progress: FlowProgress) -> None:
    if home.settings.source or (home.path / "source.db").exists():
        return
    with progress.step("A source database") as bars:
        advance = bars.add("rows", dataset.rows)
        write_sample(dataset, home.source_url, dataset.rows, progress=advance)


@contextmanager
def _services(home: Home) -> Iterator[tuple[Supervisor, str]]:
    """Run the gateway and the stages while the block runs; yield them and the gateway's URL."""
    port = _free_port()
    serve = ("--port", str(port), "--user-id", USER_ID)
    supervisor = Supervisor(services(home, *serve, environment=PACE), home.path / "logs")
    supervisor.start()
    try:
        _await_gateway(supervisor, port)
        yield supervisor, f"http://127.0.0.1:{port}"
    finally:
        supervisor.stop()


def _free_port() -> int:
    """Return a port that is free now: the gateway keeps it when it is started again."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _await_gateway(supervisor: Supervisor, port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        supervisor.tend()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    gateway = supervisor.children[0]
    raise GatewayUnreachable(url=f"http://127.0.0.1:{port}", reason=gateway.last_words())


class Poster(msgspec.Struct, frozen=True):
    """Posts a data set's rows to one gateway."""

    home: Home
    dataset: Dataset
    url: str

    def post(self, route: str, posts: int, advance: Advance = lambda _done: None) -> PostReport:
        """Post by one route, from where its last run stopped."""
        with DatabaseSource(self.home.source_url) as source:
            return post(
                self.dataset,
                source,
                self.url,
                via=route,
                posts=posts,
                user_id=USER_ID,
                seed=None,
                rate=None,
                state=self.home.producer_path / f"{route}-{USER_ID}.json",
                progress=lambda at: advance(at.posts),
            )


def _post_by_both_routes(
    poster: Poster, supervisor: Supervisor, posts: int, progress: FlowProgress
) -> dict[str, PostReport]:
    """Post by both routes at once while the stages work, and show how the tables fill."""
    with (
        progress.step("Posts go in over HTTP, tables fill") as bars,
        ThreadPoolExecutor(len(ROUTES)) as pool,
    ):
        sending = {
            route: pool.submit(poster.post, route, posts, bars.add(f"posts by {route}", posts))
            for route in ROUTES
        }
        filling = _Filling(poster.home, poster.dataset, bars)
        while not all(future.done() for future in sending.values()):
            supervisor.tend()
            filling.show()
            time.sleep(LOOK_SECONDS)
    sent = {route: future.result() for route, future in sending.items()}
    _make_up(poster, sent)
    return sent


def _make_up(poster: Poster, sent: dict[str, PostReport]) -> None:
    """Bring both routes to the same draw: a demo that was stopped left one of them behind."""
    furthest = max(report.draws for report in sent.values())
    for route, report in sent.items():
        if report.draws < furthest:
            poster.post(route, furthest - report.draws)


def _drain(home: Home, dataset: Dataset, progress: FlowProgress) -> None:
    """Let every stage take what is left, in the order of the flow."""
    with progress.step("The last records through every stage") as bars:
        filling = _Filling(home, dataset, bars)
        for stage in STAGES:
            run_stage(stage, home, dataset, table=None, once=True, stop=threading.Event())
        filling.show()


class _Filling:
    """The rows of the tables, shown as they grow."""

    def __init__(self, home: Home, dataset: Dataset, bars: Bars) -> None:
        self._home, self._dataset = home, dataset
        self._shown = {folder: bars.add(f"rows in {folder}/") for folder in FILLING}

    def show(self) -> None:
        now = _look(self._home, self._dataset)
        for folder, advance in self._shown.items():
            advance(now.rows(folder))


def _look(home: Home, dataset: Dataset) -> FlowCounts:
    with closing(reader_of(home)) as log:
        return flow_counts(home, dataset, log)


def _source_rows(home: Home, dataset: Dataset) -> int:
    """Return the rows of the source's first table: it may be a database of the user's own."""
    with DatabaseSource(home.source_url) as source:
        return source.count(source_table(dataset, dataset.producer.order[0]))


def _sent(reports: dict[str, PostReport]) -> tuple[Sent, ...]:
    return tuple(
        Sent(
            ROUTES[route],
            report.posts,
            requests=report.sent + report.retried + report.refused,
            records=report.sent,
        )
        for route, report in reports.items()
    )
