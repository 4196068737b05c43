"""Kafka REST v2: produce and metadata. Consumers come later, as routes of their own."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import msgspec

from pinlake.errors import LogClosed, LogFailed, PartitionUnknown, TopicUnknown
from pinlake.gateway import kafka_errors as errors
from pinlake.gateway.base import Context, Handler, Request, Response, Route
from pinlake.gateway.kafka_errors import CONTENT_TYPE, KafkaError, Refused
from pinlake.gateway.kafka_media import Embedded, check_accept, embedded_format
from pinlake.gateway.kafka_partitioner import Partitioner
from pinlake.log.base import Append, PartitionSpec, TopicState
from pinlake.record import Kind, LogName, Partition, Record, is_topic_name

BROKER = 0
NULL = b"null"


class PostedRecord(msgspec.Struct):
    """A record as it is posted; value and key keep the bytes they were sent as."""

    value: msgspec.Raw = msgspec.Raw(NULL)
    key: msgspec.Raw = msgspec.Raw(NULL)
    partition: int | None = None


class Produce(msgspec.Struct):
    """The body of a produce."""

    records: list[PostedRecord] | None = None


class Entry(msgspec.Struct):
    """What became of one record."""

    partition: int | None
    offset: int | None
    error_code: int | None = None
    error: str | None = None


class Produced(msgspec.Struct):
    """The answer to a produce, an entry a record, in order."""

    offsets: list[Entry]
    key_schema_id: int | None = None
    value_schema_id: int | None = None


_decoder = msgspec.json.Decoder(Produce)
_encoder = msgspec.json.Encoder()


class KafkaV2:
    """The Kafka REST proxy's version 2 over the log's topics."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._partitioner = Partitioner()

    def routes(self) -> Sequence[Route]:
        """Return the routes of this protocol."""
        table = (
            ("POST", "/topics/{topic}", self.produce, "Append records to a topic"),
            ("POST", "/topics/{topic}/partitions/{partition}", self.produce, "To a partition"),
            ("GET", "/topics", self.topics, "List the topics"),
            ("GET", "/topics/{topic}", self.topic, "Describe a topic"),
            ("GET", "/topics/{topic}/partitions", self.partitions, "List a topic's partitions"),
            ("GET", "/topics/{topic}/partitions/{partition}", self.partition, "Describe one"),
            ("GET", "/topics/{topic}/partitions/{partition}/offsets", self.offsets, "Its ends"),
            ("GET", "/brokers", self.brokers, "List the brokers"),
        )
        return [
            Route(method, path, _answering(handler), title, "kafka")
            for method, path, handler, title in table
        ]

    async def produce(self, request: Request) -> Response:
        """Append records; answers when they are durable."""
        embedded = embedded_format(request.header(b"content-type"))
        posted = _decode(request.body)
        name = _name(request)
        state = await self._topic(name)
        fixed = _fixed_partition(request, state)
        records = [_record(each, embedded, number) for number, each in enumerate(posted)]
        numbers = [
            self._number(each, record, fixed, len(state.partitions))
            for each, record in zip(posted, records, strict=True)
        ]
        return _answer(Produced(await self._append(name, numbers, records)))

    async def topics(self, _request: Request) -> Response:
        """List the topics' names."""
        return _answer(await _named(self._context))

    async def topic(self, request: Request) -> Response:
        """Describe a topic with its partitions."""
        state = await self._current(_name(request))
        described = [_describe(number) for number in range(len(state.partitions))]
        return _answer({"name": state.name.name, "configs": {}, "partitions": described})

    async def partitions(self, request: Request) -> Response:
        """List a topic's partitions."""
        state = await self._current(_name(request))
        return _answer([_describe(number) for number in range(len(state.partitions))])

    async def partition(self, request: Request) -> Response:
        """Describe a partition."""
        state = await self._current(_name(request))
        return _answer(_describe(_partition(request, state)))

    async def offsets(self, request: Request) -> Response:
        """Return where a partition begins and ends."""
        state = await self._current(_name(request))
        partition = state.partitions[_partition(request, state)]
        return _answer({"beginning_offset": partition.beginning, "end_offset": partition.end})

    async def brokers(self, _request: Request) -> Response:
        """List the brokers: this gateway is the only one."""
        return _answer({"brokers": [BROKER]})

    async def _topic(self, name: LogName) -> TopicState:
        if self._context.settings.gateway.auto_create_topics:
            return await self._context.state_or_create(name, (PartitionSpec(),), {})
        return await self._context.state(name)

    async def _current(self, name: LogName) -> TopicState:
        return await self._context.current(name)

    def _number(
        self, posted: PostedRecord, record: Record, fixed: int | None, partitions: int
    ) -> int | None:
        """Return the partition a record goes to, or None where it names one that is not there."""
        if fixed is not None:
            return fixed
        if posted.partition is None:
            return self._partitioner.choose(record.key, partitions)
        return posted.partition if 0 <= posted.partition < partitions else None

    async def _append(
        self, name: LogName, numbers: Sequence[int | None], records: Sequence[Record]
    ) -> list[Entry]:
        """Append what has a partition, in one commit, and tell what became of each record."""
        by_partition: dict[int, list[Record]] = {}
        for number, record in zip(numbers, records, strict=True):
            if number is not None:
                by_partition.setdefault(number, []).append(record)
        appends = [Append(Partition(name, number), run) for number, run in by_partition.items()]
        firsts = await self._context.append(appends) if appends else []
        following = dict(zip(by_partition, firsts, strict=True))
        entries = []
        for number in numbers:
            if number is None:
                missing = errors.PARTITION_NOT_FOUND
                entries.append(Entry(None, None, missing.code, missing.message))
                continue
            entries.append(Entry(number, following[number]))
            following[number] += 1
        return entries


