"""The Kinesis API itself, so that boto3 works with this gateway as its ``endpoint_url``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from pinlake.errors import LogClosed, LogFailed, PinlakeError
from pinlake.gateway.base import Context, Request, Response
from pinlake.gateway.kinesis import errors, signature, wire
from pinlake.gateway.kinesis.account import Account
from pinlake.gateway.kinesis.errors import Refused
from pinlake.gateway.kinesis.operation import Answer, Call, Operation
from pinlake.gateway.kinesis.operations import NOT_YET, spoken
from pinlake.gateway.kinesis.types import Member
from pinlake.gateway.kinesis.validation import checked
from pinlake.gateway.kinesis.wire import FORMATS, JSON, Format
from pinlake.telemetry import logger

SERVICE = "Kinesis_20131202"
ARN = "arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+"
STREAM_ARN = {"StreamARN": Member("String", least=1, most=2048, pattern=ARN)}

_events = logger("gateway")


class Asked(msgspec.Struct, frozen=True):
    """What a request asks for, once all but the members of its body is right."""

    operation: Operation
    body: dict[str, Any]
    region: str


class Kinesis:
    """Answers what is posted to ``/`` with an X-Amz-Target, as Kinesis answers it."""

    def __init__(self, context: Context) -> None:
        self.account = Account(context)
        self._operations = spoken(self.account)

    def takes(self, request: Request) -> bool:
        """Tell whether a request is Kinesis's: all on ``/`` but a browser's look at the page.

        What has a target of Kinesis's may have a stage before it.
        """
        segments = [segment for segment in request.path.split("/") if segment]
        if segments:
            return len(segments) == 1 and request.header(b"x-amz-target").startswith(SERVICE)
        signed = any(_is_amazons(name) for name in request.headers)
        looks = request.method in {"GET", "HEAD"} and "text/html" in request.header(b"accept")
        return signed or not looks

    async def answer(self, request: Request) -> Response:
        """Answer a request; the checks come in the order in which Kinesis makes them."""
        written = wire.format_of(request.header(b"content-type")) or JSON
        try:
            asked = self._asked(request, written)
            answer = await perform(self.account, asked.operation, asked.body, asked.region)
        except Refused as refused:
            return wire.refusal(refused, written)
        if asked.operation.large:
            body = await asyncio.to_thread(written.write, answer)
        else:
            body = b"" if answer is None else written.write(answer)
        return wire.response(200, body, written)

    def _asked(self, request: Request, written: Format) -> Asked:
        if request.method != "POST":
            raise Refused(errors.ACCESS_DENIED)
        target = request.header(b"x-amz-target")
        if not request.body:
            self._operation(target)
            raise Refused(errors.SERIALIZATION, reason="The body is empty: send {} at least.")
        _check_content_type(request, target)
        body = wire.read(request.body, written)
        operation = self._operation(target)
        region = signature.region(request, self.account.settings.region)
        return Asked(operation, body, region)

    def _operation(self, target: str) -> Operation:
        service, _, name = target.partition(".")
        if service == SERVICE and name in self._operations:
            return self._operations[name]
        if service == SERVICE and name in NOT_YET:
            reason = f"{name} is not supported yet; docs/kinesis.md lists what is."
        else:
            reason = f"X-Amz-Target {target!r} is no operation; send {SERVICE}.ListStreams, say."
        raise Refused(errors.UNKNOWN_OPERATION, reason=reason)


async def perform(
    account: Account, operation: Operation, body: Mapping[str, Any], region: str
) -> Answer:
    """Check the members of a request and do what it asks; refuse it with an error of the table."""
    try:
        members: Mapping[str, Any] = body
        if operation.members is not None:
            members = checked(_with_name(body), operation.members)
        return await operation.action(Call(account, members, region))
    except (LogFailed, LogClosed) as error:
        raise Refused(errors.UNAVAILABLE, reason=error) from error
    except PinlakeError as error:
        _events.warning("request failed", reason=str(error))
        raise Refused(errors.INTERNAL, reason=error) from error
    except Refused:
        raise
    except Exception as error:
        _events.exception("request failed", action=operation.action.__name__)
        reason = "Unexpected error; the gateway's log says more."
        raise Refused(errors.INTERNAL, reason=reason) from error


def _is_amazons(header: bytes) -> bool:
    return header == b"authorization" or header.startswith(b"x-amz-")


def _check_content_type(request: Request, target: str) -> None:
    content_type = request.header(b"content-type")
    if wire.format_of(content_type) is not None:
        return
    if "." not in target:
        raise Refused(errors.ACCESS_DENIED)
    reason = f"Content-Type {content_type!r} is not spoken: send {' or '.join(FORMATS)}."
    raise Refused(errors.UNKNOWN_OPERATION, reason=reason)


def _with_name(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a body with the stream's name, where a client names the stream by its ARN."""
    if body.get("StreamARN") is None or body.get("StreamName") is not None:
        return body
    arn = checked(body, STREAM_ARN)["StreamARN"]
    return {**body, "StreamName": arn.rpartition(":stream/")[2]}
