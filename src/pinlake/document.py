"""A TOML document that knows its lines, so that an error can name the one to mend."""

from __future__ import annotations

import difflib
import re
import tomllib
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec

from pinlake.errors import DatasetInvalid

T = TypeVar("T", bound=msgspec.Struct)


class Document(msgspec.Struct, frozen=True):
    """The text of a dataset.toml."""

    path: Path
    text: str

    def convert(
        self, value: object, kind: type[T], *keys: str, inside: type[msgspec.Struct] | None = None
    ) -> T:
        """Return what stands at ``keys`` as a struct, or raise DatasetInvalid with its line.

        ``inside`` is the kind of the structs that a list in it may hold.
        """
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            reason, _, where = str(error).partition(" - at `")
            inner = re.findall(r"\.(\w+)", where)
            if found := re.search(r"unknown field `(.*)`", reason):
                fields = ((inside if inner else kind) or kind).__struct_fields__
                reason = unknown("key", found[1], fields)
                inner.append(found[1])
            elif found := re.match(r"Invalid enum value '(.*)'", reason):
                known = ", ".join(_choices(typing.get_type_hints(kind)[inner[-1]]))
                reason = f"{inner[-1]} is {found[1]!r}, which is none of {known}"
            self.refuse(reason, *keys, *inner)

    def line(self, *keys: str) -> int:
        """Return the line (from 1) that sets ``keys``, or the nearest above them."""
        return line_of(self.text, keys)

    def refuse(self, reason: str, *keys: str) -> NoReturn:
        """Raise DatasetInvalid at the line that sets ``keys``."""
        reason = reason.rstrip(".")
        raise DatasetInvalid(path=self.path, line=self.line(*keys), reason=reason)


def parse(path: Path) -> tuple[Document, dict[str, Any]]:
    """Read a TOML file and its values; raise DatasetInvalid with the line that is none."""
    text = read_text(path)
    try:
        return Document(path, text), tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"line (\d+)", str(error))
        line = int(at[1]) if at else max(1, len(text.splitlines()))
        raise DatasetInvalid(path=path, line=line, reason=f"this is no TOML: {error}") from error


def read_text(path: Path) -> str:
    """Read a UTF-8 text; raise DatasetInvalid with the line where it is none."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise DatasetInvalid(path=path, line=line, reason="this is not UTF-8") from error
    except OSError as error:
        raise DatasetInvalid(path=path, line=1, reason=f"it cannot be read: {error}") from error


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that there is no such thing, and what comes nearest."""
    nearest = difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)
    near = f", the nearest is {nearest[0]!r}" if nearest else " here"
    return f"there is no {kind} {name!r}{near}"


def line_of(text: str, keys: tuple[str, ...]) -> int:
    """Return the line (from 1) of a TOML text that sets these keys, or the nearest above them."""
    best, best_line = 0, 1
    section: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+(.+?)\]+\s*(?:#.*)?$", line):
            here = section = _keys(header[1])
        elif setting := re.match(r"\s*((?:[\w.\s-]|\"[^\"]*\"|'[^']*')+?)\s*=", line):
            here = section + _keys(setting[1])
        else:
            continue
        depth = min(len(here), len(keys))
        if best < depth and keys[:depth] == here[:depth] and (depth == len(here) or not best):
            best, best_line = depth, number
    return best_line


def _keys(dotted: str) -> tuple[str, ...]:
    return tuple(
        re.sub(r"[\"']", "", key) for key in re.findall(r"\"[^\"]*\"|'[^']*'|[\w-]+", dotted)
    )


def _choices(hint: Any) -> list[str]:
    """Return the texts that a field's type allows."""
    if isinstance(hint, str):
        return [repr(hint)]
    if hint is bool:
        return ["true", "false"]
    return [each for inner in typing.get_args(hint) for each in _choices(inner)]
