"""What pages of other origins may do through a visitor's browser: on this machine all, else nothing."""

from __future__ import annotations

import re

from pinlake.gateway.base import Request, Response

LOOPBACK_ORIGIN = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})

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


def refuses(method: str, origin: bytes) -> bool:
    """Tell whether a request is refused for the page that sends it.

    A browser asks before it sends JSON, but not before it sends text, and the paths of
    Kinesis take that too: a page could write here that may not read here.
    """
    return method not in HARMLESS and not _is_of_this_machine(origin)


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


def _is_of_this_machine(origin: bytes) -> bool:
    return LOOPBACK_ORIGIN.fullmatch(origin.decode("latin-1")) is not None
