"""A connection: its answers leave as one segment, and what is no HTTP is refused in JSON."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pinlake.gateway.kafka import errors


class Connection(HttpToolsProtocol):
    """Uvicorn's protocol, over a transport that gathers; real clients parse every answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, with what is written gathered."""
        super().connection_made(GatheringTransport(transport, self.loop))  # type: ignore[arg-type]

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read as HTTP, and close."""
        refusal = errors.answer(errors.MALFORMED, reason=msg)
        head = (
            b"HTTP/1.1 400 Bad Request\r\ncontent-type: %b\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n" % (refusal.content_type, len(refusal.body))
        )
        self.transport.write(head + refusal.body)
        self.transport.close()


class GatheringTransport:
    """Writes to a transport what is written to it in one turn of the loop as one.

    Uvicorn writes the head and the body of an answer one after the other, which
    uvloop sends one after the other: two system calls here, two reads there.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._waiting: list[bytes] = []
        self.get_extra_info = transport.get_extra_info
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def write(self, data: bytes) -> None:
        """Take what shall be sent: the first part waits for the second, or for the loop's turn."""
        if self._waiting:
            self._waiting.append(data)
            self.flush()
        else:
            self._waiting.append(data)
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send what waits."""
        if self._waiting:
            self._transport.write(b"".join(self._waiting))
            self._waiting.clear()

    def close(self) -> None:
        """Send what waits, and close."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
