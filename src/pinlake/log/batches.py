"""How the embedded log stores records: one row a batch, its columns as blobs.

Integers are int32 (lengths, null rows) and int64 (times) in the machine's byte
order, which is little-endian wherever this runs.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, repeat
from typing import NamedTuple

import msgspec

from pinlake.log.base import Batch, Column, Position
from pinlake.log.columns import absent, column, cut, fitting
from pinlake.record import Partition, Record

POSITION_BITS = 44
"""Positions a partition can hold: 2^44, five years at 100,000 records/s; 2^19 partitions."""

BATCH_BYTES = 1024 * 1024
"""A batch is stored in pieces of about this size, so that reading a little stays cheap."""

Headers = tuple[tuple[str, bytes], ...]
_headers = msgspec.msgpack.Decoder(list[Headers])


class NewBatch(NamedTuple):
    """A batch as it goes into its row."""

    id: int
    records: int
    time: int
    latest: int
    times: bytes | None
    lengths: bytes
    nulls: bytes | None
    key_lengths: bytes | None
    key_nulls: bytes | None
    headers: bytes | None
    keys: bytes | None
    data: bytes


class Rows(NamedTuple):
    """Adjoining rows as they are read back, column by column.

    ``times`` None: every record of the batch has the time ``time``;
    ``key_lengths`` None: none has a key; ``headers`` None: none has headers.
    """

    id: tuple[int, ...]
    records: tuple[int, ...]
    time: tuple[int, ...]
    times: tuple[bytes | None, ...]
    lengths: tuple[bytes, ...]
    nulls: tuple[bytes | None, ...]
    key_lengths: tuple[bytes | None, ...]
    key_nulls: tuple[bytes | None, ...]
    headers: tuple[bytes | None, ...]
    keys: tuple[bytes | None, ...]
    data: tuple[bytes, ...]


def row_id(partition: int, position: Position) -> int:
    """Return the id of the batch that begins at a position of a partition's number."""
    return partition << POSITION_BITS | position


def position_of(row: int) -> Position:
    """Return the position at which the batch with this id begins."""
    return row & ((1 << POSITION_BITS) - 1)


def encode(
    first_id: int, records: Sequence[Record], now: int, latest: int, max_bytes: int = BATCH_BYTES
) -> list[NewBatch]:
    """Return the rows that hold these records, the first of them under ``first_id``.

    ``now`` is the time of records without one, ``latest`` the highest time before them.
    """
    rows = []
    for piece in _pieces(records, max_bytes):
        rows.append(_encode(first_id, piece, now, latest))
        first_id += len(piece)
        latest = rows[-1].latest
    return rows


def decode(
    partition: Partition, rows: Rows, start: Position, stop: Position, max_bytes: int
) -> Batch:
    """Return the records start <= position < stop of adjoining rows.

    At most ``max_bytes`` of values, but one record at least.
    """
    whole = _join(partition, rows)
    first = whole.positions[0]
    skip, keep = max(0, start - first), min(len(whole), stop - first)
    if len(whole.values.blob) > max_bytes:
        keep = min(keep, skip + fitting(whole.values.lengths[skip:keep], max_bytes))
    return whole if keep - skip == len(whole) else _cut(whole, skip, keep)


def empty(partition: Partition) -> Batch:
    """Return a batch of no records."""
    return Batch(partition, array("q"), array("q"), absent(0), absent(0))


def _pieces(records: Sequence[Record], max_bytes: int) -> Iterator[Sequence[Record]]:
    sizes = [len(record.value or b"") + len(record.key or b"") for record in records]
    if sum(sizes) <= max_bytes:
        yield records
        return
    ends, start = list(accumulate(sizes)), 0
    while start < len(records):
        held = ends[start - 1] if start else 0
        stop = max(start + 1, bisect_right(ends, held + max_bytes))
        yield records[start:stop]
        start = stop


