"""What a step reads: objects of the sink, or ranges of the log, as parts with their places."""

from __future__ import annotations

import io
from array import array
from collections.abc import Iterator, Sequence

import msgspec
import nanoarrow as na
from nanoarrow.c_array_stream import CArrayStream

from pinlake.engine.base import LogRange
from pinlake.engine.values import Part, Source
from pinlake.errors import ObjectForeign
from pinlake.lake import objects, offsets
from pinlake.lake.store import Lake
from pinlake.log.base import Batch, Column, LogReader, Position
from pinlake.log.columns import column
from pinlake.log.reading import read_on
from pinlake.record import TOPIC_MARK, Kind

READ_BYTES = 16 * 1024 * 1024


class Fetched(msgspec.Struct, frozen=True):
    """Records of a range up to a position: their values and their partition keys."""

    range: LogRange
    part: Part
    keys: Column
    upto: Position


class Keys:
    """Partition keys as an Arrow stream of one column ``key``, NULL where a record has none."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = columns

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the keys as a new Arrow stream, a batch a column."""
        kind = na.c_schema(na.struct({"key": na.binary()}))
        batches = [
            na.c_array_from_buffers(kind, len(each), [None], children=[_binary(each)])
            for each in self.columns
        ]
        return CArrayStream.from_c_arrays(batches, kind).__arrow_c_stream__(requested_schema)


def read_objects(lake: Lake, keys: Sequence[str]) -> Iterator[Part]:
    """Yield each object's lines and offsets. Raises ObjectForeign, FileNotFoundError."""
    places = [_place(key) for key in keys]
    contents = objects.unpacked(keys, lake.contents(keys))
    runs = lake.contents([f"{offsets.ROOT}/{key}" for key in keys])
    for key, place, content, told in zip(keys, places, contents, runs, strict=True):
        # Only \n ends a line here, as with the sink.
        lines = io.BytesIO(content) if isinstance(content, bytes) else iter(content.readline, b"")
        lengths = array("i", map(len, lines))
        positions = offsets.told(told, key, place.start, len(lengths))
        yield Part(Source(place.topic, place.partition, key), positions, lengths, content)


def read_log(log: LogReader, ranges: Sequence[LogRange]) -> Iterator[Fetched]:
    """Yield the records of each range, as the log hands them out."""
    for each in ranges:
        after = each.after
        while after is None or after < each.upto:
            batch = read_on(log, each.partition, after, READ_BYTES, each.upto)
            if not len(batch):
                break
            yield Fetched(each, _part(batch), batch.keys, batch.upto)
            after = batch.upto


def _place(key: str) -> objects.ObjectKey:
    place = objects.parse(key)
    if place is None:
        raise ObjectForeign(key=key)
    return place


def _part(batch: Batch) -> Part:
    values = batch.values
    if values.nulls:
        values = column([b"null" if value is None else value for value in values.values()])
    log_name = batch.partition.log_name
    mark = TOPIC_MARK if log_name.kind is Kind.TOPIC else ""
    source = Source(log_name.name, batch.partition.number, mark=mark)
    return Part(source, batch.positions, values.lengths, values.blob)


def _binary(keys: Column) -> object:
    valid = None
    if keys.nulls:
        bits = bytearray((len(keys) + 7) // 8)
        for row in range(len(keys)):
            bits[row // 8] |= (row not in keys.nulls) << row % 8
        valid = bytes(bits)
    return na.c_array_from_buffers(na.binary(), len(keys), [valid, keys.offsets(), keys.blob])
