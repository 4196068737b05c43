"""Whether the gateway lives and can store; its metrics; the page at its root."""

from __future__ import annotations

import asyncio
import html
from collections.abc import Sequence
from pathlib import Path
from string import Template

from pinlake.errors import PinlakeError, TopicUnknown
from pinlake.gateway.base import Context, Request, Response, Route, json_response
from pinlake.gateway.metrics import Metrics
from pinlake.record import Kind, LogName

PAGE = Path(__file__).with_name("page.html")
HTML = b"text/html; charset=utf-8"
PROMETHEUS = b"text/plain; version=0.0.4; charset=utf-8"
UNREADY_MS = 10_000
"""How long the gateway is not ready after the log could not store; then it may be tried again."""


class Health:
    """The gateway about itself."""

    def __init__(self, context: Context, metrics: Metrics) -> None:
        self._context, self._metrics = context, metrics

    def routes(self) -> Sequence[Route]:
        """Return the routes of the gateway itself."""
        table = (
            ("/", self.page, "What is in the log, for people"),
            ("/health", self.health, "Whether the process lives and its log is open"),
            ("/ready", self.ready, "Whether the log can be written"),
            ("/metrics", self.metrics, "Counters in Prometheus' format"),
        )
        return [Route("GET", path, handler, title, "gateway") for path, handler, title in table]

    async def health(self, _request: Request) -> Response:
        """Say that the process lives: its log was opened before it listened."""
        return json_response({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        """Say whether the log takes records: an append of none goes all the way to its writer."""
        try:
            await self._context.append(())
        except PinlakeError as error:
            return _unready(str(error))
        failed_at = self._context.failed_at
        if failed_at is not None and self._context.clock() - failed_at < UNREADY_MS:
            return _unready("The log could not store the last records that were sent.")
        return json_response({"status": "ready"})

    async def metrics(self, _request: Request) -> Response:
        """Return the counters."""
        return Response(200, self._metrics.text(), PROMETHEUS)

    async def page(self, _request: Request) -> Response:
        """Return a page that shows the topics and streams with their counts."""
        rows = await asyncio.to_thread(self._rows)
        page = Template(PAGE.read_text("utf-8")).substitute(rows=rows)
        return Response(200, page.encode(), HTML)

    def _rows(self) -> str:
        names = [LogName(kind, name) for kind in Kind for name in self._context.log.names(kind)]
        return (
            "".join(self._row(name) for name in names) or '<tr><td colspan="4">none yet</td></tr>'
        )

    def _row(self, name: LogName) -> str:
        try:
            partitions = self._context.log.describe(name).partitions
        except TopicUnknown:  # it was deleted meanwhile
            return ""
        held = [partition.held for partition in partitions]
        records = "?" if None in held else f"{sum(map(int, filter(None, held))):,}"
        return (
            f"<tr><td>{html.escape(name.name)}</td><td>{name.kind.value}</td>"
            f"<td>{len(partitions)}</td><td>{records}</td></tr>"
        )


def _unready(reason: str) -> Response:
    return json_response({"status": "unavailable", "reason": reason}, 503)
