"""JSON texts with their place in the log, column by column, as Arrow takes them without a copy."""

from __future__ import annotations

import mmap
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, groupby
from typing import NamedTuple

import msgspec
import nanoarrow as na
from nanoarrow.c_array import CArray
from nanoarrow.c_array_stream import CArrayStream

SLICE = 8192
"""Rows in one Arrow batch: DuckDB gives each batch to one thread."""

BLOCK_BYTES = 4 * 1024 * 1024
"""Smaller parts are copied into blocks of about this size, larger ones stay where they are."""


Bytes = bytes | mmap.mmap
"""Bytes in memory, or in a file that is mapped."""


class Source(msgspec.Struct, frozen=True):
    """Where values come from: a partition of a topic or stream, and the object they lay in.

    ``mark`` goes before a name that a stream of the same step may have too.
    """

    topic: str
    partition: int
    object: str | None = None
    mark: str = ""


class Part(msgspec.Struct, frozen=True):
    """The values of one source, in order of position; ``lengths`` are bytes in ``blob``."""

    source: Source
    positions: array[int]
    lengths: array[int]
    blob: Bytes


class Value(NamedTuple):
    """One value with its place."""

    row: int
    source: Source
    position: int
    element: int
    content: bytes


class Replacement(msgspec.Struct, frozen=True):
    """What takes a value's place: one row of it."""

    element: int
    json: bytes
    rescued: str | None = None


class Block(msgspec.Struct, frozen=True):
    """Columns of equal length, one entry a value; ``rescued`` is by place in the block."""

    source: array[int]
    positions: array[int]
    elements: array[int]
    lengths: array[int]
    blob: Bytes
    rescued: Mapping[int, str] = {}

    def __len__(self) -> int:
        return len(self.lengths)


class Values:
    """Values in order of (topic or stream, partition, position, element).

    A row is a value's place among all; a block's ``source`` is a place in ``sources``.
    """

    def __init__(self, sources: Sequence[Source], blocks: Sequence[Block]) -> None:
        self.sources, self.blocks = tuple(sources), tuple(blocks)
        self.starts = list(accumulate(map(len, blocks), initial=0))
        self._batches: list[CArray] | None = None

    def __len__(self) -> int:
        return self.starts[-1]

    def at(self, rows: Sequence[int]) -> Iterator[Value]:
        """Yield the values of these rows, which ascend."""
        for number, places in self._by_block(rows):
            block, start = self.blocks[number], self.starts[number]
            ends = array("q", accumulate(block.lengths))
            for place in places:
                yield Value(
                    start + place,
                    self.sources[block.source[place]],
                    block.positions[place],
                    block.elements[place],
                    block.blob[ends[place] - block.lengths[place] : ends[place]],
                )

    def replaced(self, rows: Mapping[int, Sequence[Replacement]]) -> Values:
        """Return the values with these rows (ascending) replaced, each by any number of rows."""
        blocks = list(self.blocks)
        for number, places in self._by_block(list(rows)):
            replacements = {place: rows[self.starts[number] + place] for place in places}
            blocks[number] = _Pieces(blocks[number]).build(replacements)
        return Values(self.sources, blocks)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the values as a new Arrow stream, in batches of SLICE rows."""
        if self._batches is None:
            self._batches = self._sliced()
        stream = CArrayStream.from_c_arrays(self._batches, _KIND, validate=False)
        return stream.__arrow_c_stream__(requested_schema)

    def _sliced(self) -> list[CArray]:
        arrays = [_arrow(*each) for each in zip(self.blocks, self.starts, strict=False)]
        return [
            array[start : min(len(array), start + SLICE)]
            for array in arrays
            for start in range(0, len(array), SLICE)
        ]

    def _by_block(self, rows: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
        """Yield the blocks that hold rows by their numbers, and the rows' places in them."""
        at = 0
        for number, block in enumerate(self.blocks):
            start, places = self.starts[number], []
            while at < len(rows) and rows[at] < start + len(block):
                places.append(rows[at] - start)
                at += 1
            if places:
                yield number, places


def joined(parts: Sequence[Part]) -> Values:
    """Return the parts' values in order, each part a source of its own."""
    ends = accumulate(len(part.blob) for part in parts)
    grouped = groupby(
        zip(range(len(parts)), parts, ends, strict=True), lambda each: each[2] // BLOCK_BYTES
    )
    blocks = [_block([(place, part) for place, part, _ in group]) for _, group in grouped]
    return Values([part.source for part in parts], blocks)


