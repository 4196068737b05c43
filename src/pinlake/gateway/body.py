"""Reads a request's body, up to a limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

PASSED_OVER = 4
"""How many times the limit is read and thrown away, so that a client that sends first and
reads then gets its answer and no reset connection."""


class TooLarge(Exception):  # noqa: N818 it is an answer, not a failure of ours
    """The body is larger than the limit."""


class Broken(Exception):  # noqa: N818 it is an answer, not a failure of ours
    """The client went before its body was whole."""


async def read_body(receive: Receive, headers: dict[bytes, bytes], limit: int) -> bytes:
    """Return the whole body; raise TooLarge or Broken."""
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > limit:
        if b"expect" not in headers:  # else the client asked before it sends
            await _pass_over(receive, PASSED_OVER * limit)
        raise TooLarge
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Broken
    body: bytes = message["body"]
    if message["more_body"]:
        return await _gather(receive, body, limit)
    if len(body) > limit:
        raise TooLarge
    return body


async def _gather(receive: Receive, first: bytes, limit: int) -> bytes:
    parts, size, more = [first], len(first), True
    while more and size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Broken
        parts.append(message.get("body", b""))
        size, more = size + len(parts[-1]), message.get("more_body", False)
    if size <= limit:
        return b"".join(parts)
    if more:
        await _pass_over(receive, PASSED_OVER * limit)
    raise TooLarge


async def _pass_over(receive: Receive, most: int) -> None:
    """Read what follows and keep nothing of it."""
    size = 0
    while size < most:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body", False):
            return
