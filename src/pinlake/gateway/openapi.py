"""The gateway's routes as an OpenAPI document, and as a page to read."""

from __future__ import annotations

import html
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from pinlake.gateway.base import Request, Response, Route, json_response
from pinlake.gateway.health import HTML
from pinlake.gateway.routing import PARAMETER

STYLE = (
    "<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;"
    "margin:3rem auto;padding:0 1rem}td{padding:.3rem 1rem .3rem 0;vertical-align:top}</style>"
)


class OpenApi:
    """Describes routes, its own among them."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = [*routes, *self.routes()]

    def routes(self) -> Sequence[Route]:
        """Return the routes of the description."""
        return (
            Route("GET", "/openapi.json", self.document, "This description", "gateway"),
            Route("GET", "/docs", self.page, "Every route, for people", "gateway"),
        )

    async def document(self, _request: Request) -> Response:
        """Return the OpenAPI 3.1 document."""
        paths: dict[str, dict[str, Any]] = {}
        for route in self._routes:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
        about = {"title": "pinlake gateway", "version": version("pinlake")}
        return json_response({"openapi": "3.1.0", "info": about, "paths": paths})

    async def page(self, _request: Request) -> Response:
        """Return a page of all routes that loads nothing from elsewhere."""
        rows = "".join(
            f"<tr><td><code>{route.method}</code></td>"
            f"<td><code>{html.escape(route.path)}</code></td><td>{html.escape(route.title)}</td></tr>"
            for route in self._routes
        )
        page = (
            '<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,">'
            f"<title>pinlake gateway: routes</title>{STYLE}"
            f"<h1>Routes</h1><table>{rows}</table></html>"
        )
        return Response(200, page.encode(), HTML)


def _operation(route: Route) -> dict[str, Any]:
    operation = {
        "operationId": _operation_id(route),
        "summary": route.title,
        "tags": [route.protocol],
        "parameters": [_parameter(name) for name in PARAMETER.findall(route.path)],
        "responses": {"200": {"description": "Done."}, "default": {"description": "An error."}},
    }
    if route.accepts:
        content = {name: {"schema": {"type": "object"}} for name in route.accepts}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _operation_id(route: Route) -> str:
    """Return a name that no other route has: ``get_topics_topic`` for GET /topics/{topic}."""
    words = [word.strip("{}") for word in route.path.split("/") if word]
    return "_".join([route.method.lower(), *words])


def _parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
