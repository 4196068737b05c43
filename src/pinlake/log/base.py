"""The seam to a log: what every log promises, and the values that cross it."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self

import msgspec

from pinlake.record import LogName, Partition, Record

Position = int
"""Where a record stands in its partition. Ordered, opaque: only a log computes with it.

The embedded log and Kafka count; Kinesis has numbers of 250 bits, with gaps.
"""

UNTOLD: Position = 1 << 320
"""From here on an ``end`` is no position of a record: the log does not tell where a partition
ends. Read up to it, and what is returned is all that there was when it was described.
"""

Attributes = Mapping[str, Any]
"""JSON that a protocol keeps with a topic or partition (a shard's hash key range, tags)."""


class PartitionSpec(msgspec.Struct, frozen=True):
    """What a new partition is made with."""

    attributes: Attributes = {}


class PartitionState(msgspec.Struct, frozen=True):
    """A partition as it stands now.

    ``beginning`` is the position of the oldest record still held, ``end`` the
    one that the next record will get: beginning == end means empty. ``origin``
    is where the topic began that is there now: what lies below was deleted with
    an earlier one of its name. Records of ``parents``, closed partitions, come
    before this one's.
    """

    number: int
    beginning: Position
    end: Position
    closed: bool = False
    attributes: Attributes = {}
    origin: Position = 0
    parents: tuple[int, ...] = ()

    @property
    def held(self) -> int | None:
        """How many records it holds, where positions count them; None where that is not told."""
        return None if is_untold(self.end) else self.end - self.beginning


class Segment(msgspec.Struct, frozen=True):
    """Records start <= position < stop of a partition, which are forgotten together.

    ``latest`` is their highest time, milliseconds since the epoch, ``bytes`` is
    what their values and keys take; a trim within a segment may leave both as they were.
    """

    start: Position
    stop: Position
    latest: int
    bytes: int


class TopicState(msgspec.Struct, frozen=True):
    """A topic or stream as it stands now. ``created`` is milliseconds since the epoch."""

    name: LogName
    created: int
    partitions: tuple[PartitionState, ...]
    attributes: Attributes = {}


class Append(msgspec.Struct, frozen=True):
    """Records for one partition, in order."""

    partition: Partition
    records: Sequence[Record]


Done = Callable[[list[Position] | None, Exception | None], None]
"""Called once, on any thread: the first position of each Append in order, or the error.

``positions_of`` tells those behind it.
"""


class Scattered(int):
    """The first position of an append that others wrote between: ``positions`` has each record's.

    Only where a log has several writers, as Kafka does.
    """

    positions: Sequence[Position]

    def __new__(cls, positions: Sequence[Position]) -> Self:
        """Return the first of some positions, which ascend, with all of them."""
        made = super().__new__(cls, positions[0])
        made.positions = positions
        return made


def positions_of(first: Position, count: int) -> Sequence[Position]:
    """Return the position of each record of an append, by that of the first."""
    return first.positions if isinstance(first, Scattered) else range(first, first + count)


class Column(msgspec.Struct, frozen=True):
    """A column of byte strings as Arrow lays them out.

    ``lengths`` (int32, one a row) and ``blob`` (the values without anything
    between them); ``nulls`` holds the rows that are null (their length is 0).
    """

    lengths: array[int]
    blob: bytes
    nulls: frozenset[int] = frozenset()

    def offsets(self) -> array[int]:
        """Return Arrow's int32 offsets, one more than there are rows."""
        from itertools import accumulate

        return array("i", accumulate(self.lengths, initial=0))

    def __len__(self) -> int:
        return len(self.lengths)

    def values(self) -> list[bytes | None]:
        """Return the values one by one (a loop over records: for tests and small batches)."""
        out: list[bytes | None] = []
        start = 0
        for row, length in enumerate(self.lengths):
            out.append(None if row in self.nulls else self.blob[start : start + length])
            start += length
        return out


class Batch(msgspec.Struct, frozen=True):
    """Records of one partition in order, as columns of equal length.

    ``positions`` ascend and may have gaps (Kafka's compaction and
    transactions); they are 64-bit, so where the log's own are larger they are the
    records' numbers in what was read, and ``last`` is the position of the last
    record. ``times`` are milliseconds since the epoch. A batch holds at
    least one record if there is one in the range that was asked for, however
    large it is, and may hold fewer than the range does: read again after
    ``upto``.
    """

    partition: Partition
    positions: array[int]
    times: array[int]
    keys: Column
    values: Column
    headers: Sequence[tuple[tuple[str, bytes], ...]] = ()  # empty where no record has any
    last: Position | None = None

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def upto(self) -> Position:
        """The position of the last record; IndexError on an empty batch."""
        return self.positions[-1] if self.last is None else self.last


def is_untold(position: Position) -> bool:
    """Tell whether a position is an end that the log does not tell."""
    return position >= UNTOLD


class LogReader(Protocol):
    """The reading side of a log, for any number of processes beside its writer.

    A reader sees a record only once the record is durable: what it has read
    survives kill -9 and power loss, and is read the same ever after.
    """

    def log_id(self, name: LogName) -> str:
        """Return the identity under which positions of this topic are never used twice."""
        ...

    def names(self, kind: str) -> list[str]:
        """Return the names of all topics or all streams, sorted."""
        ...

    def describe(self, name: LogName) -> TopicState:
        """Return the state of a topic or stream, or raise TopicUnknown."""
        ...

    def read(
        self,
        partition: Partition,
        after: Position | None,
        max_bytes: int,
        upto: Position | None = None,
    ) -> Batch:
        """Return records with after < position <= upto, in order, at most max_bytes of values.

        ``after`` None reads from the beginning, ``upto`` None to the end as it
        is now. Returns an empty batch where there is nothing. Raises
        TopicUnknown or PartitionUnknown.
        """
        ...

    def find_time(self, partition: Partition, time: int) -> Position:
        """Return the position of the first record at or after a time, or the end."""
        ...

    def close(self) -> None:
        """Release what the reader holds. Idempotent."""
        ...


class Log(LogReader, Protocol):
    """An ordered, durable, partitioned record log, with its one writer.

    Order: positions ascend in a partition, and are never used twice under one
    log id: a topic that is deleted and made again goes on where it stopped.
    Durability: when ``done`` is called with positions, the records survive
    kill -9 and power loss. Duplicates: the log makes none; a caller that
    repeats an append because it saw no answer makes one. A crash leaves every
    acknowledged append whole; an unacknowledged one is there whole or not at all.
    """

    def create(
        self,
        name: LogName,
        partitions: Sequence[PartitionSpec] = (PartitionSpec(),),
        attributes: Attributes = {},
    ) -> TopicState:
        """Create a topic or stream, durably; raise TopicExists where there is one."""
        ...

    def delete(self, name: LogName) -> None:
        """Delete a topic or stream and its records; raise TopicUnknown."""
        ...

    def alter(
        self,
        name: LogName,
        *,
        attributes: Attributes | None = None,
        close: Sequence[int] = (),
        add: Sequence[PartitionSpec] = (),
    ) -> TopicState:
        """Replace a topic's attributes, close partitions to appends and add new ones, as one."""
        ...

    def trim(self, partition: Partition, before: Position) -> None:
        """Forget records below a position: all of them, or all but those stored with later ones.

        Moves ``beginning``, never ``end``. Raises TopicUnknown or PartitionUnknown.
        """
        ...

    def skip(self, partition: Partition, before: Position) -> Position:
        """Give no record of an empty partition a place below one: it begins there at least.

        So a log goes on where another one stopped, that counted its records. Returns the
        position to read on from: all new records are after it. Done again it
        changes nothing. Raises LogNotEmpty where there are records below the position.
        """
        ...

    def segments(self, partition: Partition) -> Sequence[Segment]:
        """Return what a partition holds in pieces, from its beginning to its end, oldest first.

        Answers from memory. Raises TopicUnknown or PartitionUnknown.
        """
        ...

    def submit(self, appends: Sequence[Append], done: Done) -> None:
        """Append all or nothing, and call ``done`` after the sync; never blocks on the disk.

        Appends submitted while a commit syncs form the next commit together.
        ``done`` gets TopicUnknown, PartitionUnknown (also for a closed one),
        LogFull, LogFailed, or LogClosed once the log is closed.
        """
        ...

    def append(self, partition: Partition, records: Sequence[Record]) -> list[Position]:
        """Submit, wait for the sync, and return the position of each record."""
        ...
