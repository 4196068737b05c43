"""What every protocol of the gateway shares: requests, responses, routes and the way to the log."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol
from urllib.parse import parse_qs

import msgspec

from pinlake.errors import LogFailed, TopicExists, TopicUnknown
from pinlake.log.base import (
    Append,
    Attributes,
    Done,
    Log,
    PartitionSpec,
    Position,
    TopicState,
)
from pinlake.record import Kind, LogName
from pinlake.settings import Settings

JSON = b"application/json"

Future = asyncio.Future[list[Position]]


class Request(msgspec.Struct, frozen=True):
    """One HTTP request. ``path`` is decoded and canonical: no stage, no doubled slash.

    ``headers`` has lower-case names. ``parameters`` are what the route's braces took.
    """

    method: str
    path: str
    query: bytes
    headers: Mapping[bytes, bytes]
    body: bytes
    parameters: Mapping[str, str] = {}

    def header(self, name: bytes) -> str:
        """Return a header's value, empty where it is absent."""
        return self.headers.get(name, b"").decode("latin-1")

    def argument(self, name: str) -> str | None:
        """Return the first value of a query parameter, or None."""
        values = parse_qs(self.query.decode("latin-1"), keep_blank_values=True).get(name)
        return values[0] if values else None


class Response(msgspec.Struct, frozen=True):
    """One HTTP answer. ``headers`` are beside Content-Type and Content-Length."""

    status: int
    body: bytes = b""
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


Handler = Callable[[Request], Awaitable[Response]]


class Route(msgspec.Struct, frozen=True):
    """A method and a path such as ``/topics/{topic}``, what answers it, and a line for the docs.

    ``protocol`` is a label of metrics: kafka, kinesis or gateway; ``accepts`` are
    the content types of a body, for the docs alone.
    """

    method: str
    path: str
    handler: Handler
    title: str
    protocol: str
    accepts: tuple[str, ...] = ()


class ProtocolModule(Protocol):
    """What a protocol brings."""

    def routes(self) -> Sequence[Route]:
        """Return the routes, the more special before the more general."""
        ...


STATE_MS = 300_000
"""As Kafka's own clients do (``metadata.max.age.ms``)."""


class Context:
    """What handlers need: the log, the settings, the clock (milliseconds since the epoch).

    Belongs to one event loop. Topics' states are kept, so that a put asks no
    disk; they change through this context alone, for the embedded log has one writer.
    ``stored`` counts acknowledged records, ``failures`` appends that the log
    could not store, ``failed_at`` is when that was where none was stored since.
    """

    def __init__(self, log: Log, settings: Settings, clock: Callable[[], int]) -> None:
        self.log, self.settings, self.clock = log, settings, clock
        self._states: dict[LogName, tuple[int, TopicState]] = {}
        self.stored = dict.fromkeys(Kind, 0)
        self.failures = 0
        self.failed_at: int | None = None
        self._finished: deque[tuple[Future, Sequence[Append], Any, Any]] = deque()
        self._asked: list[tuple[Sequence[Append], Done]] = []
        self._woken = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def append(self, appends: Sequence[Append]) -> Future:
        """Append all or nothing; await the first position of each, which comes after the sync.

        Fails with TopicUnknown, PartitionUnknown, LogFailed or LogClosed.
        """
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        future: Future = self._loop.create_future()
        self._asked.append((appends, partial(self._done, future, appends)))
        if len(self._asked) == 1:
            self._loop.call_soon(self._submit)
        return future

    async def state(self, name: LogName) -> TopicState:
        """Return a topic's state from memory (its ends are old), or raise TopicUnknown.

        It is asked again every few minutes, for in Kafka others add partitions.
        """
        kept_at, state = self._states.get(name, (0, None))
        if state is None or abs(self.clock() - kept_at) > STATE_MS:
            state = self._keep(name, await self.current(name))
        return state

    def _keep(self, name: LogName, state: TopicState) -> TopicState:
        self._states[name] = self.clock(), state
        return state

    def forget(self, name: LogName) -> None:
        """Ask the log again when the topic's state is asked for next."""
        self._states.pop(name, None)

    async def current(self, name: LogName) -> TopicState:
        """Return the state of a topic or stream as it is now, or raise TopicUnknown."""
        return await asyncio.to_thread(self.log.describe, name)

    async def state_or_create(
        self, name: LogName, partitions: Sequence[PartitionSpec], attributes: Attributes
    ) -> TopicState:
        """Return a topic's state; make the topic where it is absent, though many ask at once."""
        try:
            return await self.state(name)
        except TopicUnknown:
            try:
                return await self.create(name, partitions, attributes)
            except TopicExists:
                return await self.state(name)

    async def create(
        self, name: LogName, partitions: Sequence[PartitionSpec], attributes: Attributes
    ) -> TopicState:
        """Make a topic or stream durably, or raise TopicExists."""
        return self._keep(
            name, await asyncio.to_thread(self.log.create, name, partitions, attributes)
        )

    async def delete(self, name: LogName) -> None:
        """Delete a topic or stream durably, or raise TopicUnknown."""
        self._states.pop(name, None)
        await asyncio.to_thread(self.log.delete, name)
        self._states.pop(name, None)

    async def alter(self, name: LogName, **changes: Any) -> TopicState:
        """Change a topic as the log's ``alter`` does, and return its state."""
        self._states.pop(name, None)
        state = await asyncio.to_thread(partial(self.log.alter, name, **changes))
        return self._keep(name, state)

    def _submit(self) -> None:
        """Hand the log what one turn of the loop asked for: woken once, it commits it as one."""
        asked, self._asked = self._asked, []
        for appends, done in asked:
            self.log.submit(appends, done)

    def _done(
        self,
        future: Future,
        appends: Sequence[Append],
        positions: list[Position] | None,
        error: Exception | None,
    ) -> None:
        """Note an answer on the log's thread; wake the loop once for all that come together."""
        self._finished.append((future, appends, positions, error))
        if not self._woken:
            self._woken = True
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        self._woken = False
        while self._finished:
            future, appends, positions, error = self._finished.popleft()
            self._count(appends, error)
            if future.done():  # its request was given up, its records were not
                continue
            if error is None:
                future.set_result(positions or [])
            else:
                future.set_exception(error)

    def _count(self, appends: Sequence[Append], error: Exception | None) -> None:
        if error is None:
            for append in appends:
                self.stored[append.partition.log_name.kind] += len(append.records)
                self.failed_at = None
        elif isinstance(error, LogFailed):
            self.failures += 1
            self.failed_at = self.clock()


def json_response(value: Any, status: int = 200, content_type: bytes = JSON) -> Response:
    """Return a value as a JSON answer."""
    return Response(status, msgspec.json.encode(value), content_type)
