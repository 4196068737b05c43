"""Kinesis through API Gateway: the REST paths that the classic tutorial maps to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from pinlake.gateway.base import Context, Handler, Request, Response, Route
from pinlake.gateway.kinesis import errors, wire
from pinlake.gateway.kinesis.account import Account
from pinlake.gateway.kinesis.api import perform
from pinlake.gateway.kinesis.errors import Refused
from pinlake.gateway.kinesis.operation import Answer, Call, Operation
from pinlake.gateway.kinesis.operations import spoken
from pinlake.gateway.kinesis.put import put_many, put_one
from pinlake.gateway.kinesis.streams import Stream
from pinlake.gateway.kinesis.wire import PLAIN, UNREADABLE

DEFAULT_SHARDS = 5
"""What the tutorial's mapping template fills in where ShardCount is absent."""

DATA = ("Data", "data")
PARTITION_KEY = ("PartitionKey", "partition-key")
RECORDS = ("records", "Records")

Fields = Mapping[str, msgspec.Raw]
Action = Callable[[Request], Awaitable[Answer]]


class KinesisProxy:
    """JSON to and from streams by path; answers are Kinesis's own JSON.

    The stream in the path wins over whatever the body names; fields that mean
    nothing here are passed over.
    """

    def __init__(self, context: Context, account: Account) -> None:
        self._account = account
        self._operations = spoken(account)
        self._auto_create = context.settings.gateway.auto_create_streams

    def routes(self) -> Sequence[Route]:
        """Return the routes of this protocol."""
        table: Sequence[tuple[str, str, Action, str]] = (
            ("PUT", "/streams/record", self.put_record, "PutRecord into ?stream-name="),
            ("PUT", "/streams/{stream}/record", self.put_record, "PutRecord"),
            ("POST", "/streams/{stream}/record", self.put_record, "PutRecord"),
            ("PUT", "/streams/{stream}/records", self.put_records, "PutRecords"),
            ("POST", "/streams/{stream}/records", self.put_records, "PutRecords"),
            ("GET", "/streams/{stream}/records", self.get_records, "GetRecords"),
            ("GET", "/streams/{stream}/sharditerator", self.get_iterator, "GetShardIterator"),
            ("GET", "/streams", self.list_streams, "ListStreams"),
            ("GET", "/streams/{stream}", self.describe_stream, "DescribeStream"),
            ("POST", "/streams/{stream}", self.create_stream, "CreateStream"),
            ("DELETE", "/streams/{stream}", self.delete_stream, "DeleteStream"),
        )
        return [
            Route(method, path, _answering(action), title, "kinesis")
            for method, path, action, title in table
        ]

    async def put_record(self, request: Request) -> Answer:
        """Put one record; answers when it is durable."""
        body = {"StreamName": _stream(request), **_entry(_fields(request.body))}
        members = self._operations["PutRecord"].members

        async def action(call: Call) -> Answer:
            return await put_one(self._account, await self._for_put(call), call.body)

        return await self._perform(Operation(members, action), body)

    async def put_records(self, request: Request) -> Answer:
        """Put records in one commit; the answer keeps their order."""
        entries = [_entry(fields) for fields in _listed(request.body)]
        members = self._operations["PutRecords"].members

        async def action(call: Call) -> Answer:
            return await put_many(self._account, await self._for_put(call), call["Records"])

        body = {"StreamName": _stream(request), "Records": entries}
        return await self._perform(Operation(members, action), body)

    async def get_iterator(self, request: Request) -> Answer:
        """Return a shard iterator, from the oldest record unless ``type`` says otherwise."""
        body = {
            "StreamName": _stream(request),
            "ShardId": request.argument("shard-id"),
            "ShardIteratorType": request.argument("type") or "TRIM_HORIZON",
            "StartingSequenceNumber": request.argument("starting-sequence-number"),
            "Timestamp": _number(request, "timestamp"),
        }
        return await self._perform(self._operations["GetShardIterator"], body)

    async def get_records(self, request: Request) -> Answer:
        """Return records from the iterator in the header Shard-Iterator on."""
        iterator = request.header(b"shard-iterator") or None
        body = {"ShardIterator": iterator, "Limit": _number(request, "limit")}
        return await self._perform(self._operations["GetRecords"], body)

    async def list_streams(self, request: Request) -> Answer:
        """List the streams by name."""
        after = request.argument("exclusive-start-stream-name")
        body = {"ExclusiveStartStreamName": after, "Limit": _number(request, "limit")}
        return await self._perform(self._operations["ListStreams"], body)

    async def describe_stream(self, request: Request) -> Answer:
        """Describe a stream with its shards."""
        return await self._perform(
            self._operations["DescribeStream"], {"StreamName": _stream(request)}
        )

    async def create_stream(self, request: Request) -> Answer:
        """Create a stream of ``ShardCount`` shards, 5 where the body does not say."""
        fields = _fields(request.body) if request.body.strip() else {}
        count = _decoded(fields.get("ShardCount", b"null"), Any, '"ShardCount" cannot be read')
        body = {
            "StreamName": _stream(request),
            "ShardCount": DEFAULT_SHARDS if count is None else count,
        }
        return await self._perform(self._operations["CreateStream"], body)

    async def delete_stream(self, request: Request) -> Answer:
        """Delete a stream and its records."""
        return await self._perform(
            self._operations["DeleteStream"], {"StreamName": _stream(request)}
        )

    async def _for_put(self, call: Call) -> Stream:
        """Return the stream that a put goes to: made where it is absent, ACTIVE in any case."""
        if self._auto_create:
            return await self._account.made(call["StreamName"])
        stream = await self._account.for_put(call["StreamName"])
        self._account.check_active(stream)
        return stream

    async def _perform(self, operation: Operation, body: Mapping[str, Any]) -> Answer:
        return await perform(self._account, operation, body, self._account.settings.region)


