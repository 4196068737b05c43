"""Kafka REST v2: produce and metadata. Consumers come later, as routes of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from pinlake.errors import (
    LogClosed,
    LogFailed,
    LogForbidden,
    PartitionUnknown,
    RecordTooLarge,
    TopicNotTaken,
    TopicUnknown,
)
from pinlake.gateway.base import Context, Handler, Request, Response, Route
from pinlake.gateway.kafka import errors
from pinlake.gateway.kafka.errors import CONTENT_TYPE, Refused
from pinlake.gateway.kafka.media import PRODUCED, answer_type
from pinlake.gateway.kafka.names import partition, topic_to_find
from pinlake.gateway.kafka.produce import TopicProducer
from pinlake.log.base import TopicState
from pinlake.record import Kind

BROKER = 0

Calls = Sequence[tuple[str, str, Handler, str]]


class KafkaV2:
    """The Kafka REST proxy's version 2 over the log's topics."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._producer = TopicProducer(context)

    def routes(self) -> Sequence[Route]:
        """Return the routes of this protocol."""
        produce = self._producer.produce
        puts: Calls = (
            ("POST", "/topics/{topic}", produce, "Append records to a topic"),
            ("POST", "/topics/{topic}/partitions/{partition}", produce, "To a partition"),
        )
        gets: Calls = (
            ("GET", "/topics", self.topics, "List the topics"),
            ("GET", "/topics/{topic}", self.topic, "Describe a topic"),
            ("GET", "/topics/{topic}/partitions", self.partitions, "List a topic's partitions"),
            ("GET", "/topics/{topic}/partitions/{partition}", self.partition, "Describe one"),
            ("GET", "/topics/{topic}/partitions/{partition}/offsets", self.offsets, "Its ends"),
            ("GET", "/brokers", self.brokers, "List the brokers"),
        )
        return [*_routes(puts, tuple(PRODUCED)), *_routes(gets, ())]

    async def topics(self, _request: Request) -> Response:
        """List the topics' names."""
        return _answer(await asyncio.to_thread(self._context.log.names, Kind.TOPIC))

    async def topic(self, request: Request) -> Response:
        """Describe a topic with its partitions."""
        state = await self._state(request)
        described = [_describe(number) for number in range(len(state.partitions))]
        return _answer({"name": state.name.name, "configs": {}, "partitions": described})

    async def partitions(self, request: Request) -> Response:
        """List a topic's partitions."""
        state = await self._state(request)
        return _answer([_describe(number) for number in range(len(state.partitions))])

    async def partition(self, request: Request) -> Response:
        """Describe a partition."""
        state = await self._state(request)
        return _answer(_describe(partition(request, state)))

    async def offsets(self, request: Request) -> Response:
        """Return where a partition begins and ends."""
        state = await self._state(request)
        found = state.partitions[partition(request, state)]
        return _answer({"beginning_offset": found.beginning, "end_offset": found.end})

    async def brokers(self, _request: Request) -> Response:
        """List the brokers: this gateway is the only one."""
        return _answer({"brokers": [BROKER]})

    async def _state(self, request: Request) -> TopicState:
        return await self._context.current(topic_to_find(request))


def _routes(calls: Calls, accepts: tuple[str, ...]) -> list[Route]:
    return [
        Route(method, path, _answering(handler), title, "kafka", accepts)
        for method, path, handler, title in calls
    ]


def _answering(handler: Handler) -> Handler:
    """Turn what a handler raises into the answer that the table has for it."""

    async def answering(request: Request) -> Response:
        try:
            content_type = answer_type(request.header(b"accept"))
        except Refused as refused:
            return errors.answer(refused.error, **refused.values)
        try:
            response = await handler(request)
        except Exception as error:  # noqa: BLE001 what the table does not know is raised again
            response = _failure(error)
        if content_type == response.content_type:
            return response
        return replace(response, content_type=content_type)

    return answering


def _failure(error: Exception) -> Response:
    match error:
        case Refused():
            return errors.answer(error.error, **error.values)
        case TopicUnknown():
            return errors.answer(errors.TOPIC_NOT_FOUND)
        case PartitionUnknown():
            return errors.answer(errors.PARTITION_NOT_FOUND)
    for kind, answered in _TOLD:
        if isinstance(error, kind):
            return errors.answer(answered, reason=error)
    raise error


_TOLD = (
    (RecordTooLarge, errors.RECORD_TOO_LARGE),
    (TopicNotTaken, errors.TOPIC_NOT_TAKEN),
    (LogForbidden, errors.FORBIDDEN),
    (LogFailed, errors.LOG_UNAVAILABLE),
    (LogClosed, errors.LOG_UNAVAILABLE),
)
"""What the log raises, the special before the general."""


def _describe(number: int) -> dict[str, object]:
    replica = {"broker": BROKER, "leader": True, "in_sync": True}
    return {"partition": number, "leader": BROKER, "replicas": [replica]}


def _answer(value: object) -> Response:
    return Response(200, msgspec.json.encode(value), CONTENT_TYPE)
