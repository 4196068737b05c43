"""Reads a stream: iterators of the five types, and the records behind them."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from functools import partial
from typing import Any

from pinlake.gateway import kinesis_errors as errors
from pinlake.gateway.base import Context
from pinlake.gateway.kinesis_errors import Refused
from pinlake.gateway.kinesis_iterator import ShardIterator, key_of, opened
from pinlake.gateway.kinesis_sequence import parse
from pinlake.gateway.kinesis_streams import Shard, Stream, Streams
from pinlake.log.base import Batch
from pinlake.record import Kind, LogName

ITERATOR_TYPES = (
    "AFTER_SEQUENCE_NUMBER",
    "LATEST",
    "AT_TIMESTAMP",
    "AT_SEQUENCE_NUMBER",
    "TRIM_HORIZON",
)
MOST_RECORDS = 10_000
MOST_BYTES = 10 * 1024 * 1024

Body = Mapping[str, Any]


async def get_iterator(context: Context, stream: Stream, shard: Shard, body: Body) -> str:
    """Return the sealed iterator that a GetShardIterator asks for."""
    position = await _start(context, stream, shard, body)
    return _sealed(context, stream, shard, position)


async def get_records(context: Context, streams: Streams, body: Body) -> dict[str, Any]:
    """Return the answer to a GetRecords: records, the next iterator, how far behind the tip."""
    iterator = opened(body["ShardIterator"], partial(_key, context), context.clock())
    stream = await streams.current(iterator.stream)
    if stream.created != iterator.stream_created or iterator.shard >= len(stream.shards):
        raise Refused(errors.INVALID_ARGUMENT, reason="Invalid ShardIterator: of another stream.")
    shard = stream.shards[iterator.shard]
    batch = await _read(context, stream, shard, iterator.position)
    count = min(len(batch), int(body.get("Limit") or MOST_RECORDS))
    following = batch.positions[count - 1] + 1 if count else iterator.position
    drained = shard.state.closed and following >= shard.state.end
    return {
        "Records": _records(stream, shard, batch, count),
        "NextShardIterator": None if drained else _sealed(context, stream, shard, following),
        "MillisBehindLatest": _behind(context, shard, batch, count, following),
    }


async def _start(context: Context, stream: Stream, shard: Shard, body: Body) -> int:
    kind = body["ShardIteratorType"]
    if kind == "TRIM_HORIZON":
        return shard.state.beginning
    if kind == "LATEST":
        return shard.state.end
    if kind == "AT_TIMESTAMP":
        return await _at_time(context, stream, shard, body.get("Timestamp"))
    return _at_sequence(stream, shard, body.get("StartingSequenceNumber"), kind)


async def _at_time(context: Context, stream: Stream, shard: Shard, seconds: float | None) -> int:
    if seconds is None:
        reason = "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP."
        raise Refused(errors.INVALID_ARGUMENT, reason=reason)
    time = int(seconds * 1000)
    if time > context.clock():
        reason = f"The timestamp {seconds} is in the future."
        raise Refused(errors.INVALID_ARGUMENT, reason=reason)
    return await asyncio.to_thread(context.log.find_time, stream.partition(shard), time)


def _at_sequence(stream: Stream, shard: Shard, text: str | None, kind: str) -> int:
    if text is None:
        reason = f"Must specify startingSequenceNumber parameter for iterator of type {kind}."
        raise Refused(errors.INVALID_ARGUMENT, reason=reason)
    sequence = parse(text)
    ours = (stream.created // 1000, shard.number)
    if sequence is None or (sequence.created, sequence.shard) != ours:
        reason = (
            f"StartingSequenceNumber {text} used in GetShardIterator on shard {shard.id} in stream "
            f"{stream.name} under account is invalid."
        )
        raise Refused(errors.INVALID_ARGUMENT, reason=reason)
    position = sequence.index - 1
    if kind == "AFTER_SEQUENCE_NUMBER":
        position += 1
    return max(position, shard.state.beginning)


async def _read(context: Context, stream: Stream, shard: Shard, position: int) -> Batch:
    return await asyncio.to_thread(
        context.log.read,
        stream.partition(shard),
        position - 1 if position > 0 else None,
        MOST_BYTES,
    )


def _records(stream: Stream, shard: Shard, batch: Batch, count: int) -> list[dict[str, Any]]:
    keys, values = batch.keys.values(), batch.values.values()
    return [
        {
            "SequenceNumber": stream.sequence(shard, batch.positions[row], batch.times[row]),
            "ApproximateArrivalTimestamp": batch.times[row] / 1000,
            "Data": base64.b64encode(values[row] or b"").decode(),
            "PartitionKey": (keys[row] or b"").decode("utf-8", "replace"),
        }
        for row in range(count)
    ]


def _behind(context: Context, shard: Shard, batch: Batch, count: int, following: int) -> int:
    """Return how many milliseconds the next record is behind now, 0 at the tip."""
    if following >= shard.state.end:
        return 0
    last = batch.times[count] if count < len(batch) else batch.times[-1]
    return max(0, context.clock() - last)


def _sealed(context: Context, stream: Stream, shard: Shard, position: int) -> str:
    iterator = ShardIterator(stream.name, stream.created, shard.number, position, context.clock())
    return iterator.sealed(_key(context, stream.name))


def _key(context: Context, stream: str) -> bytes:
    return key_of(context.log.log_id(LogName(Kind.STREAM, stream)))
