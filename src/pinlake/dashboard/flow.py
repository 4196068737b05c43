"""The flow in figures: what stands in the log, the objects and every table."""

from __future__ import annotations

from typing import Literal

import msgspec

from pinlake.dataset import Dataset
from pinlake.lake import objects
from pinlake.lake.open import open_lake
from pinlake.lake.store import Lake
from pinlake.log.base import LogReader
from pinlake.query.lake import OpenLake
from pinlake.record import Kind, LogName
from pinlake.settings import Home

Route = Literal["batch", "stream"]

KINDS: dict[Route, Kind] = {"batch": Kind.TOPIC, "stream": Kind.STREAM}


class Sent(msgspec.Struct, frozen=True):
    """What a producer sent by one route, all of it acknowledged."""

    route: Route
    posts: int
    requests: int
    records: int


class LogCount(msgspec.Struct, frozen=True):
    """The records that a topic or stream holds, and the tables that claim it."""

    name: str
    kind: Kind
    tables: tuple[str, ...]
    records: int


class TableCount(msgspec.Struct, frozen=True):
    """The rows of a table, such as ``clean/pin``, at a version."""

    name: str
    version: int
    rows: int


class FlowCounts(msgspec.Struct, frozen=True):
    """How many of what is where. All but ``sent`` and ``source_rows`` follows from the home."""

    log: tuple[LogCount, ...] = ()
    objects: int = 0
    object_bytes: int = 0
    tables: tuple[TableCount, ...] = ()
    sent: tuple[Sent, ...] = ()
    source_rows: int | None = None

    def sent_by(self, route: Route) -> Sent | None:
        """Return what was sent by a route, or None where nobody says."""
        return next((sent for sent in self.sent if sent.route == route), None)

    def records(self, route: Route) -> int:
        """Return the records in the log's topics (batch) or streams."""
        return sum(count.records for count in self.log if count.kind == KINDS[route])

    def in_folder(self, folder: str) -> tuple[TableCount, ...]:
        """Return the tables right below a folder, such as ``clean`` or ``quarantine/load``."""
        return tuple(count for count in self.tables if count.name.rpartition("/")[0] == folder)

    def rows(self, folder: str) -> int:
        """Return the rows of all tables right below a folder."""
        return sum(count.rows for count in self.in_folder(folder))

    def quarantined(self, route: Route) -> int:
        """Return what a route could not decode."""
        stages = ("load", "clean") if route == "batch" else ("stream",)
        return sum(self.rows(f"quarantine/{stage}") for stage in stages)

    def duplicates(self, route: Route) -> int:
        """Return the rows that a route left out because their key was there.

        Exact once the route has drained; by streams, where each record is one row.
        """
        return self._batch_duplicates() if route == "batch" else self._stream_duplicates()

    def _batch_duplicates(self) -> int:
        cleaned = (count.name.removeprefix("clean/") for count in self.in_folder("clean"))
        raw = sum(self.rows_of(f"raw/{name}") for name in cleaned)
        return max(0, raw - self.rows("clean") - self.rows("quarantine/clean"))

    def _stream_duplicates(self) -> int:
        claimed = [count for count in self.log if count.kind == Kind.STREAM and count.tables]
        names = {name for count in claimed for name in count.tables}
        kept = sum(self.rows_of(f"stream/{name}") for name in names)
        sent = sum(count.records for count in claimed)
        return max(0, sent - kept - self.rows("quarantine/stream"))

    def rows_of(self, table: str) -> int:
        """Return the rows of a table, 0 where there is none."""
        return sum(count.rows for count in self.tables if count.name == table)


def flow_counts(home: Home, dataset: Dataset, log: LogReader | None) -> FlowCounts:
    """Count what the home holds now: cheap enough to be called every few seconds.

    ``log`` None where the home cannot see it: of the log then nothing is counted.
    """
    stored = _objects(open_lake(home))
    return FlowCounts(
        log=_log_counts(dataset, log) if log else (),
        objects=len(stored),
        object_bytes=sum(stored),
        tables=_table_counts(OpenLake(home, dataset)),
    )


def _log_counts(dataset: Dataset, log: LogReader) -> tuple[LogCount, ...]:
    names = [LogName(kind, name) for kind in Kind for name in log.names(kind)]
    return tuple(
        LogCount(name.name, name.kind, _claimed_by(dataset, name), _held(log, name))
        for name in names
    )


def _claimed_by(dataset: Dataset, name: LogName) -> tuple[str, ...]:
    if name.kind == Kind.TOPIC:
        table = dataset.table_of_topic(name.name)
        return (table.name,) if table else ()
    return tuple(table.name for table, _ in dataset.tables_of_stream(name.name))


def _held(log: LogReader, name: LogName) -> int:
    return sum(part.held or 0 for part in log.describe(name).partitions)


def _objects(lake: Lake) -> list[int]:
    """Return the size of every object of the sink, in bytes."""
    return [
        listed.size
        for topic in objects.topics(lake)
        for partition in objects.partitions(lake, topic)
        for listed in objects.list_after(lake, topic, partition, None)
    ]


def _table_counts(lake: OpenLake) -> tuple[TableCount, ...]:
    states = [lake.describe(name) for name in lake.tables()]
    return tuple(TableCount(state.name, state.version, state.rows) for state in states)
