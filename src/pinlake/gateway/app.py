"""The gateway as one ASGI application: reads a request, finds its route, writes the answer."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from pinlake.errors import PinlakeError, TopicExists
from pinlake.gateway.base import Context, ProtocolModule, Request, Response, Route
from pinlake.gateway.body import Broken, TooLarge, read_body
from pinlake.gateway.cors import is_foreign_write, origin_headers, preflight
from pinlake.gateway.health import Health
from pinlake.gateway.kafka import errors
from pinlake.gateway.kafka.consumers import KafkaConsumers
from pinlake.gateway.kafka.v2 import KafkaV2
from pinlake.gateway.kinesis.api import Kinesis
from pinlake.gateway.kinesis.proxy import KinesisProxy
from pinlake.gateway.metrics import Metrics
from pinlake.gateway.openapi import OpenApi
from pinlake.gateway.routing import Match, Table, canonical
from pinlake.log.base import Log, PartitionSpec
from pinlake.record import LogName
from pinlake.settings import Settings
from pinlake.telemetry import logger

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Clock = Callable[[], int]

CLOSE = (b"connection", b"close")
NO_CONTENT = 204


def milliseconds() -> int:
    """Return the milliseconds since the epoch."""
    return time.time_ns() // 10**6


def create_app(
    log: Log, settings: Settings, *, topics: Sequence[LogName] = (), clock: Clock = milliseconds
) -> Gateway:
    """Return the gateway over a log, and make the topics and streams that are not there yet."""
    for name in topics:
        with contextlib.suppress(TopicExists):
            log.create(name, (PartitionSpec(),))
    return Gateway(log, settings, clock)


class Gateway:
    """Speaks every protocol over one log. Belongs to one event loop."""

    def __init__(self, log: Log, settings: Settings, clock: Clock = milliseconds) -> None:
        self.context = Context(log, settings, clock)
        self.metrics = Metrics(self.context)
        self._kinesis = Kinesis(self.context)
        routes = [route for module in self._modules() for route in module.routes()]
        self._table = Table([*routes, *OpenApi(routes).routes()])
        self._body_limit = settings.gateway.max_body_bytes
        self._log = logger("gateway")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or take part in the server's start and end."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _live(receive, send)

    def _modules(self) -> Sequence[ProtocolModule]:
        """Return the protocols; a new one is a module that is added here."""
        return (
            KafkaV2(self.context),
            KafkaConsumers(),
            KinesisProxy(self.context, self._kinesis.account),
            Health(self.context, self.metrics),
        )

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        try:
            body = await read_body(receive, headers, self._body_limit)
        except TooLarge:
            refusal = self._refuse(errors.answer(errors.TOO_LARGE, limit=self._body_limit))
            await _send(send, refusal, headers, (CLOSE,))
            return
        except Broken:
            return
        await _send(send, await self._answer(scope, headers, body), headers)

    async def _answer(self, scope: Scope, headers: dict[bytes, bytes], body: bytes) -> Response:
        method, raw_path = scope["method"], scope.get("raw_path") or scope["path"].encode()
        if b"origin" in headers and is_foreign_write(method, headers[b"origin"]):
            origin = headers[b"origin"].decode("latin-1")
            return self._refuse(errors.answer(errors.FOREIGN_ORIGIN, origin=origin))
        match = self._table.find("GET" if method == "HEAD" else method, raw_path)
        path, parameters = (match.path, match.parameters) if match else (canonical(raw_path), {})
        request = Request(method, path, scope["query_string"], headers, body, parameters)
        if match is not None and match.route is not None and path != "/":
            return await self._run(match.route.protocol, match.route.handler, request)
        return await self._off_the_paths(match, request)

    async def _off_the_paths(self, match: Match | None, request: Request) -> Response:
        """Answer what no path of the table decides: the root, and what is refused."""
        if request.method == "OPTIONS":
            return preflight(request)
        if (match is None or match.path == "/") and self._kinesis.takes(request):
            return await self._run("kinesis", self._kinesis.answer, request)
        if match is None:
            return self._refuse(errors.answer(errors.NO_SUCH_PATH, path=request.path))
        if match.route is None:
            allowed = ", ".join(match.allowed)
            return self._refuse(errors.answer(errors.METHOD_NOT_ALLOWED, allowed=allowed))
        return await self._run(match.route.protocol, match.route.handler, request)

    async def _run(
        self, protocol: str, handler: Callable[[Request], Awaitable[Response]], request: Request
    ) -> Response:
        started = time.perf_counter()
        try:
            response = await handler(request)
        except PinlakeError as error:
            response = errors.answer(errors.LOG_ERROR, reason=error)
        except Exception:  # noqa: BLE001 one broken request must not end the gateway
            self._log.exception("request_failed", protocol=protocol, method=request.method)
            response = errors.answer(errors.UNEXPECTED)
        self.metrics.count(protocol, response.status, time.perf_counter() - started)
        return response

    def _refuse(self, response: Response) -> Response:
        self.metrics.count("gateway", response.status, 0.0)
        return response


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _send(
    send: Send,
    response: Response,
    headers: dict[bytes, bytes],
    more: tuple[tuple[bytes, bytes], ...] = (),
) -> None:
    sent = [*response.headers, *more]
    if response.status != NO_CONTENT:
        sent.append((b"content-type", response.content_type))
        sent.append((b"content-length", b"%d" % len(response.body)))
    if b"origin" in headers:
        sent += origin_headers(headers[b"origin"])
    await send({"type": "http.response.start", "status": response.status, "headers": sent})
    await send({"type": "http.response.body", "body": response.body})


__all__ = ["Gateway", "Route", "create_app"]
