"""Kinesis's API as a log needs it: signed requests, sent once or until they are answered.

boto3 takes 26 microseconds of processor to read a record, this 4 (docs/decisions).
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

from pinlake.errors import StreamsUnreachable
from pinlake.log.kinesis.answers import Iterator, Records, Shard, Shards
from pinlake.log.kinesis.connection import Connection, Signer

T = TypeVar("T")

SERVICE = "Kinesis_20131202"
JSON = "application/x-amz-json-1.1"
CONNECT_SECONDS, ANSWER_SECONDS = 3.0, 15.0
"""How long a connection and an answer may take before they count as lost."""

PAGE = 1000
"""Shards that one ListShards gives."""

LIMIT = 10_000
"""Records that one GetRecords may give (the API's own limit)."""

GONE_ITERATOR = "ExpiredIteratorException"

FIRST_PAUSE, LAST_PAUSE = 0.05, 2.0
CONNECTIONS = 32

THROTTLED = frozenset(
    {"ProvisionedThroughputExceededException", "LimitExceededException", "ThrottlingException"}
    | {"KMSThrottlingException", "Throttling", "RequestLimitExceeded"}
)


class Patience(NamedTuple):
    """For how many seconds a call is repeated: nobody answers, Kinesis throttles it."""

    away: float = 5.0
    throttled: float = 30.0


PATIENCE = Patience()


class Refused(Exception):  # noqa: N818 it is Kinesis's answer; the log turns it into an error of ours
    """Kinesis answered with an error: its type, its message and the HTTP status."""

    def __init__(self, kind: str, message: str, status: int) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind, self.message, self.status = kind, message, status

    @property
    def throttled(self) -> bool:
        """Whether it asked for too much at once."""
        return self.kind in THROTTLED

    @property
    def passing(self) -> bool:
        """Whether the same request may be answered well a little later."""
        return self.throttled or self.status >= 500


class Away(Exception):  # noqa: N818 as above
    """No answer came; whether the request was carried out cannot be told."""


class Client:
    """Asks one Kinesis. Safe to use from any thread; connects when it is first used.

    ``ahead`` is by how many seconds Kinesis's clock was ahead at the last answer,
    which tells it by whole seconds; None before.
    """

    def __init__(self, connection: Connection, patience: Patience | None = None) -> None:
        self.connection = connection
        self.ahead: float | None = None
        self._patience = patience or PATIENCE
        self._signer = Signer(connection)
        self._made: Any = None

    def call(
        self, action: str, body: Mapping[str, Any], kind: type[T], *, create: bool = False
    ) -> T:
        """Return the answer to a request, asked again while Kinesis throttles it or is away.

        Raises Refused, and StreamsUnreachable where patience ends; so do shards, iterator
        and records.
        """
        content, began, number = msgspec.json.encode(body), time.monotonic(), 0
        while True:
            try:
                return self.once(action, content, kind)
            except Refused as refused:
                create_limit = create and refused.kind == "LimitExceededException"
                if not refused.passing or (create_limit and "shard limit" in refused.message):
                    raise
                limit, reason = self._patience.throttled, str(refused)
            except Away as away:
                limit, reason = self._patience.away, str(away)
            if time.monotonic() - began > limit:
                raise self.unreachable(f"{action}: {reason}") from None
            time.sleep(pause(number))
            number += 1

    def shards(self, stream: str) -> list[Shard]:
        """Return the shards of a stream, closed ones too, by their number."""
        found: list[Shard] = []
        asked: dict[str, Any] = {"StreamName": stream, "MaxResults": PAGE}
        while asked:
            answer = self.call("ListShards", asked, Shards)
            found += answer.shards
            token = answer.next_token
            asked = {"NextToken": token, "MaxResults": PAGE} if token else {}
        return sorted(found, key=lambda each: each.number)

    def iterator(self, stream: str, shard: str, kind: str, **start: object) -> str:
        """Return an iterator of a shard; ``kind`` and ``start`` as GetShardIterator has them."""
        asked = {"StreamName": stream, "ShardId": shard, "ShardIteratorType": kind} | start
        return self.call("GetShardIterator", asked, Iterator).shard_iterator

    def records(self, iterator: str, limit: int = LIMIT) -> Records:
        """Return the records from an iterator on, at most ``limit``."""
        return self.call("GetRecords", {"ShardIterator": iterator, "Limit": limit}, Records)

    def once(self, action: str, content: bytes, kind: type[T]) -> T:
        """Return the answer to a request that is sent once; raise Refused or Away."""
        status, answer = self.raw(action, content)
        if status == 200:
            try:
                return msgspec.json.decode(answer or b"null", type=kind)
            except msgspec.MsgspecError as error:
                raise Away(f"the answer cannot be read: {error}") from None
        raise refusal(status, answer, self.connection)

    def raw(self, action: str, content: bytes) -> tuple[int, bytes]:
        """Return the status and the body that answer a request; raise Away."""
        import urllib3

        headers = self._signed(action, content)
        try:
            answer = self._pool.request(
                "POST", f"{self.connection.endpoint}/", body=content, headers=headers
            )
        except urllib3.exceptions.HTTPError as error:
            raise Away(self.connection.masked(error)) from None
        self._note_time(answer.headers.get("date"))
        return int(answer.status), bytes(answer.data)

    def unreachable(self, reason: object) -> StreamsUnreachable:
        """Return the error for a Kinesis that does not do what it is asked."""
        shown = self.connection.masked(reason)
        return StreamsUnreachable(endpoint=self.connection.endpoint, reason=shown)

    def close(self) -> None:
        """Close what is connected. Idempotent."""
        if self._made is not None:
            self._made.clear()

    def _signed(self, action: str, content: bytes) -> dict[str, str]:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        credentials = self._signer.credentials()
        if credentials is None:
            reason = (
                "there are no AWS credentials: set kinesis.access_key and .secret_key, or what the "
                "AWS command line goes by (AWS_ACCESS_KEY_ID, AWS_PROFILE, ~/.aws, a role)"
            )
            raise self.unreachable(reason)
        headers = {"Content-Type": JSON, "X-Amz-Target": f"{SERVICE}.{action}"}
        request = AWSRequest("POST", f"{self.connection.endpoint}/", headers=headers, data=content)
        SigV4Auth(credentials, "kinesis", self.connection.region).add_auth(request)
        return dict(request.headers)

    @property
    def _pool(self) -> Any:
        if self._made is None:
            import urllib3

            self._made = urllib3.PoolManager(
                maxsize=CONNECTIONS,
                retries=False,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS),
            )
        return self._made

    def _note_time(self, date: str | None) -> None:
        if date:
            try:
                self.ahead = parsedate_to_datetime(date).timestamp() - time.time()
            except ValueError:
                self.ahead = None


def refusal(status: int, body: bytes, connection: Connection) -> Refused:
    """Return what an answer that is no success says."""
    try:
        found = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        found = {}
    kind = str(found.get("__type", f"HTTP {status}")).rpartition("#")[2]
    message = str(found.get("message") or found.get("Message") or "")
    return Refused(kind, connection.masked(message), status)


def pause(number: int) -> float:
    """Return the seconds to wait before try number + 2: doubled each time, spread at random."""
    longest = min(LAST_PAUSE, FIRST_PAUSE * 2.0 ** min(number, 20))
    return longest * random.uniform(0.5, 1)  # noqa: S311 it spreads clients in time
