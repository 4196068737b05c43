"""A stream as Kinesis sees it: a topic of kind stream in the log, shard n is partition n."""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import msgspec

from pinlake.gateway.kinesis.sequence import SequenceNumber, even_ranges, shard_id
from pinlake.log.base import PartitionSpec, PartitionState, TopicState
from pinlake.record import Partition

POSITION_BITS = 44
MARK_BITS = 19  # with the position they make 63 bits: an index is a positive Java long


class Shard(msgspec.Struct, frozen=True):
    """A shard: its number, its hash key range (both ends included), its partition's state."""

    number: int
    first_hash: int
    last_hash: int
    state: PartitionState

    @property
    def id(self) -> str:
        """The shard's id."""
        return shard_id(self.number)


class Stream:
    """A stream at the time it was looked at. Times are milliseconds since the epoch."""

    def __init__(self, state: TopicState) -> None:
        self.log_name, self.name = state.name, state.name.name
        self.created, self.attributes = state.created, state.attributes
        even = even_ranges(max(1, len(state.partitions)))
        self.shards = [
            _shard(partition, range_)
            for partition, range_ in zip(state.partitions, even, strict=False)
        ]
        self.open_shards = [shard for shard in self.shards if not shard.state.closed]
        self._by_hash = sorted(self.open_shards, key=lambda shard: shard.first_hash)
        self._starts = [shard.first_hash for shard in self._by_hash]
        self._mark = _mark(self.name, self.created) << POSITION_BITS

    def shard_for(self, hash_key: int) -> Shard:
        """Return the open shard whose range holds a hash key."""
        return self._by_hash[bisect_right(self._starts, hash_key) - 1]

    def partition(self, shard: Shard) -> Partition:
        """Return where a shard's records are in the log."""
        return Partition(self.log_name, shard.number)

    def status(self, now: int) -> str:
        """Return CREATING or ACTIVE."""
        return "ACTIVE" if now >= int(self.attributes.get("active_at", 0)) else "CREATING"

    def sequence(self, shard: Shard, position: int, time: int) -> str:
        """Return the sequence number of the record at a log position; its time is milliseconds."""
        return self._sequence(shard, position + 1, time)

    def first_sequence(self, shard: Shard) -> str:
        """Return the sequence number that a shard starts with, before its first record."""
        return self._sequence(shard, 0, self.created)

    def is_of(self, number: SequenceNumber) -> bool:
        """Tell whether a sequence number is of this stream."""
        same = number.index >> POSITION_BITS << POSITION_BITS == self._mark
        return same and number.created == self.created // 1000

    def position(self, number: SequenceNumber, *, after: bool) -> int:
        """Return the log position that a sequence number of this stream is at, or the next."""
        return max(0, number.index - self._mark - (0 if after else 1))

    @property
    def mode(self) -> str:
        """PROVISIONED or ON_DEMAND."""
        return str(self.attributes.get("mode", "PROVISIONED"))

    def retention_hours(self, usual: float) -> int:
        """For how many hours records are kept: its own, or the usual ones rounded up."""
        return max(1, math.ceil(float(self.attributes.get("retention_hours", usual))))

    def _sequence(self, shard: Shard, index: int, time: int) -> str:
        created = self.created // 1000
        return str(SequenceNumber(created, shard.number, self._mark | index, time // 1000))


def specs(shards: int) -> Sequence[PartitionSpec]:
    """Return the partitions of a new stream, its hash keys shared out evenly."""
    return [
        PartitionSpec({"first_hash": str(first), "last_hash": str(last)})
        for first, last in even_ranges(shards)
    ]


def _mark(name: str, created: int) -> int:
    """Return what tells a stream's sequence numbers from those of one made in the same second."""
    digest = hashlib.sha256(f"{created} {name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> (32 - MARK_BITS)


def _shard(partition: PartitionState, even: tuple[int, int]) -> Shard:
    """Return a shard; one that was made without a range has its even share."""
    held: Any = partition.attributes
    first, last = held.get("first_hash", even[0]), held.get("last_hash", even[1])
    return Shard(partition.number, int(first), int(last), partition)