def cut(part: Part, dropped: Sequence[int]) -> Part:
    """Return a part without some of its values, by their places, which ascend."""
    if not dropped:
        return part
    values = joined([part]).replaced(dict.fromkeys(dropped, ()))
    (block,) = values.blocks
    return Part(part.source, block.positions, block.lengths, block.blob)


class _Pieces:
    """A block in the making: runs of the old one, and what replaces the values between."""

    def __init__(self, old: Block) -> None:
        self.old = old
        self.blobs: list[bytes] = []
        self.source, self.positions = array("i"), array("q")
        self.elements, self.lengths = array("i"), array("i")
        self.rescued: dict[int, str] = {}

    def build(self, places: Mapping[int, Sequence[Replacement]]) -> Block:
        starts = array("q", accumulate(self.old.lengths, initial=0))
        after = 0
        for place, replacements in places.items():
            self._keep(after, place, starts)
            for replacement in replacements:
                self._put(place, replacement)
            after = place + 1
        self._keep(after, len(self.old), starts)
        blob = b"".join(self.blobs)
        return Block(self.source, self.positions, self.elements, self.lengths, blob, self.rescued)

    def _keep(self, first: int, stop: int, starts: array[int]) -> None:
        assert not self.old.rescued, "a value is fitted to its columns once"
        if first < stop:
            self.source += self.old.source[first:stop]
            self.positions += self.old.positions[first:stop]
            self.elements += self.old.elements[first:stop]
            self.lengths += self.old.lengths[first:stop]
            self.blobs.append(self.old.blob[starts[first] : starts[stop]])

    def _put(self, place: int, new: Replacement) -> None:
        if new.rescued is not None:
            self.rescued[len(self.lengths)] = new.rescued
        self.source.append(self.old.source[place])
        self.positions.append(self.old.positions[place])
        self.elements.append(new.element)
        self.lengths.append(len(new.json))
        self.blobs.append(new.json)


def _block(parts: Sequence[tuple[int, Part]]) -> Block:
    source, positions, lengths = array("i"), array("q"), array("i")
    for place, part in parts:
        source += array("i", [place]) * len(part.lengths)
        positions += part.positions
        lengths += part.lengths
    blob = parts[0][1].blob if len(parts) == 1 else b"".join(part.blob for _, part in parts)
    return Block(source, positions, array("i", bytes(4 * len(lengths))), lengths, blob)


_KIND = na.c_schema(
    na.struct(
        {
            "row": na.int64(),
            "source": na.int32(),
            "position": na.int64(),
            "element": na.int32(),
            "value": na.string(),
            "rescued": na.string(),
        }
    )
)


def _arrow(block: Block, start: int) -> CArray:
    """Return a block as an Arrow array; its bytes are not copied."""
    columns = [
        _numbers(na.int64(), array("q", range(start, start + len(block)))),
        _numbers(na.int32(), block.source),
        _numbers(na.int64(), block.positions),
        _numbers(na.int32(), block.elements),
        _strings(block.lengths, block.blob),
        _sparse(len(block), block.rescued),
    ]
    return na.c_array_from_buffers(_KIND, len(block), [None], children=columns)


def _numbers(kind: na.Schema, column: array[int]) -> CArray:
    return na.c_array_from_buffers(kind, len(column), [None, column])


def _strings(lengths: array[int], blob: Bytes, valid: bytes | None = None) -> CArray:
    offsets = array("i", accumulate(lengths, initial=0))
    return na.c_array_from_buffers(na.string(), len(lengths), [valid, offsets, blob])


def _sparse(count: int, texts: Mapping[int, str]) -> CArray:
    """Return a column of strings that is null but for some rows."""
    if not texts:
        return na.c_array_from_buffers(
            na.string(), count, [bytes((count + 7) // 8), bytes(4 * (count + 1)), b""]
        )
    lengths, valid = array("i", bytes(4 * count)), bytearray((count + 7) // 8)
    encoded = {place: text.encode() for place, text in texts.items()}
    for place, text in encoded.items():
        lengths[place] = len(text)
        valid[place // 8] |= 1 << place % 8
    return _strings(lengths, b"".join(encoded.values()), bytes(valid))
