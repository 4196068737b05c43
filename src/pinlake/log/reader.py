"""Reading the embedded log, from any process and any thread."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from pinlake.errors import LogClosed, TopicUnknown
from pinlake.log import file
from pinlake.log.base import Batch, Position, TopicState
from pinlake.log.batches import BATCH_BYTES, Rows, decode, empty, position_of, row_id
from pinlake.log.statements import SQL
from pinlake.log.topics import HeldPartition, HeldTopic, unknown
from pinlake.record import LogName, Partition

_DATA = Rows._fields.index("data")


class SqliteLogReader:
    """Reads a log beside its writer: what is committed and synced, nothing else.

    Safe to use from any thread: each has its own connection, opened when it
    first asks. Raises LogUnusable where there is no log, or a broken one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._opening = threading.Lock()
        self._reading_ended = False
        self._id: str = self._one("log_id", ())[0]

    def log_id(self, name: LogName) -> str:
        """Return the log's identity, one for all its topics."""
        return self._id

    def names(self, kind: str) -> list[str]:
        """Return the names of all topics or all streams, sorted."""
        with file.unusable(self._path):
            return [name for (name,) in self._connection().execute(SQL["names"], (kind,))]

    def describe(self, name: LogName) -> TopicState:
        """Return the state of a topic or stream, or raise TopicUnknown."""
        with file.unusable(self._path):
            return load_topic(self._connection(), name).state()

    def read(
        self,
        partition: Partition,
        after: Position | None,
        max_bytes: int,
        upto: Position | None = None,
    ) -> Batch:
        """Return records with after < position <= upto, at most max_bytes but one at least."""
        number, beginning, end = self._find(partition)
        start = beginning if after is None else max(beginning, after + 1)
        stop = end if upto is None else min(end, upto + 1)
        found = self._rows(number, start, stop, max_bytes) if start < stop else []
        if not found:
            return empty(partition)
        return decode(partition, Rows(*zip(*found, strict=True)), start, stop, max_bytes)

    def find_time(self, partition: Partition, time: int) -> Position:
        """Return the position of the first record at or after a time, or the end."""
        number, beginning, end = self._find(partition)
        position = self._bisect(number, beginning, end, time)
        while position < end:
            batch = self.read(partition, position - 1, BATCH_BYTES, end - 1)
            for at, when in zip(batch.positions, batch.times, strict=True):
                if when >= time:
                    return at
            position = batch.upto + 1
        return end

    def close(self) -> None:
        """Close the connections of all threads. Idempotent; call it when none reads any more."""
        with self._opening:
            self._reading_ended = True
            while self._opened:
                self._opened.pop().close()

    def _check_open(self) -> None:
        if self._reading_ended:
            raise LogClosed

    def _connection(self) -> sqlite3.Connection:
        self._check_open()
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = file.open_reader(self._path)
            with self._opening:
                self._opened.append(connection)
        return connection

    def _one(self, statement: str, values: Any) -> Any:
        with file.unusable(self._path):
            return self._connection().execute(SQL[statement], values).fetchone()

    def _find(self, partition: Partition) -> tuple[int, Position, Position]:
        name = partition.log_name
        found = self._one("partition", (partition.number, name.kind.value, name.name))
        if found is None:
            self.describe(name)
            raise unknown(partition)
        number, beginning, end = found
        return number, beginning, end

    def _rows(
        self, number: int, start: Position, stop: Position, max_bytes: int
    ) -> list[tuple[Any, ...]]:
        values = {
            "partition": row_id(number, 0),
            "start": row_id(number, start),
            "stop": row_id(number, stop),
        }
        connection = self._connection()
        with file.unusable(self._path), closing(connection.execute(SQL["read"], values)) as found:
            return _take(found, max_bytes)

    def _bisect(self, number: int, low: Position, high: Position, time: int) -> Position:
        while low < high:
            middle = row_id(number, (low + high) // 2)
            values = {"partition": row_id(number, 0), "position": middle}
            found = self._one("batch_at", values)
            if found is None:
                return low
            row, count, latest = found
            if latest >= time:
                high = max(low, position_of(row))
            else:
                low = position_of(row) + count
        return low


def load_topic(connection: sqlite3.Connection, name: LogName) -> HeldTopic:
    """Read a topic and its partitions, or raise TopicUnknown."""
    rows = connection.execute(SQL["topic"], (name.kind.value, name.name)).fetchall()
    if not rows:
        raise TopicUnknown(kind=name.kind.value, name=name.name)
    created, attributes = rows[0][:2]
    partitions = [_partition(row[2:]) for row in rows if row[2] is not None]
    by_number = {partition.number: partition for partition in partitions}
    return HeldTopic(name, created, by_number, json.loads(attributes))


def _partition(row: Sequence[Any]) -> HeldPartition:
    number, beginning, end, closed, attributes, own_id, latest, origin = row
    return HeldPartition(
        number, beginning, end, bool(closed), json.loads(attributes), own_id, latest, origin
    )


def _take(rows: Iterable[tuple[Any, ...]], max_bytes: int) -> list[tuple[Any, ...]]:
    taken: list[tuple[Any, ...]] = []
    size = 0
    for row in rows:
        size += len(row[_DATA])
        if taken and size > max_bytes:
            break
        taken.append(row)
    return taken
