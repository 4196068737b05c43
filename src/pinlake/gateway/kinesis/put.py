"""PutRecord and PutRecords: each record into the shard of its hash key, in one commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pinlake.errors import TopicUnknown
from pinlake.gateway.kinesis import errors
from pinlake.gateway.kinesis.account import Account
from pinlake.gateway.kinesis.errors import KinesisError, Refused
from pinlake.gateway.kinesis.operation import (
    SEQUENCE_NUMBER,
    STREAM_NAME,
    Answer,
    Call,
    Operation,
)
from pinlake.gateway.kinesis.relay import Relay
from pinlake.gateway.kinesis.sequence import HASH_KEYS, hash_key, parse
from pinlake.gateway.kinesis.streams import Shard, Stream
from pinlake.gateway.kinesis.types import Member
from pinlake.log.base import Append
from pinlake.record import Partition, Record

MOST_RECORDS = 500
RECORD_BYTES = 1_048_576
REQUEST_BYTES = {"classic": 5 * RECORD_BYTES, "current": 10 * RECORD_BYTES}

DATA = Member("Blob", required=True, most=RECORD_BYTES)
PARTITION_KEY = Member("String", required=True, least=1, most=256)
HASH_KEY = Member("String", pattern=r"0|([1-9]\d{0,38})")
DRY_RUN = Member("Boolean")
ENTRY = {"PartitionKey": PARTITION_KEY, "ExplicitHashKey": HASH_KEY, "Data": DATA}
ENTRIES = Member(
    "List",
    required=True,
    least=1,
    most=MOST_RECORDS,
    members=ENTRY,
    shown="com.amazonaws.kinesis.v20131202.PutRecordsRequestEntry",
)

Entry = Mapping[str, Any]


async def put_record(call: Call) -> Answer:
    """Put one record; answers when it is durable."""
    stream = await call.account.for_put(call["StreamName"])
    call.account.check_active(stream)
    _check_ordering(call)
    _refuse_dry_run(call)
    return await put_one(call.account, stream, call.body)


async def put_records(call: Call) -> Answer:
    """Put records; answers when they are durable, in the request's order."""
    stream = await call.account.for_put(call["StreamName"])
    call.account.check_active(stream)
    _refuse_dry_run(call)
    return await put_many(call.account, stream, call["Records"])


async def put_one(account: Account, stream: Stream, entry: Entry) -> dict[str, Any]:
    """Put one record, and return where it went; refuse it over a shard's throughput."""
    [placed] = await _put(account, stream, [entry])
    if "ErrorCode" in placed and account.relay is not None:
        raise Refused(KinesisError(placed["ErrorCode"], "{reason}"), reason=placed["ErrorMessage"])
    if "ErrorCode" in placed:
        shard = stream.shard_for(_hash(entry))
        raise account.refusal(errors.THROUGHPUT_EXCEEDED, shard=shard.id, stream=stream.name)
    return placed


async def put_many(account: Account, stream: Stream, entries: Sequence[Entry]) -> dict[str, Any]:
    """Put records, and return what became of each, in order."""
    placed = await _put(account, stream, entries)
    failed = sum("ErrorCode" in each for each in placed)
    return {"FailedRecordCount": failed, "Records": placed}


