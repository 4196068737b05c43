"""The Kinesis API itself, so that boto3 works with this gateway as its ``endpoint_url``."""

from __future__ import annotations

import re
import uuid
from typing import Any

import msgspec

from pinlake.errors import LogClosed, LogFailed, PinlakeError
from pinlake.gateway import kinesis_errors as errors
from pinlake.gateway.base import Context, Request, Response
from pinlake.gateway.kinesis_errors import KinesisError, Refused
from pinlake.gateway.kinesis_operations import Operations
from pinlake.gateway.kinesis_validation import check

JSON_TYPE = b"application/x-amz-json-1.1"
CONTENT_TYPES = (JSON_TYPE.decode(), "application/json")
SERVICE = "Kinesis_20131202"
AUTHORIZATION_PARTS = ("Credential", "SignedHeaders", "Signature")
SCOPE = re.compile(r"Credential=[^/\s]+/\d{8}/([a-z0-9-]+)/")


class Kinesis:
    """Answers what is posted to ``/`` with an X-Amz-Target, as Kinesis answers it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._operations = Operations(context)

    def takes(self, request: Request) -> bool:
        """Tell whether a request is Kinesis's: all on ``/`` but a browser's look at the page."""
        if request.path.strip("/"):
            return False
        signed = b"authorization" in request.headers or any(
            name.startswith(b"x-amz-") for name in request.headers
        )
        looks = request.method in {"GET", "HEAD"} and "text/html" in request.header(b"accept")
        return signed or not looks

    async def answer(self, request: Request) -> Response:
        """Answer a request; the checks come in the order in which Kinesis makes them."""
        try:
            body, operation, region = self._read(request)
            members = self._operations.table[operation].members
            _resolve_arn(body)
            check(body, members)
            answer = await self._operations.table[operation].action(body, region)
        except Refused as refused:
            return _refusal(refused.error, str(refused))
        except (LogFailed, LogClosed) as failed:
            return _refusal(errors.INTERNAL, str(failed))
        except PinlakeError as error:
            return _refusal(errors.INTERNAL, str(error))
        return _response(200, b"" if answer is None else msgspec.json.encode(answer))

    def _read(self, request: Request) -> tuple[dict[str, Any], str, str]:
        """Return body, operation and region, once method, body, target and signature are right."""
        if request.method != "POST":
            raise Refused(errors.ACCESS_DENIED)
        content_type = request.header(b"content-type").partition(";")[0].strip().lower()
        if content_type not in CONTENT_TYPES:
            reason = f"Content-Type {content_type!r} is not spoken: send {CONTENT_TYPES[0]}."
            raise Refused(errors.UNKNOWN_OPERATION, reason=reason)
        body = _decode(request.body)
        operation = self._operation(request.header(b"x-amz-target"))
        region = _region(request, self._context.settings.kinesis.region)
        return body, operation, region

    def _operation(self, target: str) -> str:
        service, _, operation = target.partition(".")
        if not target:
            raise Refused(errors.ACCESS_DENIED)
        if service != SERVICE or operation not in self._operations.table:
            known = ", ".join(self._operations.table)
            reason = f"{target!r} is not spoken here; {SERVICE} with one of {known} is."
            raise Refused(errors.UNKNOWN_OPERATION, reason=reason)
        return operation


def _decode(body: bytes) -> dict[str, Any]:
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(errors.SERIALIZATION, reason=f"The body is no JSON: {error}") from None
    if not isinstance(decoded, dict):
        raise Refused(errors.SERIALIZATION, reason="The body is no JSON object.")
    return decoded


def _region(request: Request, default: str) -> str:
    """Return the region that a request is signed for; refuse one without a signature."""
    header = request.header(b"authorization")
    if not header:
        if request.argument("X-Amz-Signature") and request.argument("X-Amz-Credential"):
            return _scope(f"Credential={request.argument('X-Amz-Credential')}", default)
        raise Refused(errors.MISSING_TOKEN)
    missing = [f"'{part}' parameter" for part in AUTHORIZATION_PARTS if f"{part}=" not in header]
    if b"x-amz-date" not in request.headers and b"date" not in request.headers:
        missing.append("existence of either a 'X-Amz-Date' or a 'Date' header")
    if missing:
        raise Refused(errors.INCOMPLETE_SIGNATURE, missing=" and ".join(missing), header=header)
    return _scope(header, default)


def _scope(credential: str, default: str) -> str:
    match = SCOPE.search(credential)
    return match.group(1) if match else default


def _resolve_arn(body: dict[str, Any]) -> None:
    """Take the stream's name from StreamARN where a client names it so."""
    arn = body.get("StreamARN")
    if isinstance(arn, str) and "StreamName" not in body:
        body["StreamName"] = arn.rpartition(":stream/")[2]


def _refusal(error: KinesisError, message: str) -> Response:
    body = msgspec.json.encode({"__type": error.type, "message": message})
    return _response(error.status, body)


def _response(status: int, body: bytes) -> Response:
    identities = (
        (b"x-amzn-requestid", str(uuid.uuid4()).encode()),
        (b"x-amz-id-2", uuid.uuid4().hex.encode()),
    )
    return Response(status, body, JSON_TYPE, identities)
