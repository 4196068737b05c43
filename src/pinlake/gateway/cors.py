"""What a page of another origin may do: all from this machine, from elsewhere nothing."""

from __future__ import annotations

import re

from pinlake.gateway.base import Request, Response

LOOPBACK_ORIGIN = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
"""Without keys, pages of other origins may not post through a visitor's browser."""

READS = frozenset({"GET", "HEAD", "OPTIONS"})
METHODS = b"GET, HEAD, POST, PUT, DELETE, OPTIONS"
MAX_AGE_SECONDS = b"600"


def preflight(request: Request) -> Response:
    """Return the answer to OPTIONS: every method, and the headers that were asked for."""
    asked = request.headers.get(b"access-control-request-headers", b"content-type")
    allowed = (
        (b"access-control-allow-methods", METHODS),
        (b"access-control-allow-headers", asked),
        (b"access-control-max-age", MAX_AGE_SECONDS),
    )
    return Response(204, headers=allowed)


def origin_headers(origin: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers that let a page of this machine read an answer; others get none."""
    if not _is_loopback(origin):
        return []
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", b"*"),
        (b"vary", b"Origin"),
    ]


def is_foreign_write(method: str, origin: bytes) -> bool:
    """Tell whether a page of another origin sends more than a read.

    A browser asks before most of them, and sends a plain POST without asking.
    """
    return method not in READS and not _is_loopback(origin)


def _is_loopback(origin: bytes) -> bool:
    return LOOPBACK_ORIGIN.fullmatch(origin.decode("latin-1")) is not None
