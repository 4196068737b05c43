"""Finds the route of a path as real clients write it: a stage in front, doubled slashes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from pinlake.gateway.base import Route

PARAMETER = re.compile(r"\{(\w+)\}")
KEPT_PATHS = 4096
KEPT_LENGTH = 512
"""How many found paths are kept, and how long one may be: clients repeat a few short ones."""


class Match(NamedTuple):
    """What a path leads to. ``route`` None: the path takes other methods (``allowed``)."""

    route: Route | None
    path: str
    parameters: dict[str, str]
    allowed: tuple[str, ...]


class Table:
    """All routes, found by the canonical path."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)
        self._compiled = [(_pattern(route.path), route) for route in routes]
        self._kept: dict[tuple[str, bytes], Match] = {}

    def find(self, method: str, raw_path: bytes) -> Match | None:
        """Return what a request's path leads to, or None for no such path.

        Slashes that are doubled or stand behind do not count. The first segment
        is a stage, as API Gateway has it, only if the path matches no route with
        it and one without.
        """
        kept = self._kept.get((method, raw_path))
        if kept is not None:
            return kept
        path = canonical(raw_path)
        found = self._find(method, path) or self._find(method, _without_stage(path))
        if found is not None and len(raw_path) <= KEPT_LENGTH:
            self._keep(method, raw_path, found)
        return found

    def _keep(self, method: str, raw_path: bytes, found: Match) -> None:
        if len(self._kept) >= KEPT_PATHS:
            self._kept.clear()
        self._kept[method, raw_path] = found

    def _find(self, method: str, path: str | None) -> Match | None:
        if path is None:
            return None
        allowed: dict[str, None] = {}
        parameters: dict[str, str] = {}
        for pattern, route in self._compiled:
            match = pattern.fullmatch(path)
            if match is None:
                continue
            if route.method == method:
                return Match(route, path, match.groupdict(), ())
            parameters = parameters or match.groupdict()
            allowed[route.method] = None
        return Match(None, path, parameters, tuple(allowed)) if allowed else None


def canonical(raw_path: bytes) -> str:
    """Return a path decoded, without empty segments: ``/a//b/`` is ``/a/b``.

    A slash that was sent as ``%2F`` stays so, for it does not part segments.
    """
    return "/" + "/".join(_decoded(each) for each in raw_path.split(b"/") if each)


def _decoded(segment: bytes) -> str:
    return unquote_to_bytes(segment).decode("utf-8", "replace").replace("/", "%2F")


def _without_stage(path: str) -> str | None:
    """Return the path behind its first segment, or None where there is none."""
    _, _, rest = path[1:].partition("/")
    return f"/{rest}" if rest else None


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(PARAMETER.sub(r"(?P<\1>[^/]+)", path))
