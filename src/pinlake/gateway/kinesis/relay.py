"""A real Kinesis behind the gateway: puts go into its queue, all else is passed on as it is."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pinlake.errors import LogFailed, StreamsBusy, TopicUnknown
from pinlake.gateway.base import Context
from pinlake.gateway.kinesis import errors
from pinlake.gateway.kinesis.errors import KinesisError, Refused
from pinlake.gateway.kinesis.time import Timestamp
from pinlake.log.kinesis.answers import Placed
from pinlake.log.kinesis.client import Away, Client, refusal
from pinlake.log.kinesis.client import Refused as TheirRefusal
from pinlake.log.kinesis.log import KinesisLog
from pinlake.log.kinesis.queue import Entry, PutRefused
from pinlake.record import Kind, LogName

BLOBS = frozenset({"Data"})
TIMES = frozenset({"ApproximateArrivalTimestamp", "StreamCreationTimestamp"})
TIMES |= frozenset({"ConsumerCreationTimestamp"})


class Relay:
    """Speaks to a real Kinesis for the gateway. Belongs to one event loop."""

    def __init__(self, context: Context, log: KinesisLog) -> None:
        self._context, self._log = context, log

    async def put(self, stream: str, entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Put records, and return what became of each once Kinesis has acknowledged or refused it.

        Refuses all where none was taken, with Kinesis's own error.
        """
        name = LogName(Kind.STREAM, stream)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Placed]] = loop.create_future()

        def done(placed: list[Placed] | None, error: Exception | None) -> None:
            loop.call_soon_threadsafe(_settle, future, placed, error)

        given = [
            Entry(each["Data"], each["PartitionKey"], each.get("ExplicitHashKey"))
            for each in entries
        ]
        try:
            self._log.put(name, given, done)
            placed = await future
        except PutRefused as refused:
            raise passed_on(refused.refused) from None
        except StreamsBusy as busy:
            raise Refused(errors.BUSY, reason=busy) from None
        except LogFailed:
            self._context.failures += 1
            self._context.failed_at = self._context.clock()
            raise
        except TopicUnknown:
            self._context.forget(name)
            raise
        taken = sum(each.sequence_number is not None for each in placed)
        self._context.stored[Kind.STREAM] += taken
        self._context.failed_at = None if taken else self._context.failed_at
        return [_told(each) for each in placed]

    async def passed(self, operation: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """Ask Kinesis once, by the gateway's own credentials, and return its answer."""
        return await asyncio.to_thread(self._pass, operation, body)

    def _pass(self, name: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        content = msgspec.json.encode(_plain(dict(body)))
        client: Client = self._log.client
        try:
            status, answer = client.raw(name, content)
        except Away as away:
            raise client.unreachable(away) from None
        self._forget(name, body)
        if status != 200:
            raise passed_on(refusal(status, answer, client.connection))
        return _typed(msgspec.json.decode(answer)) if answer else None

    def _forget(self, operation: str, body: Mapping[str, Any]) -> None:
        """Ask anew for what an operation may have changed."""
        named = body.get("StreamName") or str(body.get("StreamARN", "")).rpartition("/")[2]
        if not operation.startswith(("Get", "List", "Describe")):
            name = LogName(Kind.STREAM, str(named))
            self._log.streams.forget(name)
            self._context.forget(name)


def passed_on(refused: TheirRefusal) -> Refused:
    """Return Kinesis's own error as the answer to the request."""
    error = KinesisError(refused.kind, "{reason}", refused.status)
    return Refused(error, reason=refused.message)


def _settle(
    future: asyncio.Future[list[Placed]], placed: list[Placed] | None, error: Exception | None
) -> None:
    if future.done():  # its request was given up, its records were not
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(placed or [])


def _told(placed: Placed) -> dict[str, Any]:
    if placed.error_code is not None:
        return {"ErrorCode": placed.error_code, "ErrorMessage": placed.error_message or ""}
    return {"ShardId": placed.shard_id, "SequenceNumber": placed.sequence_number}


def _plain(value: Any) -> Any:
    """Return what a request holds as JSON has it: seconds, base64."""
    if isinstance(value, Timestamp):
        return value.seconds
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if each is not None}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _typed(value: Any, name: str = "") -> Any:
    """Return what JSON answers with times and bytes, which CBOR tells apart."""
    if isinstance(value, dict):
        return {key: _typed(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_typed(each) for each in value]
    if name in TIMES and isinstance(value, int | float):
        return Timestamp(round(value * 1000))
    return base64.b64decode(value) if name in BLOBS and isinstance(value, str) else value
