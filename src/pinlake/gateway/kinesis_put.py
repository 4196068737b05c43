"""Puts records into a stream, each into the shard of its hash key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from pinlake.gateway import kinesis_errors as errors
from pinlake.gateway.base import Context
from pinlake.gateway.kinesis_errors import Refused
from pinlake.gateway.kinesis_sequence import HASH_KEYS, hash_key
from pinlake.gateway.kinesis_streams import Shard, Stream
from pinlake.log.base import Append
from pinlake.record import Record

MAX_RECORDS = 500
RECORD_BYTES = 1_048_576
REQUEST_BYTES = {"classic": 5 * RECORD_BYTES, "current": 10 * RECORD_BYTES}


class Entry(msgspec.Struct, frozen=True):
    """A record to put. ``hash_key`` overrides the partition key's own hash."""

    data: bytes
    partition_key: str
    hash_key: str | None = None


async def put(context: Context, stream: Stream, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Append records in one commit; return ``ShardId`` and ``SequenceNumber`` of each, in order."""
    _check_sizes(context, entries)
    now = context.clock()
    shards = [stream.shard_for(_hash(entry)) for entry in entries]
    by_shard: dict[int, tuple[Shard, list[Record]]] = {}
    for shard, entry in zip(shards, entries, strict=True):
        record = Record(entry.data, entry.partition_key.encode(), time=now)
        by_shard.setdefault(shard.number, (shard, []))[1].append(record)
    appends = [Append(stream.partition(shard), records) for shard, records in by_shard.values()]
    following = dict(zip(by_shard, await context.append(appends), strict=True))
    placed = []
    for shard in shards:
        position = following[shard.number]
        following[shard.number] += 1
        sequence = stream.sequence(shard, position, now)
        placed.append({"ShardId": shard.id, "SequenceNumber": sequence})
    return placed


def _check_sizes(context: Context, entries: Sequence[Entry]) -> None:
    sizes = [len(entry.data) + len(entry.partition_key.encode()) for entry in entries]
    limit = REQUEST_BYTES[context.settings.kinesis.limits]
    if max(sizes) > RECORD_BYTES:
        reason = f"A record with its partition key is larger than {RECORD_BYTES} bytes."
        raise Refused(errors.INVALID_ARGUMENT, reason=reason)
    if len(entries) > 1 and sum(sizes) > limit:
        reason = f"Records size exceeds {limit} bytes: {sum(sizes)}; send fewer at once."
        raise Refused(errors.INVALID_ARGUMENT, reason=reason)


def _hash(entry: Entry) -> int:
    if entry.hash_key is None:
        return hash_key(entry.partition_key)
    explicit = int(entry.hash_key)
    if explicit >= HASH_KEYS:
        reason = (
            f"Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
            f"Specified value was {explicit}"
        )
        raise Refused(errors.INVALID_ARGUMENT, reason=reason)
    return explicit
