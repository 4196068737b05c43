"""How far each stage is, told from the lake and the log without reading a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from pinlake.dataset import Dataset, Table
from pinlake.engine.base import FOLDERS, output_of, quarantine_of
from pinlake.engine.routes import Routes, routes
from pinlake.errors import SourceFailed, TopicUnknown
from pinlake.lake import objects, progress, tables
from pinlake.lake.open import open_lake
from pinlake.lake.progress import Plan, Plans
from pinlake.lake.store import Lake
from pinlake.log.base import LogReader, PartitionState, is_untold
from pinlake.record import Kind, LogName, topic
from pinlake.settings import Home
from pinlake.stage.arrivals import Arrivals
from pinlake.stage.connector.configuration import connector_of
from pinlake.stage.load_source import behind
from pinlake.table import unclaimed


class StageStatus(msgspec.Struct, frozen=True):
    """A table of a stage (for the sink: a topic), as it stands.

    ``lag`` is what no plan has taken yet, in ``unit``s: records of the log for
    sink and stream, objects for load (of a table with a source its files or rows),
    versions of the raw table for clean; None where it cannot be told. ``rows`` and
    ``version`` are of the stage's output (for the sink rows None).
    """

    stage: str
    table: str
    plan: int | None
    lag: int | None
    unit: str
    rows: int | None = None
    version: int | None = None
    quarantined: int = 0
    running: bool = False


def status(home: Home, dataset: Dataset, log: LogReader | None = None) -> list[StageStatus]:
    """Return every stage's tables in the order of the flow; lags of the log need the log."""
    lake = open_lake(home)
    return [
        *_sinks(lake, log, connector_of(home.settings.sink).takes),
        *_loads(lake, dataset, home.source_url),
        *_cleans(lake, dataset),
        *_streams(lake, dataset, log, topics=home.settings.stream.topics),
    ]


def _sinks(lake: Lake, log: LogReader | None, takes: Callable[[str], bool]) -> list[StageStatus]:
    held = filter(takes, log.names(Kind.TOPIC)) if log else ()
    names = {*progress.names(lake, "sink"), *held}
    found = []
    for name in sorted(names):
        plans = Plans(lake, "sink", name)
        lag = _behind(log, plans.latest(), [(topic(name), name)]) if log else None
        found.append(_status(lake, plans, lag, "records"))
    return found


def _loads(lake: Lake, dataset: Dataset, source_url: str) -> list[StageStatus]:
    fed: dict[str, list[str]] = {name: [] for name in dataset.tables}
    for name in objects.topics(lake):
        table = dataset.table_of_topic(name) or unclaimed(topic(name))
        fed.setdefault(table.name, []).append(name)
    found = []
    for table_name, topics in fed.items():
        plans, declared = Plans(lake, "load", table_name), dataset.tables.get(table_name)
        if declared and declared.origin and not topics:
            found.append(_from_source(lake, plans, declared, dataset.path, source_url))
        else:
            lag = len(Arrivals(lake, table_name).after(plans.latest(), topics))
            found.append(_status(lake, plans, lag, "objects"))
    return found


def _from_source(
    lake: Lake, plans: Plans, table: Table, folder: Path, source_url: str
) -> StageStatus:
    """Return how far a table's load is behind its source; a source that is away tells nothing."""
    try:
        left = behind(table, folder, source_url, plans.latest())
    except SourceFailed:
        return _status(lake, plans, None, "rows")
    return _status(lake, plans, left.count, left.unit)


def _cleans(lake: Lake, dataset: Dataset) -> list[StageStatus]:
    found = []
    for name in dataset.tables:
        plans = Plans(lake, "clean", name)
        latest, head = plans.latest(), tables.head(lake, f"raw/{name}")
        done = latest.upto if latest and latest.upto is not None else -1
        found.append(_status(lake, plans, head.version - done if head else 0, "versions"))
    return found


def _streams(
    lake: Lake, dataset: Dataset, log: LogReader | None, *, topics: bool
) -> list[StageStatus]:
    fed = {name: Routes(table, ()) for name, table in dataset.tables.items()}
    if log:
        claimed = log.names(Kind.TOPIC) if topics else ()
        known = routes(dataset, log.names(Kind.STREAM), claimed)
        fed |= {each.table.name: each for each in known}
    found = []
    for name, each in fed.items():
        plans = Plans(lake, "stream", name)
        told = log is not None and not progress.is_of_query(plans.latest())
        lag = _behind(log, plans.latest(), _keys(each)) if log and told else None
        found.append(_status(lake, plans, lag, "records"))
    return found


def _keys(fed: Routes) -> list[tuple[LogName, str]]:
    return [(feed.log_name, feed.key) for feed in fed.feeds]


def _status(lake: Lake, plans: Plans, lag: int | None, unit: str) -> StageStatus:
    latest, has_rows = plans.latest(), plans.stage in FOLDERS
    held = tables.size(lake, output_of(plans.stage, plans.name)) if has_rows else None
    refused = tables.size(lake, quarantine_of(plans.stage, plans.name)) if has_rows else None
    return StageStatus(
        plans.stage,
        plans.name,
        plan=latest.number if latest else None,
        lag=lag,
        unit=unit,
        rows=held.rows if held else None,
        version=held.version if held else None,
        quarantined=refused.rows if refused else 0,
        running=plans.claimed(),
    )


def _behind(
    log: LogReader, latest: Plan | None, feeds: Iterable[tuple[LogName, str]]
) -> int | None:
    """Count the positions after the newest plan: with gaps in them, more than there are records.

    ``feeds`` are topics or streams, each with its key in the plan's ranges. None
    where the log does not tell its ends.
    """
    total = 0
    for name, key in feeds:
        for each in _partitions(log, name):
            if is_untold(each.end):
                return None
            planned = latest.ranges.get(f"{key}/{each.number}") if latest else None
            done = planned.upto if planned else each.beginning - 1
            total += max(0, each.end - 1 - max(done, each.beginning - 1))
    return total


def _partitions(log: LogReader, name: LogName) -> tuple[PartitionState, ...]:
    try:
        return log.describe(name).partitions
    except TopicUnknown:
        return ()