async def _put(account: Account, stream: Stream, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Append what the shards take, in one commit, and tell what became of each record."""
    _check_sizes(account, entries)
    if account.relay is not None:
        return await _relayed(account, account.relay, stream, entries)
    now = account.context.clock()
    shards = [stream.shard_for(_hash(entry)) for entry in entries]
    runs: dict[int, list[Record]] = {}
    taken = []
    for shard, entry in zip(shards, entries, strict=True):
        taken.append(_takes(account, stream, shard, entry, now))
        if taken[-1]:
            record = Record(entry["Data"], entry["PartitionKey"].encode(), time=now)
            runs.setdefault(shard.number, []).append(record)
    following = await _append(account, stream, runs)
    return [
        _placed(stream, shard, following, now)
        if is_taken
        else _over_throughput(account, stream, shard)
        for shard, is_taken in zip(shards, taken, strict=True)
    ]


async def _relayed(
    account: Account, relay: Relay, stream: Stream, entries: Sequence[Entry]
) -> list[dict[str, Any]]:
    """Put records into a real Kinesis, which tells what became of each."""
    for entry in entries:
        _hash(entry)
    try:
        return await relay.put(stream.name, entries)
    except TopicUnknown:
        raise account.absent(stream.name) from None


def _placed(stream: Stream, shard: Shard, following: dict[int, int], now: int) -> dict[str, str]:
    """Return where a shard's next record is, and step behind it."""
    position = following[shard.number]
    following[shard.number] += 1
    return {"ShardId": shard.id, "SequenceNumber": stream.sequence(shard, position, now)}


async def _append(
    account: Account, stream: Stream, runs: Mapping[int, Sequence[Record]]
) -> dict[int, int]:
    """Append each shard's records as one, and return the position of each shard's first."""
    appends = [Append(Partition(stream.log_name, shard), run) for shard, run in runs.items()]
    try:
        firsts = await account.context.append(appends) if appends else []
    except TopicUnknown:
        raise account.absent(stream.name) from None
    return dict(zip(runs, firsts, strict=True))


def _check_ordering(call: Call) -> None:
    """Refuse what is no sequence number of the past; the log's order is strict without it."""
    text = call.get("SequenceNumberForOrdering")
    number = None if text is None else parse(text)
    if text is not None and (number is None or number.time * 1000 > call.now):
        reason = (
            f"ExclusiveMinimumSequenceNumber {text} used in PutRecord on stream "
            f"{call['StreamName']} under account {call.account.id} is invalid."
        )
        raise Refused(errors.INVALID_ARGUMENT, reason=reason)


def _refuse_dry_run(call: Call) -> None:
    if call.get("DryRun"):
        raise Refused(errors.DRY_RUN)


def _takes(account: Account, stream: Stream, shard: Shard, entry: Entry, now: int) -> bool:
    if not account.settings.enforce_limits:
        return True
    return account.throughput.take(stream.partition(shard), _size(entry), now)


def _over_throughput(account: Account, stream: Stream, shard: Shard) -> dict[str, str]:
    values = {"shard": shard.id, "stream": stream.name}
    refused = account.refusal(errors.THROUGHPUT_EXCEEDED, **values)
    return {"ErrorCode": refused.error.type, "ErrorMessage": str(refused)}


def _check_sizes(account: Account, entries: Sequence[Entry]) -> None:
    sizes = [_size(entry) for entry in entries]
    limit = REQUEST_BYTES[account.settings.limits]
    if max(sizes) > RECORD_BYTES:
        reason = f"A record with its partition key may have {RECORD_BYTES} bytes, not {max(sizes)}."
        raise Refused(errors.INVALID_ARGUMENT, reason=reason)
    if sum(sizes) > limit:
        reason = f"Records size exceeds {limit} bytes: {sum(sizes)}; send fewer at once."
        raise Refused(errors.INVALID_ARGUMENT, reason=reason)


def _size(entry: Entry) -> int:
    return len(entry["Data"]) + len(entry["PartitionKey"].encode())


def _hash(entry: Entry) -> int:
    if "ExplicitHashKey" not in entry:
        return hash_key(entry["PartitionKey"])
    explicit = int(entry["ExplicitHashKey"])
    if explicit >= HASH_KEYS:
        raise Refused(errors.HASH_KEY_OUTSIDE, value=explicit)
    return explicit


OPERATIONS = {
    "PutRecord": Operation(
        {
            "SequenceNumberForOrdering": SEQUENCE_NUMBER,
            **ENTRY,
            "StreamName": STREAM_NAME,
            "DryRun": DRY_RUN,
        },
        put_record,
    ),
    "PutRecords": Operation(
        {"Records": ENTRIES, "StreamName": STREAM_NAME, "DryRun": DRY_RUN}, put_records
    ),
}
