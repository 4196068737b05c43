"""Erasing records from the embedded log: their bytes go, their positions stay."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pinlake.log import file
from pinlake.log.base import Position
from pinlake.log.batches import BATCH_BYTES, Rows, decode, encode, position_of, row_id
from pinlake.log.statements import SQL
from pinlake.record import Kind, Partition, Record

ERASED_KEY = b"erased"
"""The partition key of an erased record of a stream, where each record has one."""

Erased = Mapping[Position, bytes]
"""What takes the values' place, by position."""


@contextmanager
def opened(path: Path) -> Iterator[Eraser]:
    """Open a log at rest for erasing; its old bytes are gone from the disk when the block ends.

    Raises LogInUse where a gateway holds it, LogUnusable where it is no log.
    """
    lock = file.hold_lock(path)
    try:
        connection = file.open_writer(path)
        try:
            connection.execute("PRAGMA secure_delete = on")
            eraser = Eraser(connection)
            yield eraser
            if eraser.erased:
                _forget(connection)
        finally:
            connection.close()
    finally:
        os.close(lock)


class Eraser:
    """Rewrites the batches that hold a record. ``erased`` counts the records."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.erased = 0

    def erase(self, partition: Partition, values: Erased, whole: frozenset[Position]) -> None:
        """Put other values in place of some records', all of them or none.

        Of the records in ``whole`` key and headers go too. Positions that the log
        does not hold any more are none of its business.
        """
        number = self._number(partition)
        with file.transaction(self._connection):
            stored = {each for at in values for each in self._stored(number, at)}
            for row, latest in sorted(stored):
                self._rewrite(partition, row, latest, values, whole)

    def _number(self, partition: Partition) -> int:
        name = partition.log_name
        key = (partition.number, name.kind.value, name.name)
        found = self._connection.execute(SQL["partition"], key).fetchone()
        return int(found[0])

    def _stored(self, number: int, position: Position) -> list[tuple[int, int]]:
        """Return the id and the highest time of the batch that holds a position, if one does."""
        at = {"partition": row_id(number, 0), "position": row_id(number, position)}
        found = self._connection.execute(SQL["batch_at"], at).fetchall()
        return [
            (row, latest) for row, count, latest in found if position < position_of(row) + count
        ]

    def _rewrite(
        self,
        partition: Partition,
        row: int,
        latest: int,
        values: Erased,
        whole: frozenset[Position],
    ) -> None:
        held = self._read(partition, row)
        records = [
            Record(
                key=_key(partition, key) if position in whole else key,
                value=values.get(position, value),
                headers=() if position in whole else headers,
                time=time,
            )
            for position, key, value, time, headers in held
        ]
        self._connection.execute(SQL["delete_batches"], (row, row + 1))
        size = sum(len(each.value or b"") + len(each.key or b"") for each in records)
        made = encode(row, records, now=0, latest=latest, max_bytes=max(size, BATCH_BYTES))
        self._connection.executemany(SQL["add_batch"], made)
        self.erased += sum(position in values for position, *_ in held)

    def _read(self, partition: Partition, row: int) -> list[tuple[Any, ...]]:
        """Return position, key, value, time and headers of each record of a batch."""
        span = {"partition": row, "start": row, "stop": row + 1}
        found = self._connection.execute(SQL["read"], span).fetchall()
        first = position_of(row)
        stop = first + found[0][1]
        batch = decode(partition, Rows(*zip(*found, strict=True)), first, stop, 1 << 62)
        columns = (
            batch.positions,
            batch.keys.values(),
            batch.values.values(),
            batch.times,
            batch.headers or [()] * len(batch),
        )
        return list(zip(*columns, strict=True))


def _key(partition: Partition, key: bytes | None) -> bytes | None:
    erasable = key is not None and partition.log_name.kind is Kind.STREAM
    return ERASED_KEY if erasable else None


def _forget(connection: sqlite3.Connection) -> None:
    """Write the database anew, without the pages that were freed, and empty its journal."""
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
