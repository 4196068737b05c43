"""SQL of this room: each statement of a file by its name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

_NAME = "-- name: "


@cache
def statements(file: str) -> Mapping[str, str]:
    """Return a file's statements by the names that ``-- name:`` lines give them."""
    text = (Path(__file__).parent / file).read_text("utf-8")
    found = (piece.partition("\n") for piece in text.split(_NAME)[1:])
    return {name.strip(): _uncommented(body) for name, _, body in found}


def _uncommented(body: str) -> str:
    return "\n".join(line for line in body.strip().split("\n") if not line.startswith("--"))


def literal(text: str) -> str:
    """Return text as a SQL string."""
    return "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    """Return a name as SQL takes it, whatever is in it."""
    return '"' + text.replace('"', '""') + '"'
