"""GetShardIterator and GetRecords."""

from __future__ import annotations

import asyncio
from typing import Any

from pinlake.errors import PartitionUnknown, TopicUnknown
from pinlake.gateway.kinesis import errors
from pinlake.gateway.kinesis.account import Account
from pinlake.gateway.kinesis.errors import Refused
from pinlake.gateway.kinesis.iterator import ShardIterator, key_of, opened
from pinlake.gateway.kinesis.operation import (
    LIMIT,
    SEQUENCE_NUMBER,
    STREAM_NAME,
    Answer,
    Call,
    Operation,
)
from pinlake.gateway.kinesis.sequence import parse, shard_id, shard_number
from pinlake.gateway.kinesis.streams import Shard, Stream
from pinlake.gateway.kinesis.time import Timestamp
from pinlake.gateway.kinesis.types import Member
from pinlake.log.base import Batch
from pinlake.record import Kind, LogName

AT, AFTER = "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"
ITERATOR_TYPES = (AFTER, "LATEST", "AT_TIMESTAMP", AT, "TRIM_HORIZON")
MOST_RECORDS = 10_000
MOST_BYTES = 10 * 1_048_576

ITERATOR_TYPE = Member("String", required=True, choices=ITERATOR_TYPES)
SHARD_ITERATOR = Member("String", required=True, least=1, most=512)


async def get_shard_iterator(call: Call) -> Answer:
    """Return an iterator over a shard, from where the request says."""
    stream, shard = await _asked_for(call)
    position = await _start(call, stream, shard)
    return {"ShardIterator": _sealed(call, stream, shard, position)}


async def get_records(call: Call) -> Answer:
    """Return records from an iterator on, the next iterator, and how far behind the tip it is."""
    return await asyncio.to_thread(_get_records, call)


async def _asked_for(call: Call) -> tuple[Stream, Shard]:
    """Return the stream and shard of a request; a stream that is not there has no shards either."""
    name, number = call["StreamName"], shard_number(call["ShardId"])
    if number is None:
        raise call.account.refusal(errors.SHARD_UNREADABLE, shard=call["ShardId"], stream=name)
    try:
        stream = await call.account.current(name)
    except Refused:
        raise _no_shard(call.account, name, number) from None
    if number >= len(stream.shards) or stream.status(call.now) == "CREATING":
        raise _no_shard(call.account, name, number)
    return stream, stream.shards[number]


def _no_shard(account: Account, stream: str, number: int) -> Refused:
    return account.refusal(errors.SHARD_NOT_FOUND, shard=shard_id(number), stream=stream)


async def _start(call: Call, stream: Stream, shard: Shard) -> int:
    """Return the first position that an iterator of the request's type reads."""
    kind, sequence = call["ShardIteratorType"], call.get("StartingSequenceNumber")
    if (sequence is not None) != (kind in {AT, AFTER}):
        raise _mismatch(kind, given=sequence is not None)
    if kind == "TRIM_HORIZON":
        return shard.state.beginning
    if kind == "LATEST":
        return shard.state.end
    if kind == "AT_TIMESTAMP":
        time = _time(call)
        return await asyncio.to_thread(
            call.account.context.log.find_time, stream.partition(shard), time
        )
    return _at_sequence(call, stream, shard, sequence)


def _mismatch(kind: str, *, given: bool) -> Refused:
    reason = (
        f"Must either specify (1) {AT} or {AFTER} and StartingSequenceNumber or "
        f"(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {kind} "
        f"and {'also a' if given else 'no'} StartingSequenceNumber."
    )
    return Refused(errors.INVALID_ARGUMENT, reason=reason)


def _time(call: Call) -> int:
    time, now = call.get("Timestamp"), call.now
    if time is None:
        reason = (
            "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. "
            "Current request has no timestamp parameter."
        )
        raise Refused(errors.INVALID_ARGUMENT, reason=reason)
    if time > now:
        reason = (
            "The timestampInMillis parameter cannot be greater than the "
            f"currentTimestampInMillis. timestampInMillis: {time}, currentTimestampInMillis: {now}"
        )
        raise Refused(errors.INVALID_ARGUMENT, reason=reason)
    return int(time)


