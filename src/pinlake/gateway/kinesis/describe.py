"""ListStreams, DescribeStream, DescribeStreamSummary and ListShards."""

from __future__ import annotations

from typing import Any

from pinlake.gateway.kinesis import errors
from pinlake.gateway.kinesis.errors import Refused
from pinlake.gateway.kinesis.operation import (
    LIMIT,
    NEXT_TOKEN,
    OPTIONAL_NAME,
    STREAM_NAME,
    Answer,
    Call,
    Operation,
)
from pinlake.gateway.kinesis.streams import Shard, Stream
from pinlake.gateway.kinesis.time import Timestamp
from pinlake.gateway.kinesis.types import Member

PAGE = 100
PAGE_OF_SHARDS = 1_000
FILTERS = (
    "AFTER_SHARD_ID",
    "AT_TRIM_HORIZON",
    "FROM_TRIM_HORIZON",
    "AT_LATEST",
    "AT_TIMESTAMP",
    "FROM_TIMESTAMP",
)

SHARD_FILTER = Member(
    "Structure",
    members={
        "Type": Member("String", required=True, choices=FILTERS),
        "ShardId": OPTIONAL_NAME,
        "Timestamp": Member("Timestamp"),
    },
)


async def list_streams(call: Call) -> Answer:
    """List streams by name, a page at a time; the token is the last name of the page."""
    after = call.get("ExclusiveStartStreamName") or call.get("NextToken", "")
    streams, behind = await call.account.page(after, call.get("Limit", PAGE))
    more = behind and bool(streams)
    answer: dict[str, Any] = {
        "StreamNames": [stream.name for stream in streams],
        "HasMoreStreams": more,
        "StreamSummaries": [_summary(call, stream) for stream in streams],
    }
    return answer | ({"NextToken": streams[-1].name} if more else {})


async def describe_stream(call: Call) -> Answer:
    """Describe a stream with its shards, a page at a time."""
    stream = await call.account.current(call["StreamName"])
    page, more = _page(call, stream, call.get("ExclusiveStartShardId", ""), call.get("Limit", PAGE))
    shards = {"Shards": [_shard(stream, shard) for shard in page], "HasMoreShards": more}
    return {"StreamDescription": _summary(call, stream) | _settings(call, stream) | shards}


async def describe_stream_summary(call: Call) -> Answer:
    """Describe a stream without its shards."""
    stream = await call.account.current(call["StreamName"])
    counts = {"OpenShardCount": len(stream.open_shards), "ConsumerCount": 0}
    return {"StreamDescriptionSummary": _summary(call, stream) | _settings(call, stream) | counts}


async def list_shards(call: Call) -> Answer:
    """List a stream's shards, a page at a time; the token names the stream and the last shard."""
    name, after = _shards_asked_for(call)
    stream = await call.account.current(name)
    page, more = _page(call, stream, after, call.get("MaxResults", PAGE_OF_SHARDS))
    answer: dict[str, Any] = {"Shards": [_shard(stream, shard) for shard in page]}
    return answer | ({"NextToken": f"{name}/{page[-1].id}"} if more else {})


def _shards_asked_for(call: Call) -> tuple[str, str]:
    """Return the stream's name and the shard id behind which to list."""
    name, token = call.get("StreamName"), call.get("NextToken")
    if token is not None:
        return _by_token(name, token)
    if name is None:
        reason = "Either NextToken or StreamName should be provided."
        raise Refused(errors.INVALID_ARGUMENT, reason=reason)
    chosen = call.get("ShardFilter", {})
    after = chosen.get("ShardId", "") if chosen.get("Type") == "AFTER_SHARD_ID" else ""
    return name, call.get("ExclusiveStartShardId", after)


def _by_token(name: str | None, token: str) -> tuple[str, str]:
    """Return what a token says. boto3's paginator sends the stream's name beside it: let it."""
    stream, slash, after = token.partition("/")
    if not slash:
        raise Refused(errors.INVALID_ARGUMENT, reason="NextToken is not one of ListShards.")
    if name not in {None, stream}:
        reason = "NextToken and StreamName cannot be provided together."
        raise Refused(errors.INVALID_ARGUMENT, reason=reason)
    return stream, after


def _page(call: Call, stream: Stream, after: str, limit: int) -> tuple[list[Shard], bool]:
    """Return shards behind a shard id, and whether there are more; a new stream shows none yet."""
    if stream.status(call.now) == "CREATING":
        return [], False
    latest = call.get("ShardFilter", {}).get("Type") == "AT_LATEST"
    candidates = stream.open_shards if latest else stream.shards
    shards = [shard for shard in candidates if shard.id > after]
    return shards[:limit], len(shards) > limit


def _summary(call: Call, stream: Stream) -> dict[str, Any]:
    return {
        "StreamName": stream.name,
        "StreamARN": call.account.arn(stream.name, call.region),
        "StreamStatus": stream.status(call.now),
        "StreamModeDetails": {"StreamMode": stream.mode},
        "StreamCreationTimestamp": Timestamp(stream.created),
    }


def _settings(call: Call, stream: Stream) -> dict[str, Any]:
    usual = call.account.context.settings.log.stream_retention_hours
    return {
        "RetentionPeriodHours": stream.retention_hours(usual),
        "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
        "EncryptionType": "NONE",
    }


def _shard(stream: Stream, shard: Shard) -> dict[str, Any]:
    first, last = str(shard.first_hash), str(shard.last_hash)
    return {
        "ShardId": shard.id,
        "HashKeyRange": {"StartingHashKey": first, "EndingHashKey": last},
        "SequenceNumberRange": {"StartingSequenceNumber": stream.first_sequence(shard)},
    }


OPERATIONS = {
    "ListStreams": Operation(
        {"ExclusiveStartStreamName": OPTIONAL_NAME, "Limit": LIMIT, "NextToken": NEXT_TOKEN},
        list_streams,
    ),
    "DescribeStream": Operation(
        {"StreamName": STREAM_NAME, "ExclusiveStartShardId": OPTIONAL_NAME, "Limit": LIMIT},
        describe_stream,
    ),
    "DescribeStreamSummary": Operation({"StreamName": STREAM_NAME}, describe_stream_summary),
    "ListShards": Operation(
        {
            "StreamName": OPTIONAL_NAME,
            "NextToken": NEXT_TOKEN,
            "ExclusiveStartShardId": OPTIONAL_NAME,
            "MaxResults": LIMIT,
            "ShardFilter": SHARD_FILTER,
        },
        list_shards,
    ),
}