def _answering(handler: Handler) -> Handler:
    """Turn what a handler raises into the answer that the table has for it."""

    async def answering(request: Request) -> Response:
        try:
            check_accept(request.header(b"accept"))
            return await handler(request)
        except Refused as refused:
            return errors.answer(refused.error, **refused.values)
        except TopicUnknown:
            return errors.answer(errors.TOPIC_NOT_FOUND)
        except PartitionUnknown:
            return errors.answer(errors.PARTITION_NOT_FOUND)
        except LogFailed as failed:
            return errors.answer(errors.LOG_RETRIABLE, reason=failed)
        except LogClosed as closed:
            return errors.answer(errors.LOG_UNAVAILABLE, reason=closed)

    return answering


def _decode(body: bytes) -> list[PostedRecord]:
    try:
        records = _decoder.decode(body).records
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(errors.MALFORMED, reason=f"The body is no produce request: {error}") from None
    if not records:
        raise Refused(errors.NO_RECORDS)
    return records


def _record(posted: PostedRecord, embedded: Embedded, number: int) -> Record:
    return Record(_bytes(posted.value, embedded, number), _bytes(posted.key, embedded, number))


def _bytes(raw: msgspec.Raw, embedded: Embedded, number: int) -> bytes | None:
    sent = bytes(raw)
    if sent == NULL:
        return None
    if embedded == "json":
        return sent
    try:
        return base64.b64decode(msgspec.json.decode(sent, type=str), validate=True)
    except (msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise Refused(errors.CONVERSION, number=number, reason=f"no base64 ({error})") from None


def _name(request: Request) -> LogName:
    name = request.parameters["topic"]
    if not is_topic_name(name):
        raise Refused(errors.TOPIC_INVALID, topic=name)
    return LogName(Kind.TOPIC, name)


def _fixed_partition(request: Request, state: TopicState) -> int | None:
    return _partition(request, state) if "partition" in request.parameters else None


def _partition(request: Request, state: TopicState) -> int:
    text = request.parameters["partition"]
    if not (text.isascii() and text.isdigit() and int(text) < len(state.partitions)):
        raise Refused(errors.PARTITION_NOT_FOUND)
    return int(text)


def _describe(number: int) -> dict[str, object]:
    replica = {"broker": BROKER, "leader": True, "in_sync": True}
    return {"partition": number, "leader": BROKER, "replicas": [replica]}


async def _named(context: Context) -> list[str]:
    import asyncio

    return await asyncio.to_thread(context.log.names, Kind.TOPIC)


def _answer(value: object) -> Response:
    return Response(200, _encoder.encode(value), CONTENT_TYPE)


__all__ = ["KafkaError", "KafkaV2", "Produced"]
