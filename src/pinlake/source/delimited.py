"""CSV: bytes into records, none lost, and a record into the JSON of its table's types."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from pinlake.table import Column

FIELD_BYTES = 1024 * 1024
"""Characters of a field at most, so that a quote that nobody closes takes no more with it."""
BOM = "\ufeff"

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?\Z")


class Entry(NamedTuple):
    """A record of a CSV text: its first line from 1, its bytes' place, its fields or its fault."""

    line: int
    start: int
    end: int
    fields: list[str]
    fault: str = ""


def entries(content: bytes, delimiter: str, line: int = 1) -> Iterator[Entry]:
    """Yield every record of a CSV text (RFC 4180, UTF-8), blank lines left out.

    ``line`` is the number of the first line. What is no record is one with a fault.
    """
    csv.field_size_limit(FIELD_BYTES)
    lines = _Lines(content, line)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        start, first = lines.end, lines.number
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Entry(first, start, lines.end, [], f"not CSV: {str(error).partition(' - ')[0]}")
        else:
            if fields:
                yield Entry(first, start, lines.end, fields, _fault(fields))


def header(entry: Entry) -> list[str]:
    """Return the names of the columns that the first record gives."""
    return [
        name.removeprefix(BOM) if not place else name for place, name in enumerate(entry.fields)
    ]


def to_json(names: Sequence[str], columns: Sequence[Column]) -> Callable[[Sequence[str]], bytes]:
    """Return what turns a record's fields into a JSON object.

    An empty field is null. A number is written as one where its column is of a
    number's type, anything else as a string; an alias gives way to its column's name.
    """
    meant = {found: each for each in columns if (found := _found(each, names)) is not None}
    own = [meant[name].name if name in meant else name for name in names]
    keys = [msgspec.json.encode(name) + b":" for name in own]
    writers = [_WRITERS.get(meant[name].type, _text) if name in meant else _text for name in names]

    def encode(fields: Sequence[str]) -> bytes:
        pairs = [
            key + (write(text) if text else b"null")
            for key, write, text in zip(keys, writers, fields, strict=True)
        ]
        return b"{" + b",".join(pairs) + b"}"

    return encode


def _found(column: Column, names: Sequence[str]) -> str | None:
    """Return by which of its names the header has a column."""
    return next((name for name in (column.name, *column.aliases) if name in names), None)


class _Lines:
    """The lines of a text, ended by LF alone; bytes that are no UTF-8 become half surrogates."""

    def __init__(self, content: bytes, number: int) -> None:
        self.end, self.number = 0, number
        self._file = io.BytesIO(content)

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._file.readline()
        if not line:
            raise StopIteration
        self.end += len(line)
        self.number += 1
        return line.decode("utf-8", "surrogateescape")


def _fault(fields: Sequence[str]) -> str:
    try:
        "".join(fields).encode()
    except UnicodeEncodeError:
        return "not UTF-8"
    return ""


def _text(text: str) -> bytes:
    return msgspec.json.encode(text)


def _number(text: str) -> bytes:
    return text.encode() if _NUMBER.match(text) else _text(text)


def _boolean(text: str) -> bytes:
    return text.encode() if text in {"true", "false"} else _text(text)


_WRITERS: dict[str, Callable[[str], bytes]] = {
    "INT": _number,
    "BIGINT": _number,
    "DOUBLE": _number,
    "BOOLEAN": _boolean,
}
