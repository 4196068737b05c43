"""What a request says of who signed it. That it is signed is checked; by whom is not, yet."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pinlake.gateway.base import Request
from pinlake.gateway.kinesis import errors
from pinlake.gateway.kinesis.errors import Refused

HEADER_PARTS = ("Credential", "Signature", "SignedHeaders")
QUERY_PARTS = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "X-Amz-Date",
)
DATES = (b"x-amz-date", b"date")
CREDENTIAL = re.compile(r"[^/]+/\d{8}/([a-zA-Z0-9-]+)/")


def region(request: Request, default: str) -> str:
    """Return the region that a request is signed for; refuse one that is not signed."""
    header = request.header(b"authorization")
    in_query = request.argument(QUERY_PARTS[0]) is not None
    if header and in_query:
        raise Refused(errors.INVALID_SIGNATURE)
    if not header and not in_query:
        raise Refused(errors.MISSING_TOKEN)
    credential = _of_header(request, header) if header else _of_query(request)
    match = CREDENTIAL.match(credential)
    return match[1] if match else default


def _of_header(request: Request, header: str) -> str:
    pairs = (part.partition("=") for part in re.split(r"[,\s]+", header)[1:])
    parts = {name: value for name, _, value in pairs if value}
    missing = [
        f"Authorization header requires '{part}' parameter."
        for part in HEADER_PARTS
        if part not in parts
    ]
    if not any(date in request.headers for date in DATES):
        missing.append(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    _refuse(missing, f"Authorization={header}")
    return parts["Credential"]


def _of_query(request: Request) -> str:
    missing = [
        f"AWS query-string parameters must include '{part}'."
        for part in QUERY_PARTS
        if not request.argument(part)
    ]
    _refuse(missing, "Re-examine the query-string parameters.")
    return request.argument("X-Amz-Credential") or ""


def _refuse(missing: Sequence[str], behind: str) -> None:
    if missing:
        raise Refused(errors.INCOMPLETE_SIGNATURE, reason=" ".join([*missing, behind]))
