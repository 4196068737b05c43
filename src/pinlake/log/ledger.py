"""The segments of the embedded log's partitions, as rows of its database."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Mapping, Sequence

from pinlake.log import file
from pinlake.log.base import Segment
from pinlake.log.batches import NewBatch, position_of, row_id
from pinlake.log.segments import SegmentLimits, Segments
from pinlake.log.statements import SQL
from pinlake.log.topics import HeldPartition


def recovered(
    connection: sqlite3.Connection, held: HeldPartition, now: int, limits: SegmentLimits
) -> Segments:
    """Return a partition's segments: those that were closed, and what was stored since.

    Of a log of format 1 nothing was closed: all of it is looked at once, and
    what that closes is written down.
    """
    span = {"partition": row_id(held.id, 0), "next": row_id(held.id + 1, 0)}
    rows = connection.execute(SQL["segments"], span).fetchall()
    closed = tuple(Segment(position_of(row), *others) for row, *others in rows)
    known = Segments(closed).behind(held.beginning)
    start = known.closed[-1].stop if known.closed else held.beginning
    values = {"start": row_id(held.id, start), "next": row_id(held.id, held.end)}
    found = known
    for row in connection.execute(SQL["sizes"], values):
        found = found.extended(_of_row(*row), now, limits)
    if news := found.closed[len(known.closed) :]:
        with file.transaction(connection):
            write(connection, {held: news})
    return found


def grown(
    held: HeldPartition, batches: Sequence[NewBatch], now: int, limits: SegmentLimits
) -> Segments:
    """Return a partition's segments with new batches."""
    stop = position_of(batches[-1].id) + batches[-1].records
    more = Segment(
        position_of(batches[0].id),
        stop,
        latest=max(_latest(each.time, each.times) for each in batches),
        bytes=sum(len(each.data) + len(each.keys or b"") for each in batches),
    )
    return held.segments.extended(more, now, limits)


def write(
    connection: sqlite3.Connection, closed: Mapping[HeldPartition, Sequence[Segment]]
) -> None:
    """Write closed segments down."""
    rows: list[tuple[int, int, int, int]] = [
        (row_id(held.id, each.start), each.stop, each.latest, each.bytes)
        for held, some in closed.items()
        for each in some
    ]
    if rows:
        connection.executemany(SQL["add_segment"], rows)


def _of_row(row: int, records: int, time: int, times: bytes | None, size: int) -> Segment:
    start = position_of(row)
    return Segment(start, start + records, _latest(time, times), size)


def _latest(time: int, times: bytes | None) -> int:
    return time if times is None else max(array("q", times))
