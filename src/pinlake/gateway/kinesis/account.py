"""The streams of this account: finding, making and deleting them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

from pinlake.errors import TopicExists, TopicUnknown
from pinlake.gateway.base import Context
from pinlake.gateway.kinesis import errors
from pinlake.gateway.kinesis.errors import KinesisError, Refused
from pinlake.gateway.kinesis.relay import Relay
from pinlake.gateway.kinesis.streams import Stream, specs
from pinlake.gateway.kinesis.throughput import Throughput
from pinlake.log.base import TopicState
from pinlake.log.open import kinesis
from pinlake.record import Kind, LogName


class Account:
    """The streams of the log, as one account's. Belongs to one event loop."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.settings = context.settings.kinesis
        self.throughput = Throughput()
        ours = kinesis(context.log)
        self.relay = Relay(context, ours) if ours is not None else None
        self._held: dict[str, tuple[TopicState, Stream]] = {}
        self._making = asyncio.Lock()

    @property
    def id(self) -> str:
        """The account's 12 digits."""
        return self.settings.account_id

    def arn(self, stream: str, region: str) -> str:
        """Return a stream's ARN."""
        return f"arn:aws:kinesis:{region}:{self.id}:stream/{stream}"

    def refusal(self, error: KinesisError, **values: object) -> Refused:
        """Return an error that names the account."""
        return Refused(error, account=self.id, **values)

    def absent(self, name: str) -> Refused:
        """Return the error for a stream that is not there."""
        return self.refusal(errors.STREAM_NOT_FOUND, stream=name)

    def check_active(self, stream: Stream) -> None:
        """Refuse a stream that is still being created."""
        if not self._is_active(stream):
            raise self.refusal(errors.STREAM_NOT_ACTIVE, stream=stream.name, status="CREATING")

    async def for_put(self, name: str) -> Stream:
        """Return a stream without asking the disk (its ends are old); refuse an absent one.

        In a real Kinesis the put itself tells whether there is one.
        """
        if self.relay is not None:
            return Stream(TopicState(_log_name(name), 0, ()))
        try:
            state = await self.context.state(_log_name(name))
        except TopicUnknown:
            self._held.pop(name, None)
            raise self.absent(name) from None
        held = self._held.get(name)
        if held is None or held[0] is not state:
            held = self._held[name] = (state, Stream(state))
        return held[1]

    async def current(self, name: str) -> Stream:
        """Return a stream as it is now; refuse an absent one."""
        return await asyncio.to_thread(self._current, name)

    async def page(self, after: str, limit: int) -> tuple[list[Stream], bool]:
        """Return up to so many streams by name, those after a name, and whether there are more."""
        return await asyncio.to_thread(self._page, after, limit)

    async def create(self, name: str, shards: int, mode: str, region: str) -> None:
        """Make a stream; refuse one that exists, and more shards than the limit."""
        active_at = self.context.clock() + self.settings.create_ms
        await self._make(name, shards, mode, region, active_at)

    async def made(self, name: str) -> Stream:
        """Return a stream that is ACTIVE, made with one shard where it is absent."""
        if self.relay is not None:
            await self.context.state_or_create(_log_name(name), specs(1), {})
            return await self.for_put(name)
        while True:
            try:
                stream = await self.for_put(name)
            except Refused:
                await self._make_unless_made(name)
            else:
                return stream if self._is_active(stream) else await self._activated(stream)

    async def delete(self, name: str) -> None:
        """Delete a stream; refuse an absent one."""
        try:
            await self.context.delete(_log_name(name))
        except TopicUnknown:
            raise self.absent(name) from None

    def _is_active(self, stream: Stream) -> bool:
        return stream.status(self.context.clock()) == "ACTIVE"

    async def _activated(self, stream: Stream) -> Stream:
        """Make a stream ACTIVE before its time, so that what is put can be read."""
        attributes = {**stream.attributes, "active_at": self.context.clock()}
        try:
            return Stream(await self.context.alter(stream.log_name, attributes=attributes))
        except TopicUnknown:
            raise self.absent(stream.name) from None

    async def _make_unless_made(self, name: str) -> None:
        try:
            await self._make(name, 1, "PROVISIONED", self.settings.region, self.context.clock())
        except Refused as refused:
            if refused.error is not errors.STREAM_EXISTS:
                raise

    async def _make(self, name: str, shards: int, mode: str, region: str, active_at: int) -> None:
        attributes = {"mode": mode, "active_at": active_at}
        async with self._making:
            if self.relay is None:
                await asyncio.to_thread(self._check_room, name, shards, region)
            try:
                await self.context.create(_log_name(name), specs(shards), attributes)
            except TopicExists:
                raise self.refusal(errors.STREAM_EXISTS, stream=name) from None

    def _check_room(self, name: str, more: int, region: str) -> None:
        names = self._names()
        if name in names:
            raise self.refusal(errors.STREAM_EXISTS, stream=name)
        current = sum(len(stream.open_shards) for stream in self._present(names))
        limit = self.settings.shard_limit
        if current + more > limit:
            counts = {"current": current, "limit": limit, "more": more}
            raise self.refusal(errors.LIMIT_EXCEEDED, region=region, **counts)

    def _current(self, name: str) -> Stream:
        try:
            return Stream(self.context.log.describe(_log_name(name)))
        except TopicUnknown:
            raise self.absent(name) from None

    def _page(self, after: str, limit: int) -> tuple[list[Stream], bool]:
        names = [name for name in self._names() if name > after]
        return list(self._present(names[:limit])), len(names) > limit

    def _present(self, names: Sequence[str]) -> Iterator[Stream]:
        """Yield the streams of these names, but for those that were deleted meanwhile."""
        for name in names:
            with contextlib.suppress(Refused):
                yield self._current(name)

    def _names(self) -> list[str]:
        return self.context.log.names(Kind.STREAM)


def _log_name(name: str) -> LogName:
    return LogName(Kind.STREAM, name)