def _at_sequence(call: Call, stream: Stream, shard: Shard, text: str) -> int:
    used = (
        f"StartingSequenceNumber {text} used in GetShardIterator on shard {shard.id} in stream "
        f"{stream.name} under account {call.account.id} is invalid"
    )
    number = parse(text)
    if number is None:
        raise Refused(errors.INVALID_ARGUMENT, reason=f"{used}.")
    if number.shard != shard.number:
        reason = (
            f"Invalid StartingSequenceNumber. It encodes {shard_id(number.shard)}, while it was "
            f"used in a call to a shard with {shard.id}"
        )
        raise Refused(errors.INVALID_ARGUMENT, reason=reason)
    if not stream.is_of(number):
        reason = f"{used} because it did not come from this stream."
        raise Refused(errors.INVALID_ARGUMENT, reason=reason)
    return stream.position(number, after=call["ShardIteratorType"] == AFTER)


def _get_records(call: Call) -> Answer:
    stream, iterator = _opened(call)
    shard = stream.shards[iterator.shard]
    limit = call.get("Limit", MOST_RECORDS)
    batch = _read(call, stream, shard, iterator.position, limit)
    # what was trimmed or a limit leaves empty is passed over, or an iterator would stay for ever
    upto = min(max(iterator.position, shard.state.beginning) + limit, shard.state.end)
    following = batch.upto + 1 if len(batch) else max(iterator.position, upto)
    drained = shard.state.closed and following >= shard.state.end
    answer: dict[str, Any] = {
        "Records": _records(stream, shard, batch),
        "MillisBehindLatest": _behind(call, shard, batch, following),
    }
    return answer | (
        {} if drained else {"NextShardIterator": _sealed(call, stream, shard, following)}
    )


def _opened(call: Call) -> tuple[Stream, ShardIterator]:
    iterator = opened(call["ShardIterator"], _key(call), call.now)
    try:
        name = LogName(Kind.STREAM, iterator.stream)
        stream = Stream(call.account.context.log.describe(name))
    except TopicUnknown:
        raise _no_shard(call.account, iterator.stream, iterator.shard) from None
    if stream.created != iterator.stream_created:
        raise Refused(errors.ITERATOR_INVALID)
    return stream, iterator


def _read(call: Call, stream: Stream, shard: Shard, position: int, limit: int) -> Batch:
    after = position - 1 if position > 0 else None
    upto = max(position, shard.state.beginning) + limit - 1
    try:
        return call.account.context.log.read(stream.partition(shard), after, MOST_BYTES, upto)
    except (TopicUnknown, PartitionUnknown):
        raise _no_shard(call.account, stream.name, shard.number) from None


def _records(stream: Stream, shard: Shard, batch: Batch) -> list[dict[str, Any]]:
    rows = zip(
        batch.positions, batch.times, batch.keys.values(), batch.values.values(), strict=True
    )
    return [
        {
            "SequenceNumber": stream.sequence(shard, position, time),
            "ApproximateArrivalTimestamp": Timestamp(time),
            "Data": value or b"",
            "PartitionKey": (key or b"").decode("utf-8", "replace"),
        }
        for position, time, key, value in rows
    ]


def _behind(call: Call, shard: Shard, batch: Batch, following: int) -> int:
    """Return how many milliseconds the last record read is behind now, 0 at the tip."""
    if following >= shard.state.end or not len(batch):
        return 0
    return max(0, call.now - batch.times[-1])


def _sealed(call: Call, stream: Stream, shard: Shard, position: int) -> str:
    iterator = ShardIterator(stream.name, stream.created, shard.number, position, call.now)
    return iterator.sealed(_key(call))


def _key(call: Call) -> bytes:
    """Return the key that signs iterators: the log's identity tells one log from another."""
    return key_of(call.account.context.log.log_id(LogName(Kind.STREAM, "")))


OPERATIONS = {
    "GetShardIterator": Operation(
        {
            "ShardId": STREAM_NAME,
            "ShardIteratorType": ITERATOR_TYPE,
            "StartingSequenceNumber": SEQUENCE_NUMBER,
            "StreamName": STREAM_NAME,
            "Timestamp": Member("Timestamp"),
        },
        get_shard_iterator,
    ),
    "GetRecords": Operation(
        {"ShardIterator": SHARD_ITERATOR, "Limit": LIMIT}, get_records, large=True
    ),
}
