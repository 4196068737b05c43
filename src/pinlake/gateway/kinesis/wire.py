"""How Kinesis's answers and questions are written: JSON 1.1 and CBOR 1.1."""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from pinlake.gateway.base import Response
from pinlake.gateway.kinesis import cbor, errors
from pinlake.gateway.kinesis.errors import Refused
from pinlake.gateway.kinesis.time import Timestamp

ID_BYTES = 72
UNREADABLE = (ValueError, RecursionError)
"""What reading a body may raise: it is malformed, or nested deeper than is read."""


class Format(msgspec.Struct, frozen=True):
    """A content type with its reading, which raises one of UNREADABLE, and its writing."""

    content_type: str
    read: Callable[[bytes], Any]
    write: Callable[[Any], bytes]


def _seconds(value: Any) -> float:
    if isinstance(value, Timestamp):
        return value.seconds
    raise NotImplementedError(type(value))


_encoder = msgspec.json.Encoder(enc_hook=_seconds)

JSON = Format("application/x-amz-json-1.1", msgspec.json.decode, _encoder.encode)
CBOR = Format("application/x-amz-cbor-1.1", cbor.decode, cbor.encode)
PLAIN = Format("application/json", msgspec.json.decode, _encoder.encode)
FORMATS = {each.content_type: each for each in (JSON, CBOR)}


def format_of(content_type: str) -> Format | None:
    """Return the format of a Content-Type header, or None where it is not Kinesis's."""
    return FORMATS.get(content_type.partition(";")[0].strip().lower())


def read(body: bytes, written: Format) -> dict[str, Any]:
    """Return the structure that a body holds, or refuse it (SerializationException)."""
    try:
        found = written.read(body)
    except UNREADABLE as error:
        raise Refused(errors.SERIALIZATION, reason=f"The body cannot be read: {error}.") from None
    if not isinstance(found, dict):
        raise Refused(errors.SERIALIZATION, reason="The body is no structure.")
    return found


def response(status: int, body: bytes, written: Format) -> Response:
    """Return an answer with the identities that Kinesis gives to each."""
    identities = (
        (b"x-amzn-requestid", str(uuid.uuid4()).encode()),
        (b"x-amz-id-2", base64.b64encode(secrets.token_bytes(ID_BYTES))),
    )
    return Response(status, body, written.content_type.encode(), identities)


def refusal(refused: Refused, written: Format) -> Response:
    """Return the answer that an error is."""
    answer = response(refused.error.status, written.write(refused.body), written)
    if refused.error.retry_after is None:
        return answer
    again = (b"retry-after", str(refused.error.retry_after).encode())
    return replace(answer, headers=(*answer.headers, again))