def _answering(action: Action) -> Handler:
    async def answering(request: Request) -> Response:
        try:
            answer = await action(request)
        except Refused as refused:
            return wire.refusal(refused, PLAIN)
        return wire.response(200, PLAIN.write(answer or {}), PLAIN)

    return answering


def _stream(request: Request) -> str | None:
    return request.parameters.get("stream") or request.argument("stream-name")


def _number(request: Request, name: str) -> float | None:
    """Return a number of the query, or None where it is absent; refuse what is no number."""
    text = request.argument(name)
    try:
        return None if text is None else float(text)
    except ValueError:
        reason = f"The query parameter {name!r} is no number: {text!r}."
        raise Refused(errors.SERIALIZATION, reason=reason) from None


def _fields(body: bytes) -> Fields:
    """Return an object's fields, each as the text it was sent as."""
    found: Fields = _decoded(body, dict[str, msgspec.Raw], "The body is no JSON object")
    return found


def _listed(body: bytes) -> list[Fields]:
    """Return the fields of each record of a body."""
    sent = _first(_fields(body), RECORDS)
    wrong = '"records" is no list of objects'
    found: list[Fields] = _decoded(sent, list[dict[str, msgspec.Raw]], wrong)
    return found


def _decoded(text: bytes | msgspec.Raw, type_: Any, wrong: str) -> Any:
    """Return JSON's value, its strings checked, those within a Raw too."""
    try:
        bytes(text).decode()
        return msgspec.json.decode(text, type=type_)
    except UNREADABLE as error:
        raise Refused(errors.SERIALIZATION, reason=f"{wrong}: {error}.") from None


def _entry(fields: Fields) -> dict[str, Any]:
    """Return a record of either spelling as an entry of PutRecords."""
    return {
        "Data": _data(_first(fields, DATA)),
        "PartitionKey": _key(_first(fields, PARTITION_KEY)),
    }


def _data(sent: msgspec.Raw | bytes) -> bytes | None:
    """Return Data's JSON text without blanks between its tokens."""
    try:
        compact = msgspec.json.format(bytes(sent), indent=-1)
    except UNREADABLE as error:
        raise Refused(errors.SERIALIZATION, reason=f'"Data" cannot be read: {error}.') from None
    return None if compact == b"null" else compact


def _key(sent: msgspec.Raw | bytes) -> Any:
    """Return a partition key; a number is its own text, as the tutorial's template makes it."""
    key = _decoded(sent, Any, '"PartitionKey" cannot be read')
    is_number = isinstance(key, int | float) and not isinstance(key, bool)
    return bytes(sent).decode() if is_number else key


def _first(fields: Fields, names: Sequence[str]) -> msgspec.Raw | bytes:
    """Return the first field that is there, JSON's null where none is."""
    return next((fields[name] for name in names if name in fields), b"null")
