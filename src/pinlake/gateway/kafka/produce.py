"""Kafka REST v2's produce: the records of one request into the log in one commit."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from pinlake.errors import PartitionUnknown, TopicUnknown
from pinlake.gateway.base import Context, Request, Response
from pinlake.gateway.kafka import errors
from pinlake.gateway.kafka.errors import CONTENT_TYPE, Refused
from pinlake.gateway.kafka.media import Embedded, embedded_format
from pinlake.gateway.kafka.names import partition, topic_to_make
from pinlake.gateway.kafka.partitioner import Partitioner
from pinlake.log.base import Append, PartitionSpec, Position, TopicState, positions_of
from pinlake.record import LogName, Partition, Record

NULL = b"null"


class PostedRecord(msgspec.Struct):
    """A record as it is posted; value and key keep the bytes they were sent as."""

    value: msgspec.Raw = msgspec.Raw(NULL)
    key: msgspec.Raw = msgspec.Raw(NULL)
    partition: int | None = None


class Produce(msgspec.Struct):
    """The body of a produce. What else it holds, schemas above all, means nothing here."""

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


class TopicProducer:
    """Puts posted records into topics."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._partitioner = Partitioner()

    async def produce(self, request: Request) -> Response:
        """Append records; answers when they are durable.

        A request that is refused stores nothing, and makes no topic.
        """
        embedded = embedded_format(request.header(b"content-type"))
        name = topic_to_make(request)
        posted = _decode(request.body)
        records = [_record(each, embedded, number) for number, each in enumerate(posted)]
        try:
            entries = await self._store(request, name, posted, records)
        except (TopicUnknown, PartitionUnknown):
            entries = await self._store_again(request, name, posted, records)
        return Response(200, _encoder.encode(Produced(entries)), CONTENT_TYPE)

    async def _store(
        self,
        request: Request,
        name: LogName,
        posted: Sequence[PostedRecord],
        records: Sequence[Record],
    ) -> list[Entry]:
        try:
            numbers = await self._numbers(request, name, posted, records)
        except Refused:
            numbers = [None]
        if None in numbers:  # where others may add partitions, what is known may be old
            self._context.forget(name)
            numbers = await self._numbers(request, name, posted, records)
        return await self._append(name, numbers, records)

    async def _numbers(
        self,
        request: Request,
        name: LogName,
        posted: Sequence[PostedRecord],
        records: Sequence[Record],
    ) -> list[int | None]:
        """Return each record's partition; None where it names one that is not there."""
        state = await self._topic(name)
        fixed = partition(request, state) if "partition" in request.parameters else None
        return [
            self._number(each, record, fixed, len(state.partitions))
            for each, record in zip(posted, records, strict=True)
        ]

    async def _store_again(
        self,
        request: Request,
        name: LogName,
        posted: Sequence[PostedRecord],
        records: Sequence[Record],
    ) -> list[Entry]:
        """Store once more, for what was kept of the topic may be old: it was deleted meanwhile."""
        self._context.forget(name)
        try:
            return await self._store(request, name, posted, records)
        except TopicUnknown as gone:
            if not self._context.settings.gateway.auto_create_topics:
                raise
            raise Refused(errors.LOG_RETRIABLE, reason=gone) from None

    async def _topic(self, name: LogName) -> TopicState:
        if self._context.settings.gateway.auto_create_topics:
            return await self._context.state_or_create(name, (PartitionSpec(),), {})
        return await self._context.state(name)

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
        runs: dict[int, list[Record]] = {}
        for number, record in zip(numbers, records, strict=True):
            if number is not None:
                runs.setdefault(number, []).append(record)
        appends = [Append(Partition(name, number), run) for number, run in runs.items()]
        firsts = await self._context.append(appends) if appends else []
        positions = {
            number: iter(positions_of(first, len(run)))
            for (number, run), first in zip(runs.items(), firsts, strict=True)
        }
        return _entries(numbers, positions)


def _entries(
    numbers: Sequence[int | None], positions: Mapping[int, Iterator[Position]]
) -> list[Entry]:
    """Return an entry a record, with the next position of its partition."""
    entries = []
    for number in numbers:
        if number is None:
            missing = errors.PARTITION_NOT_FOUND
            entries.append(Entry(None, None, missing.code, missing.message))
        else:
            entries.append(Entry(number, next(positions[number])))
    return entries


def _decode(body: bytes) -> list[PostedRecord]:
    try:
        if not body.isascii():
            body.decode()  # msgspec does not look into what it leaves raw
        records = _decoder.decode(body).records
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(errors.MALFORMED, reason=f"The body is no produce request: {error}") from None
    if not records:
        raise Refused(errors.NO_RECORDS)
    return records


def _record(posted: PostedRecord, embedded: Embedded, number: int) -> Record:
    return Record(_bytes(posted.value, embedded, number), _bytes(posted.key, embedded, number))


def _bytes(raw: msgspec.Raw, embedded: Embedded, number: int) -> bytes | None:
    """Return what is stored: JSON without blanks between its tokens, else as it was sent."""
    sent = bytes(raw)
    if sent == NULL:
        return None
    if embedded == "json":
        return msgspec.json.format(sent, indent=-1)
    try:
        return base64.b64decode(msgspec.json.decode(sent, type=str), validate=True)
    except (msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise Refused(errors.CONVERSION, number=number, reason=f"no base64 ({error})") from None
