"""Kinesis' API as the source needs it: signed requests, and records decoded at once.

boto3 takes some 50 microseconds to make Python objects of a record; msgspec takes one.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.session import Session

from pinlake.engine.spark.kinesis.options import Options

TRIES = 12
FIRST_PAUSE, LAST_PAUSE = 0.1, 5.0
THROTTLED = ("ProvisionedThroughputExceededException", "LimitExceededException")
GONE_ITERATOR = "ExpiredIteratorException"
LIMIT = 10_000
"""Records that one GetRecords may give (the API's own limit)."""


class Record(msgspec.Struct, frozen=True, rename="pascal"):
    """A record as GetRecords gives it; the time is seconds since 1970."""

    sequence_number: str
    data: bytes
    partition_key: str
    approximate_arrival_timestamp: float = 0.0


class Records(msgspec.Struct, frozen=True, rename="pascal"):
    """An answer of GetRecords; ``next_shard_iterator`` None: the shard is closed and read."""

    records: list[Record] = []
    next_shard_iterator: str | None = None
    millis_behind_latest: int = 0


class SequenceRange(msgspec.Struct, frozen=True, rename="pascal"):
    """Where a shard begins and ends; an open one has no end."""

    starting_sequence_number: str
    ending_sequence_number: str | None = None


class Shard(msgspec.Struct, frozen=True, rename="pascal"):
    """A shard, and those that it came of."""

    shard_id: str
    sequence_number_range: SequenceRange
    parent_shard_id: str | None = None
    adjacent_parent_shard_id: str | None = None

    @property
    def parents(self) -> tuple[str, ...]:
        """The shards whose records come before this one's."""
        return tuple(filter(None, (self.parent_shard_id, self.adjacent_parent_shard_id)))

    @property
    def closed(self) -> bool:
        """Whether no record will come."""
        return self.sequence_number_range.ending_sequence_number is not None


class Shards(msgspec.Struct, frozen=True, rename="pascal"):
    """An answer of ListShards."""

    shards: list[Shard]
    next_token: str | None = None


class KinesisError(Exception):
    """Kinesis' own error, by its type, with its message."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class Client:
    """Asks Kinesis, again with growing pauses where it throttles, fails or is away."""

    def __init__(self, options: Options) -> None:
        self._region = options.region
        self._url = options.endpoint or f"https://kinesis.{options.region}.amazonaws.com"
        self._credentials: Any = (
            Credentials(options.access_key, options.secret_key)
            if options.access_key
            else Session().get_credentials()
        )
        if self._credentials is None:
            raise ValueError(
                "kinesis: there are no AWS credentials: set awsAccessKey and awsSecretKey, or"
                " what the AWS command line goes by"
            )
        self._pool = urllib3.PoolManager(timeout=30, retries=False)

    def shards(self, stream: str) -> list[Shard]:
        """Return the shards of a stream, closed ones too."""
        found: list[Shard] = []
        asked: dict[str, Any] = {"StreamName": stream}
        while asked:
            answer = self._ask("ListShards", asked, Shards)
            found += answer.shards
            asked = {"NextToken": answer.next_token} if answer.next_token else {}
        return found

    def read(self, stream: str, shard: str, after: str) -> Iterator[Records]:
        """Yield the answers of GetRecords from a start on, for ever or to the shard's end.

        ``after`` is a sequence number, "" for the oldest record, or "@<milliseconds>".
        """
        iterator = self._iterator(stream, shard, after)
        while iterator:
            try:
                answer = self._ask(
                    "GetRecords", {"ShardIterator": iterator, "Limit": LIMIT}, Records
                )
            except KinesisError as refused:
                if refused.kind != GONE_ITERATOR:
                    raise
                iterator = self._iterator(stream, shard, after)
                continue
            if answer.records:
                after = answer.records[-1].sequence_number
            yield answer
            iterator = answer.next_shard_iterator

    def _iterator(self, stream: str, shard: str, after: str) -> str | None:
        asked: dict[str, Any] = {"StreamName": stream, "ShardId": shard}
        if not after:
            asked["ShardIteratorType"] = "TRIM_HORIZON"
        elif after.startswith("@"):
            asked |= {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": int(after[1:]) / 1000}
        else:
            asked |= {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "StartingSequenceNumber": after,
            }
        answer: dict[str, str] = self._ask("GetShardIterator", asked, dict[str, str])
        return answer.get("ShardIterator")

    def _ask(self, action: str, body: dict[str, Any], kind: type[Any]) -> Any:
        for number in range(TRIES):
            try:
                return msgspec.json.decode(self._post(action, msgspec.json.encode(body)), type=kind)
            except (KinesisError, urllib3.exceptions.HTTPError) as error:
                if not _passes(error) or number == TRIES - 1:
                    raise
                pause = min(LAST_PAUSE, FIRST_PAUSE * 2**number)
                time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads clients in time
        raise AssertionError("unreachable")

    def _post(self, action: str, body: bytes) -> bytes:
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"Kinesis_20131202.{action}",
        }
        request = AWSRequest("POST", self._url, headers=headers, data=body)
        SigV4Auth(self._credentials, "kinesis", self._region).add_auth(request)
        signed = request.prepare()
        answer = self._pool.request("POST", signed.url, body=body, headers=dict(signed.headers))
        if answer.status == 200:
            return answer.data
        raise _refused(answer.status, answer.data)


def _refused(status: int, body: bytes) -> KinesisError:
    try:
        found = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        found = {}
    kind = str(found.get("__type", f"HTTP {status}")).rpartition("#")[2]
    return KinesisError(kind, str(found.get("message") or found.get("Message") or ""))


def _passes(error: Exception) -> bool:
    """Tell whether an error may be gone when asked again."""
    if not isinstance(error, KinesisError):
        return True
    return error.kind in THROTTLED or error.kind.startswith(("HTTP 5", "InternalFailure"))
