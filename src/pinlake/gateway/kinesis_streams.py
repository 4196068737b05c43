"""A stream as Kinesis sees it: in the log a topic of kind stream, shard n is partition n."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import msgspec

from pinlake.errors import TopicExists, TopicUnknown
from pinlake.gateway import kinesis_errors as errors
from pinlake.gateway.base import Context
from pinlake.gateway.kinesis_errors import Refused
from pinlake.gateway.kinesis_sequence import Sequence as SequenceNumber
from pinlake.gateway.kinesis_sequence import even_ranges, shard_id
from pinlake.log.base import PartitionSpec, PartitionState, TopicState
from pinlake.record import Kind, LogName, Partition

ON_DEMAND_SHARDS = 4
RETENTION_HOURS = 24


class Shard(msgspec.Struct, frozen=True):
    """A shard: its number and its hash key range, both ends included."""

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
        self.name = state.name.name
        self.log_name = state.name
        self.created = state.created
        self.attributes = state.attributes
        even = even_ranges(len(state.partitions))
        self.shards = [
            _shard(partition, range_)
            for partition, range_ in zip(state.partitions, even, strict=True)
        ]
        self._open = sorted(
            (shard for shard in self.shards if not shard.state.closed),
            key=lambda shard: shard.first_hash,
        )
        self._starts = [shard.first_hash for shard in self._open]

    def shard_for(self, hash_key: int) -> Shard:
        """Return the open shard whose range holds a hash key."""
        return self._open[bisect_right(self._starts, hash_key) - 1]

    def partition(self, shard: Shard) -> Partition:
        """Return where a shard's records are in the log."""
        return Partition(self.log_name, shard.number)

    def status(self, now: int) -> str:
        """Return CREATING or ACTIVE."""
        return "ACTIVE" if now >= int(self.attributes.get("active_at", 0)) else "CREATING"

    def sequence(self, shard: Shard, position: int, time: int) -> str:
        """Return the sequence number of the record at a log position; its time is milliseconds."""
        created = self.created // 1000
        return str(SequenceNumber(created, shard.number, position + 1, time // 1000))

    def beginning(self, shard: Shard) -> str:
        """Return the sequence number that a shard starts with, before its first record."""
        created = self.created // 1000
        return str(SequenceNumber(created, shard.number, 0, created))

    @property
    def mode(self) -> str:
        """PROVISIONED or ON_DEMAND."""
        return str(self.attributes.get("mode", "PROVISIONED"))


class Streams:
    """The streams of the log, as this account's."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._cached: dict[str, tuple[TopicState, Stream]] = {}

    @property
    def account(self) -> str:
        """The account's 12 digits."""
        return self._context.settings.kinesis.account_id

    async def for_put(self, name: str) -> Stream:
        """Return a stream without asking the disk (its ends are old); refuse an absent one."""
        try:
            state = await self._context.state(LogName(Kind.STREAM, name))
        except TopicUnknown:
            raise self._absent(name) from None
        held = self._cached.get(name)
        if held is None or held[0] is not state:
            held = self._cached[name] = (state, Stream(state))
        return held[1]

    async def current(self, name: str) -> Stream:
        """Return a stream as it is now; refuse an absent one."""
        try:
            return Stream(await self._context.current(LogName(Kind.STREAM, name)))
        except TopicUnknown:
            raise self._absent(name) from None

    async def names(self) -> list[str]:
        """Return the names of all streams, sorted."""
        return await asyncio.to_thread(self._context.log.names, Kind.STREAM)

    async def create(
        self, name: str, shards: int, *, mode: str = "PROVISIONED", active: bool = False
    ) -> None:
        """Make a stream; refuse one that exists and more shards than the limit."""
        if name in await self.names():
            raise Refused(errors.STREAM_EXISTS, stream=name, account=self.account)
        await self._check_limit(shards)
        now = self._context.clock()
        attributes = {
            "mode": mode,
            "retention_hours": RETENTION_HOURS,
            "active_at": now if active else now + self._context.settings.kinesis.create_ms,
        }
        try:
            await self._context.create(LogName(Kind.STREAM, name), _specs(shards), attributes)
        except TopicExists:
            raise Refused(errors.STREAM_EXISTS, stream=name, account=self.account) from None

    async def make_where_absent(self, name: str) -> Stream:
        """Return a stream, made with one shard and ACTIVE at once where it is absent."""
        try:
            return await self.for_put(name)
        except Refused as refused:
            if refused.error is not errors.STREAM_NOT_FOUND:
                raise
        try:
            await self.create(name, 1, active=True)
        except Refused as refused:
            if refused.error is not errors.STREAM_EXISTS:
                raise
        return await self.for_put(name)

    async def delete(self, name: str) -> None:
        """Delete a stream; refuse an absent one."""
        try:
            await self._context.delete(LogName(Kind.STREAM, name))
        except TopicUnknown:
            raise self._absent(name) from None

    async def _check_limit(self, more: int) -> None:
        limit = self._context.settings.kinesis.shard_limit
        streams = [await self.current(name) for name in await self.names()]
        current = sum(not shard.state.closed for stream in streams for shard in stream.shards)
        if current + more > limit:
            raise Refused(
                errors.LIMIT_EXCEEDED,
                account=self.account,
                region=self._context.settings.kinesis.region,
                current=current,
                limit=limit,
                more=more,
            )

    def _absent(self, name: str) -> Refused:
        return Refused(errors.STREAM_NOT_FOUND, stream=name, account=self.account)


def _shard(partition: PartitionState, even: tuple[int, int]) -> Shard:
    """Return a shard; one that was made without a range has its even share."""
    held: Any = partition.attributes
    first, last = held.get("first_hash", even[0]), held.get("last_hash", even[1])
    return Shard(partition.number, int(first), int(last), partition)


def _specs(shards: int) -> Sequence[PartitionSpec]:
    return [
        PartitionSpec({"first_hash": str(first), "last_hash": str(last)})
        for first, last in even_ranges(shards)
    ]
