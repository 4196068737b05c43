"""The operations of the Kinesis API: each with its members and its action under one name.

Source of members and bounds: the Kinesis API reference.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from pinlake.gateway import kinesis_errors as errors
from pinlake.gateway.base import Context
from pinlake.gateway.kinesis_errors import Refused
from pinlake.gateway.kinesis_put import MAX_RECORDS, Entry, put
from pinlake.gateway.kinesis_read import ITERATOR_TYPES, get_iterator, get_records
from pinlake.gateway.kinesis_sequence import shard_number
from pinlake.gateway.kinesis_streams import ON_DEMAND_SHARDS, Shard, Stream, Streams
from pinlake.gateway.kinesis_validation import Member, Members

Body = Mapping[str, Any]
Answer = dict[str, Any] | None
Action = Callable[[Body, str], Awaitable[Answer]]

STREAM_NAME = Member("String", required=True, least=1, most=128, pattern="[a-zA-Z0-9_.-]+")
MAYBE_NAME = Member("String", least=1, most=128, pattern="[a-zA-Z0-9_.-]+")
SHARD_ID = Member("String", required=True, least=1, most=128, pattern="[a-zA-Z0-9_.-]+")
MAYBE_SHARD_ID = Member("String", least=1, most=128, pattern="[a-zA-Z0-9_.-]+")
PARTITION_KEY = Member("String", required=True, least=1, most=256)
HASH_KEY = Member("String", pattern=r"0|([1-9]\d{0,38})")
SEQUENCE_NUMBER = Member("String", pattern=r"0|([1-9]\d{0,128})")
DATA = Member("Blob", required=True, most=1_048_576)
LIMIT = Member("Integer", least=1, most=10_000)
MODE = Member(
    "Structure",
    members={
        "StreamMode": Member("String", required=True, choices=("PROVISIONED", "ON_DEMAND")),
    },
)


class Operation(msgspec.Struct, frozen=True):
    """An operation: what its request may hold, and what it does.

    ``action`` takes the checked body and the request's region.
    """

    members: Members
    action: Action


class Operations:
    """Every operation that is spoken, by its name in X-Amz-Target."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._streams = Streams(context)
        self.table: Mapping[str, Operation] = {
            "CreateStream": Operation(
                {
                    "StreamName": STREAM_NAME,
                    "ShardCount": Member("Integer", least=1, most=100_000),
                    "StreamModeDetails": MODE,
                },
                self.create_stream,
            ),
            "DeleteStream": Operation({"StreamName": STREAM_NAME}, self.delete_stream),
            "ListStreams": Operation(
                {"ExclusiveStartStreamName": MAYBE_NAME, "Limit": LIMIT}, self.list_streams
            ),
            "DescribeStream": Operation(
                {
                    "StreamName": STREAM_NAME,
                    "Limit": LIMIT,
                    "ExclusiveStartShardId": MAYBE_SHARD_ID,
                },
                self.describe_stream,
            ),
            "DescribeStreamSummary": Operation(
                {"StreamName": STREAM_NAME}, self.describe_stream_summary
            ),
            "ListShards": Operation(
                {
                    "StreamName": MAYBE_NAME,
                    "NextToken": Member("String", least=1, most=1_048_576),
                    "ExclusiveStartShardId": MAYBE_SHARD_ID,
                    "MaxResults": LIMIT,
                },
                self.list_shards,
            ),
            "PutRecord": Operation(
                {
                    "StreamName": STREAM_NAME,
                    "Data": DATA,
                    "PartitionKey": PARTITION_KEY,
                    "ExplicitHashKey": HASH_KEY,
                    "SequenceNumberForOrdering": SEQUENCE_NUMBER,
                },
                self.put_record,
            ),
            "PutRecords": Operation(
                {
                    "StreamName": STREAM_NAME,
                    "Records": Member(
                        "List",
                        required=True,
                        least=1,
                        most=MAX_RECORDS,
                        members={
                            "Data": DATA,
                            "PartitionKey": PARTITION_KEY,
                            "ExplicitHashKey": HASH_KEY,
                        },
                    ),
                },
                self.put_records,
            ),
            "GetShardIterator": Operation(
                {
                    "StreamName": STREAM_NAME,
                    "ShardId": SHARD_ID,
                    "ShardIteratorType": Member("String", required=True, choices=ITERATOR_TYPES),
                    "StartingSequenceNumber": SEQUENCE_NUMBER,
                    "Timestamp": Member("Timestamp"),
                },
                self.get_shard_iterator,
            ),
            "GetRecords": Operation(
                {
                    "ShardIterator": Member("String", required=True, least=1, most=512),
                    "Limit": LIMIT,
                },
                self.get_records,
            ),
        }

    async def create_stream(self, body: Body, _region: str) -> Answer:
        """Create a stream; it is CREATING for a while, then ACTIVE."""
        mode = (body.get("StreamModeDetails") or {}).get("StreamMode", "PROVISIONED")
        shards = body.get("ShardCount")
        if shards is None:
            if mode == "PROVISIONED":
                reason = "ShardCount is required for a PROVISIONED stream."
                raise Refused(errors.VALIDATION, reason=reason)
            shards = ON_DEMAND_SHARDS
        await self._streams.create(body["StreamName"], int(shards), mode=mode)
        return None

    async def delete_stream(self, body: Body, _region: str) -> Answer:
        """Delete a stream and its records."""
        await self._streams.delete(body["StreamName"])
        return None

    async def list_streams(self, body: Body, region: str) -> Answer:
        """List streams by name, a page at a time."""
        after = body.get("ExclusiveStartStreamName") or body.get("NextToken") or ""
        limit = int(body.get("Limit") or 100)
        names = [name for name in await self._streams.names() if name > after]
        page = names[:limit]
        answer: dict[str, Any] = {
            "StreamNames": page,
            "HasMoreStreams": len(names) > len(page),
            "StreamSummaries": [
                self._summary(await self._streams.current(name), region) for name in page
            ],
        }
        if answer["HasMoreStreams"]:
            answer["NextToken"] = page[-1]
        return answer

    async def describe_stream(self, body: Body, region: str) -> Answer:
        """Describe a stream with its shards, a page at a time."""
        stream = await self._streams.current(body["StreamName"])
        shards = _after(stream, body.get("ExclusiveStartShardId"))
        page = shards[: int(body.get("Limit") or 100)]
        if stream.status(self._context.clock()) == "CREATING":
            page = shards = []
        description = self._summary(stream, region) | self._settings(stream)
        return {
            "StreamDescription": description
            | {
                "Shards": [_described(stream, shard) for shard in page],
                "HasMoreShards": len(shards) > len(page),
            }
        }

    async def describe_stream_summary(self, body: Body, region: str) -> Answer:
        """Describe a stream without its shards."""
        stream = await self._streams.current(body["StreamName"])
        open_shards = sum(not shard.state.closed for shard in stream.shards)
        counts = {"OpenShardCount": open_shards, "ConsumerCount": 0}
        return {
            "StreamDescriptionSummary": self._summary(stream, region)
            | self._settings(stream)
            | counts
        }

    async def list_shards(self, body: Body, _region: str) -> Answer:
        """List a stream's shards, a page at a time; the token names stream and last shard."""
        name, after = body.get("StreamName"), body.get("ExclusiveStartShardId")
        token = body.get("NextToken")
        if (name is None) == (token is None):
            reason = "Either NextToken or StreamName should be provided."
            raise Refused(errors.INVALID_ARGUMENT, reason=reason)
        if token is not None:
            name, _, after = token.partition("/")
        stream = await self._streams.current(str(name))
        shards = _after(stream, after)
        page = shards[: int(body.get("MaxResults") or 1_000)]
        answer: dict[str, Any] = {"Shards": [_described(stream, shard) for shard in page]}
        if len(shards) > len(page):
            answer["NextToken"] = f"{name}/{page[-1].id}"
        return answer

    async def put_record(self, body: Body, _region: str) -> Answer:
        """Put one record; answers when it is durable."""
        stream = await self._active(body["StreamName"])
        [placed] = await put(self._context, stream, [_entry(body)])
        return placed

    async def put_records(self, body: Body, _region: str) -> Answer:
        """Put records in one commit; the answer keeps their order."""
        stream = await self._active(body["StreamName"])
        placed = await put(self._context, stream, [_entry(each) for each in body["Records"]])
        return {"FailedRecordCount": 0, "Records": placed}

    async def get_shard_iterator(self, body: Body, _region: str) -> Answer:
        """Return an iterator over a shard."""
        stream = await self._streams.current(body["StreamName"])
        shard = self._shard(stream, body["ShardId"])
        return {"ShardIterator": await get_iterator(self._context, stream, shard, body)}

    async def get_records(self, body: Body, _region: str) -> Answer:
        """Return records from an iterator on, and the iterator that goes on behind them."""
        return await get_records(self._context, self._streams, body)

    async def _active(self, name: str) -> Stream:
        stream = await self._streams.for_put(name)
        status = stream.status(self._context.clock())
        if status != "ACTIVE":
            raise Refused(
                errors.STREAM_NOT_ACTIVE, stream=name, account=self._streams.account, status=status
            )
        return stream

    def _shard(self, stream: Stream, text: str) -> Shard:
        number = shard_number(text)
        if number is None or number >= len(stream.shards):
            raise Refused(
                errors.SHARD_NOT_FOUND,
                shard=text,
                stream=stream.name,
                account=self._streams.account,
            )
        return stream.shards[number]

    def _summary(self, stream: Stream, region: str) -> dict[str, Any]:
        return {
            "StreamName": stream.name,
            "StreamARN": f"arn:aws:kinesis:{region}:{self._streams.account}:stream/{stream.name}",
            "StreamStatus": stream.status(self._context.clock()),
            "StreamModeDetails": {"StreamMode": stream.mode},
            "StreamCreationTimestamp": stream.created / 1000,
        }

    def _settings(self, stream: Stream) -> dict[str, Any]:
        return {
            "RetentionPeriodHours": int(stream.attributes.get("retention_hours", 24)),
            "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
            "EncryptionType": "NONE",
        }


def _entry(body: Body) -> Entry:
    return Entry(body["Data"], body["PartitionKey"], body.get("ExplicitHashKey"))


def _after(stream: Stream, shard_id: str | None) -> list[Shard]:
    return [shard for shard in stream.shards if shard_id is None or shard.id > shard_id]


def _described(stream: Stream, shard: Shard) -> dict[str, Any]:
    return {
        "ShardId": shard.id,
        "HashKeyRange": {
            "StartingHashKey": str(shard.first_hash),
            "EndingHashKey": str(shard.last_hash),
        },
        "SequenceNumberRange": {"StartingSequenceNumber": stream.beginning(shard)},
    }
