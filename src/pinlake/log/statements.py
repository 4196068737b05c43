"""The embedded log's SQL by name, from the files beside this one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def schema() -> Iterator[str]:
    """Yield the statements that make an empty log."""
    return _split(_read("schema.sql"))


def upgrade(found: int) -> Iterator[str]:
    """Yield the statements that bring a log of a format to the next one."""
    return _split(_read(f"upgrade_{found}.sql"))


def named() -> dict[str, str]:
    """Return each statement of ``statements.sql`` by its name."""
    _, *parts = _NAME.split(_read("statements.sql"))
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _split(text: str) -> Iterator[str]:
    return (statement for statement in text.split(";") if statement.strip())


def _read(file: str) -> str:
    return resources.files(__package__ or "").joinpath(file).read_text("utf-8")


SQL = named()
