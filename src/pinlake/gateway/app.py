"""The gateway as one ASGI application: reads a request, finds its route, writes the answer."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from pinlake.errors import PinlakeError
from pinlake.gateway import kafka_errors as errors
from pinlake.gateway.base import Context, ProtocolModule, Request, Response, Route
from pinlake.gateway.health import Health
from pinlake.gateway.kafka_v2 import KafkaV2
from pinlake.gateway.kinesis import Kinesis
from pinlake.gateway.kinesis_proxy import KinesisProxy
from pinlake.gateway.metrics import Metrics
from pinlake.gateway.openapi import OpenApi
from pinlake.gateway.routing import Table
from pinlake.log.base import Log
from pinlake.settings import Settings
from pinlake.telemetry import logger

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LOOPBACK_ORIGIN = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
"""Without keys, pages of other origins may not post through a visitor's browser."""


class Gateway:
    """Speaks every protocol over one log. Belongs to one event loop."""

    def __init__(
        self,
        log: Log,
        settings: Settings,
        clock: Callable[[], int] = lambda: time.time_ns() // 10**6,
    ) -> None:
        self.context = Context(log, settings, clock)
        self.metrics = Metrics()
        routes = [
            route for module in _modules(self.context, self.metrics) for route in module.routes()
        ]
        self._table = Table([*routes, *OpenApi(routes).routes()])
        self._kinesis = Kinesis(self.context)
        self._log = logger("gateway")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or take part in the server's start and end."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        body = await _body(receive, headers, self.context.settings.gateway.max_body_bytes)
        if body is None:
            limit = self.context.settings.gateway.max_body_bytes
            await _send(send, errors.answer(errors.TOO_LARGE, limit=limit), headers, close=True)
            return
        request = Request(
            scope["method"],
            scope["path"],
            scope["query_string"],
            headers,
            body,
        )
        response = await self._answer(request, scope.get("raw_path") or scope["path"].encode())
        await _send(send, response, headers)

    async def _answer(self, request: Request, raw_path: bytes) -> Response:
        if request.method == "OPTIONS":
            return _preflight(request)
        if self._kinesis.takes(request):
            return await self._run("kinesis", self._kinesis.answer, request)
        match = self._table.find("GET" if request.method == "HEAD" else request.method, raw_path)
        if match is None:
            return self._refuse(errors.answer(errors.NO_SUCH_PATH, path=request.path))
        if match.route is None:
            allowed = ", ".join(match.allowed)
            return self._refuse(errors.answer(errors.METHOD_NOT_ALLOWED, allowed=allowed))
        found = Request(
            request.method,
            match.path,
            request.query,
            request.headers,
            request.body,
            match.parameters,
        )
        return await self._run(match.route.protocol, match.route.handler, found)

    async def _run(
        self, protocol: str, handler: Callable[[Request], Awaitable[Response]], request: Request
    ) -> Response:
        try:
            response = await handler(request)
        except PinlakeError as error:
            response = errors.answer(errors.LOG_ERROR, reason=error)
        except Exception:  # noqa: BLE001 one broken request must not end the gateway
            self._log.exception("request_failed", protocol=protocol, method=request.method)
            response = errors.answer(errors.UNEXPECTED)
        self.metrics.count(protocol, response.status)
        return response

    def _refuse(self, response: Response) -> Response:
        self.metrics.count("gateway", response.status)
        return response


def _modules(context: Context, metrics: Metrics) -> Sequence[ProtocolModule]:
    """Return the protocols; a new one is a module that is added here."""
    return (KafkaV2(context), KinesisProxy(context), Health(context, metrics))


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _body(receive: Receive, headers: dict[bytes, bytes], limit: int) -> bytes | None:
    """Return the whole body, or None where it is larger than the limit."""
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length) > limit:
        return None
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body if len(body) <= limit else None
    parts, size = [body], len(body)
    while message.get("more_body") and size <= limit:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    return b"".join(parts) if size <= limit else None


async def _send(
    send: Send, response: Response, headers: dict[bytes, bytes], *, close: bool = False
) -> None:
    sent = [
        (b"content-type", response.content_type),
        (b"content-length", str(len(response.body)).encode()),
        *response.headers,
    ]
    origin = headers.get(b"origin")
    if origin is not None and LOOPBACK_ORIGIN.fullmatch(origin.decode("latin-1")):
        sent += [(b"access-control-allow-origin", origin), (b"vary", b"Origin")]
    if close:
        sent.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": response.status, "headers": sent})
    await send({"type": "http.response.body", "body": response.body})


def _preflight(request: Request) -> Response:
    asked = request.headers.get(b"access-control-request-headers", b"content-type")
    allowed = (
        (b"access-control-allow-methods", b"GET, POST, PUT, DELETE, OPTIONS"),
        (b"access-control-allow-headers", asked),
        (b"access-control-max-age", b"600"),
    )
    return Response(204, headers=allowed)


__all__ = ["Gateway", "Route"]