def _encode(row: int, records: Sequence[Record], now: int, latest: int) -> NewBatch:
    values = column([record.value for record in records])
    time, highest, times = _encode_times([record.time for record in records], now)
    key_lengths, key_nulls, keys = _encode_keys([record.key for record in records])
    return NewBatch(
        id=row,
        records=len(records),
        time=time,
        latest=max(latest, highest),
        times=times,
        lengths=values.lengths.tobytes(),
        nulls=_encode_nulls(values),
        key_lengths=key_lengths,
        key_nulls=key_nulls,
        headers=_encode_headers([record.headers for record in records]),
        keys=keys,
        data=values.blob,
    )


def _encode_times(times: list[int | None], now: int) -> tuple[int, int, bytes | None]:
    if times.count(times[0]) == len(times):
        time = now if times[0] is None else times[0]
        return time, time, None
    filled = array("q", [now if time is None else time for time in times])
    return filled[0], max(filled), filled.tobytes()


def _encode_keys(keys: list[bytes | None]) -> tuple[bytes | None, bytes | None, bytes | None]:
    if keys.count(None) == len(keys):
        return None, None, None
    made = column(keys)
    return made.lengths.tobytes(), _encode_nulls(made), made.blob


def _encode_nulls(made: Column) -> bytes | None:
    return array("i", sorted(made.nulls)).tobytes() if made.nulls else None


def _encode_headers(headers: list[Headers]) -> bytes | None:
    return msgspec.msgpack.encode(headers) if any(headers) else None


def _join(partition: Partition, rows: Rows) -> Batch:
    first = position_of(rows.id[0])
    return Batch(
        partition=partition,
        positions=array("q", range(first, first + sum(rows.records))),
        times=_join_times(rows),
        keys=_join_keys(rows),
        values=Column(
            array("i", b"".join(rows.lengths)),
            b"".join(rows.data),
            _join_nulls(rows.records, rows.nulls),
        ),
        headers=_join_headers(rows),
    )


def _join_times(rows: Rows) -> array[int]:
    if not any(rows.times):
        return array("q", chain.from_iterable(map(repeat, rows.time, rows.records)))
    blobs = (
        times or array("q", [time]).tobytes() * count
        for times, time, count in zip(rows.times, rows.time, rows.records, strict=True)
    )
    return array("q", b"".join(blobs))


def _join_keys(rows: Rows) -> Column:
    if not any(rows.key_lengths):
        return absent(sum(rows.records))
    lengths = map(_or_zeros, rows.key_lengths, rows.records)
    nulls = map(_or_all, rows.key_lengths, rows.key_nulls, rows.records)
    return Column(
        array("i", b"".join(lengths)),
        b"".join(keys or b"" for keys in rows.keys),
        _join_nulls(rows.records, tuple(nulls)),
    )


def _or_zeros(lengths: bytes | None, count: int) -> bytes:
    return lengths or bytes(4 * count)


def _or_all(lengths: bytes | None, nulls: bytes | None, count: int) -> bytes | None:
    return nulls if lengths else array("i", range(count)).tobytes()


def _join_nulls(counts: tuple[int, ...], nulls: tuple[bytes | None, ...]) -> frozenset[int]:
    if not any(nulls):
        return frozenset()
    firsts = accumulate(counts, initial=0)
    return frozenset(
        first + row
        for first, blob in zip(firsts, nulls, strict=False)
        for row in array("i", blob or b"")
    )


def _join_headers(rows: Rows) -> Sequence[Headers]:
    if not any(rows.headers):
        return ()
    return [
        headers
        for blob, count in zip(rows.headers, rows.records, strict=True)
        for headers in (_headers.decode(blob) if blob else repeat((), count))
    ]


def _cut(whole: Batch, start: int, stop: int) -> Batch:
    return Batch(
        partition=whole.partition,
        positions=whole.positions[start:stop],
        times=whole.times[start:stop],
        keys=cut(whole.keys, start, stop),
        values=cut(whole.values, start, stop),
        headers=whole.headers[start:stop],
    )
