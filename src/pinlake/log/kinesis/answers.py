"""The answers of Kinesis that a log reads. Source: the Kinesis API reference."""

from __future__ import annotations

import msgspec


class HashKeyRange(msgspec.Struct, frozen=True, rename="pascal"):
    """The hash keys of a shard, both ends included, in decimal digits."""

    starting_hash_key: str
    ending_hash_key: str


class SequenceNumberRange(msgspec.Struct, frozen=True, rename="pascal"):
    """Where a shard begins and ends; an open one has no end."""

    starting_sequence_number: str
    ending_sequence_number: str | None = None


class Shard(msgspec.Struct, frozen=True, rename="pascal"):
    """A shard, and those that it came of."""

    shard_id: str
    hash_key_range: HashKeyRange
    sequence_number_range: SequenceNumberRange
    parent_shard_id: str | None = None
    adjacent_parent_shard_id: str | None = None

    @property
    def number(self) -> int:
        """The number in its id."""
        return shard_number(self.shard_id)

    @property
    def parents(self) -> tuple[int, ...]:
        """The shards whose records come before this one's."""
        ids = (self.parent_shard_id, self.adjacent_parent_shard_id)
        return tuple(shard_number(each) for each in ids if each)

    @property
    def closed(self) -> bool:
        """Whether no record will come."""
        return self.sequence_number_range.ending_sequence_number is not None


class Shards(msgspec.Struct, frozen=True, rename="pascal"):
    """An answer of ListShards."""

    shards: list[Shard]
    next_token: str | None = None


class Names(msgspec.Struct, frozen=True, rename="pascal"):
    """An answer of ListStreams."""

    stream_names: list[str]
    has_more_streams: bool = False


class Description(msgspec.Struct, frozen=True):
    """What DescribeStreamSummary tells of a stream; the time is seconds since the epoch."""

    arn: str = msgspec.field(name="StreamARN")
    status: str = msgspec.field(name="StreamStatus")
    created: float = msgspec.field(name="StreamCreationTimestamp")
    retention_hours: int = msgspec.field(name="RetentionPeriodHours", default=24)


class Summary(msgspec.Struct, frozen=True):
    """An answer of DescribeStreamSummary."""

    description: Description = msgspec.field(name="StreamDescriptionSummary")


class Iterator(msgspec.Struct, frozen=True, rename="pascal"):
    """An answer of GetShardIterator."""

    shard_iterator: str


class Record(msgspec.Struct, frozen=True, rename="pascal", gc=False):
    """A record of GetRecords; its time is seconds since the epoch."""

    sequence_number: str
    data: bytes
    partition_key: str
    approximate_arrival_timestamp: float = 0.0


class Records(msgspec.Struct, frozen=True, rename="pascal"):
    """An answer of GetRecords; without a next iterator the shard is closed and read."""

    records: list[Record] = []
    next_shard_iterator: str | None = None
    millis_behind_latest: int = 0


class Placed(msgspec.Struct, frozen=True, rename="pascal"):
    """What became of a record of PutRecords."""

    shard_id: str | None = None
    sequence_number: str | None = None
    error_code: str | None = None
    error_message: str | None = None


class PlacedAll(msgspec.Struct, frozen=True, rename="pascal"):
    """An answer of PutRecords, in the order of the request."""

    records: list[Placed]


def shard_number(shard_id: str) -> int:
    """Return the number in a shard's id, ``shardId-000000000000``."""
    return int(shard_id.rpartition("-")[2])


def shard_id(number: int) -> str:
    """Return ``shardId-000000000000`` for shard 0."""
    return f"shardId-{number:012d}"
