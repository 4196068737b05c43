"""A connector's configuration file as text by key: Java properties, or Kafka Connect's JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from pinlake.errors import ConnectorUnreadable

_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_KEY = re.compile(r"(?:\\.|[^\\:= \t\f])*", re.DOTALL)
_SEPARATOR = re.compile(r"[ \t\f]*[:=]?[ \t\f]*")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.?)", re.DOTALL)


def read_properties(path: Path) -> dict[str, str]:
    """Return a file's values by key; the last one of a repeated key counts.

    JSON is a flat object, or ``{"name": …, "config": {…}}`` as Connect's REST
    interface takes it. Raises ConnectorUnreadable.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConnectorUnreadable(path=path, reason=error) from error
    return _from_json(path, text) if text.lstrip().startswith("{") else _from_lines(path, text)


def _from_json(path: Path, text: str) -> dict[str, str]:
    try:
        found = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ConnectorUnreadable(path=path, reason=error) from error
    values = found
    if isinstance(found.get("config"), dict):
        values = {"name": found.get("name", ""), **found["config"]}
    return {key: _text(path, key, value) for key, value in values.items()}


def _text(path: Path, key: str, value: object) -> str:
    """Return a JSON value as Connect reads it: text, or what a number or boolean is written as."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value).strip()
    raise ConnectorUnreadable(path=path, reason=f"{key} is neither text nor number nor boolean")


def _from_lines(path: Path, text: str) -> dict[str, str]:
    values = {}
    for line in _logical_lines(text):
        key = _KEY.match(line)
        assert key is not None
        separator = _SEPARATOR.match(line, key.end())
        assert separator is not None
        try:
            values[_unescaped(key[0])] = _unescaped(line[separator.end() :]).strip()
        except ValueError as error:
            raise ConnectorUnreadable(path=path, reason=f"{line!r}: {error}") from error
    return values


def _logical_lines(text: str) -> Iterator[str]:
    r"""Yield the lines with what continues them; an odd number of \ at the end goes on."""
    parts: list[str] = []
    for line in re.split(r"\r\n|\r|\n", text):
        stripped = line.lstrip(" \t\f")
        if not parts and (not stripped or stripped[0] in "#!"):
            continue
        if (len(stripped) - len(stripped.rstrip("\\"))) % 2:
            parts.append(stripped[:-1])
            continue
        yield "".join([*parts, stripped])
        parts = []
    if parts:
        yield "".join(parts)


def _unescaped(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        escaped = match[1]
        if len(escaped) == 5:
            return chr(int(escaped[1:], 16))
        if escaped == "u":
            raise ValueError("\\u needs four hexadecimal digits")
        return _ESCAPES.get(escaped, escaped)

    return _ESCAPE.sub(replace, text)
