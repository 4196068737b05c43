"""Kinesis through API Gateway: the REST paths that the classic tutorial maps to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from pinlake.errors import PinlakeError
from pinlake.gateway import kinesis_errors as errors
from pinlake.gateway.base import Context, Request, Response, Route, json_response
from pinlake.gateway.kinesis_errors import Refused
from pinlake.gateway.kinesis_operations import Operations
from pinlake.gateway.kinesis_put import Entry, put
from pinlake.gateway.kinesis_streams import Streams
from pinlake.gateway.kinesis_validation import check

DEFAULT_SHARDS = 5
"""What the tutorial's mapping template fills in where ShardCount is absent."""


class Envelope(msgspec.Struct):
    """A record as these paths take it: Data keeps the JSON text that it was sent as."""

    data: msgspec.Raw
    partition_key: str


class KinesisProxy:
    """PUT and POST of JSON to streams by path; answers are Kinesis's own JSON."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._operations = Operations(context)
        self._streams = Streams(context)

    def routes(self) -> Sequence[Route]:
        """Return the routes of this protocol."""
        table: Sequence[tuple[str, str, Callable[[Request], Awaitable[Any]], str]] = (
            ("PUT", "/streams/{stream}/record", self.put_record, "Put one record"),
            ("POST", "/streams/{stream}/record", self.put_record, "Put one record"),
            ("PUT", "/streams/{stream}/records", self.put_records, "Put records"),
            ("POST", "/streams/{stream}/records", self.put_records, "Put records"),
            ("PUT", "/streams/record", self.put_record, "Put one record, ?stream-name="),
            ("GET", "/streams/{stream}/sharditerator", self.iterator, "Get a shard iterator"),
            ("GET", "/streams/{stream}/records", self.records, "Get records by Shard-Iterator"),
            ("GET", "/streams", self.list_streams, "List the streams"),
            ("GET", "/streams/{stream}", self.describe, "Describe a stream"),
            ("POST", "/streams/{stream}", self.create, "Create a stream"),
            ("DELETE", "/streams/{stream}", self.delete, "Delete a stream"),
        )
        return [
            Route(method, path, _answering(handler), title, "kinesis")
            for method, path, handler, title in table
        ]

    async def put_record(self, request: Request) -> Any:
        """Put one record; the stream in the path wins over the body's."""
        [placed] = await self._put(request, [_envelope(_fields(request.body))])
        return placed

    async def put_records(self, request: Request) -> Any:
        """Put records in one commit."""
        placed = await self._put(request, [_envelope(each) for each in _entries(request.body)])
        return {"FailedRecordCount": 0, "Records": placed}

    async def list_streams(self, _request: Request) -> Any:
        """List the streams."""
        return await self._call("ListStreams", {})

    async def describe(self, request: Request) -> Any:
        """Describe a stream."""
        return await self._call("DescribeStream", {"StreamName": request.parameters["stream"]})

    async def create(self, request: Request) -> Any:
        """Create a stream of ``ShardCount`` shards, 5 where the body does not say."""
        fields = _fields(request.body) if request.body.strip() else {}
        shards = msgspec.json.decode(fields.get("ShardCount", msgspec.Raw(b"null")))
        name = request.parameters["stream"]
        body = {"StreamName": name, "ShardCount": DEFAULT_SHARDS if shards is None else shards}
        return await self._call("CreateStream", body)

    async def delete(self, request: Request) -> Any:
        """Delete a stream."""
        return await self._call("DeleteStream", {"StreamName": request.parameters["stream"]})

    async def iterator(self, request: Request) -> Any:
        """Return a shard iterator, from the beginning unless ``type`` says otherwise."""
        body = {
            "StreamName": request.parameters["stream"],
            "ShardId": request.argument("shard-id"),
            "ShardIteratorType": request.argument("type") or "TRIM_HORIZON",
            "StartingSequenceNumber": request.argument("starting-sequence-number"),
        }
        return await self._call("GetShardIterator", body)

    async def records(self, request: Request) -> Any:
        """Return records from the iterator in the header Shard-Iterator on."""
        return await self._call(
            "GetRecords", {"ShardIterator": request.header(b"shard-iterator") or None}
        )

    async def _put(self, request: Request, envelopes: Sequence[Envelope]) -> list[dict[str, Any]]:
        name = request.parameters.get("stream") or request.argument("stream-name")
        entries = [Entry(bytes(each.data), each.partition_key) for each in envelopes]
        members = self._operations.table["PutRecords"].members
        checked = [{"Data": each.data, "PartitionKey": each.partition_key} for each in entries]
        check({"StreamName": name, "Records": checked}, members)
        assert name is not None
        stream = await self._stream(name)
        return await put(self._context, stream, entries)

    async def _stream(self, name: str) -> Any:
        if self._context.settings.gateway.auto_create_streams:
            return await self._streams.make_where_absent(name)
        return await self._streams.for_put(name)

    async def _call(self, operation: str, body: dict[str, Any]) -> Any:
        found = self._operations.table[operation]
        check(body, found.members)
        return await found.action(body, self._context.settings.kinesis.region)


def _answering(
    handler: Callable[[Request], Awaitable[Any]],
) -> Callable[[Request], Awaitable[Response]]:
    async def answering(request: Request) -> Response:
        try:
            answer = await handler(request)
        except Refused as refused:
            return _refusal(refused.error, str(refused))
        except PinlakeError as error:
            return _refusal(errors.INTERNAL, str(error))
        return json_response({} if answer is None else answer)

    return answering


def _refusal(error: errors.KinesisError, message: str) -> Response:
    return json_response({"__type": error.type, "message": message}, error.status)


def _fields(body: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    """Return an object's fields, each as the text it was sent as."""
    try:
        return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = f"The body is no JSON object: {error}"
        raise Refused(errors.SERIALIZATION, reason=reason) from None


def _entries(body: bytes) -> list[dict[str, msgspec.Raw]]:
    fields = _fields(body)
    listed = fields.get("records", fields.get("Records"))
    if listed is None:
        raise Refused(errors.SERIALIZATION, reason='The body lacks the list "records".')
    try:
        return msgspec.json.decode(listed, type=list[dict[str, msgspec.Raw]])
    except msgspec.DecodeError as error:
        raise Refused(errors.SERIALIZATION, reason=f'"records" is no list: {error}') from None


def _envelope(fields: dict[str, msgspec.Raw]) -> Envelope:
    """Return a record by either of the spellings that the tutorial's templates use."""
    data = fields.get("Data", fields.get("data"))
    key = fields.get("PartitionKey", fields.get("partition-key"))
    if data is None or key is None:
        reason = 'A record has the fields "Data" and "PartitionKey" (or "data", "partition-key").'
        raise Refused(errors.SERIALIZATION, reason=reason)
    try:
        return Envelope(data, msgspec.json.decode(key, type=str))
    except msgspec.DecodeError:
        raise Refused(errors.SERIALIZATION, reason="PartitionKey is no string.") from None
