"""Answers as text: a table for people, JSON and CSV for programs, HTML for notebooks."""

from __future__ import annotations

import html
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, TextIO

import msgspec

from pinlake.query.answer import Answer, Column, Row
from pinlake.query.types import is_number

if TYPE_CHECKING:
    from rich.table import Table

Format = Literal["table", "json", "csv"]

JSON = msgspec.json.Encoder(decimal_format="number")
TABLE_ROWS = 1000
UNFOLDED = 100_000
CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
CONTROLS |= {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"}


def write(answer: Answer, form: Format, stream: TextIO = sys.stdout) -> int:
    """Write an answer and return how many rows were written.

    ``table`` shows the first 1,000 rows. ``json`` is an array of objects: times
    ISO 8601 in UTC, structs as objects, bytes as base64. ``csv`` is RFC 4180
    with a header: NULL is nothing, empty text is ``""``.
    """
    return {"table": _write_table, "json": _write_json, "csv": _write_csv}[form](answer, stream)


def text(value: object) -> str:
    """Return a value as one line of text: what JSON shows, without quotes around a string.

    Bytes are shown as UTF-8; control characters are escaped, so that no value
    can steer a terminal.
    """
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if not isinstance(value, str):
        value = plain(value)
    return value.translate(CONTROLS)


def plain(value: object) -> str:
    """Return a value as CSV holds it: JSON, but strings, times and bytes without the quotes."""
    if isinstance(value, str):
        return value
    encoded = JSON.encode(value).decode()
    return encoded[1:-1] if isinstance(value, date | datetime | bytes) else encoded


def html_table(columns: Sequence[Column], rows: Iterable[Row]) -> str:
    """Return rows as an HTML table, everything in it escaped."""
    head = "".join(
        f'<th scope="col" title="{html.escape(column.type)}">{html.escape(column.name)}</th>'
        for column in columns
    )
    numbers = [is_number(column.type) for column in columns]
    body = "".join(f"<tr>{_html_cells(row, numbers)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _html_cells(row: Row, numbers: Sequence[bool]) -> str:
    return "".join(map(_html_cell, row, numbers))


def _html_cell(value: object, number: bool) -> str:  # noqa: FBT001 - one of a zipped pair
    if value is None:
        return '<td class="null">NULL</td>'
    kind = ' class="number"' if number else ""
    return f"<td{kind}>{html.escape(text(value))}</td>"


def _write_json(answer: Answer, stream: TextIO) -> int:
    names = [column.name for column in answer.columns]
    count = 0
    stream.write("[")
    for count, row in enumerate(answer.iterate(), start=1):
        stream.write("\n" if count == 1 else ",\n")
        stream.write(JSON.encode(dict(zip(names, row, strict=True))).decode())
    stream.write("\n]\n" if count else "]\n")
    return count


def _write_csv(answer: Answer, stream: TextIO) -> int:
    count = 0
    stream.write(csv_line([column.name for column in answer.columns]))
    for count, row in enumerate(answer.iterate(), start=1):  # noqa: B007 - returned
        stream.write(csv_line(row))
    return count


def csv_line(cells: Sequence[object]) -> str:
    """Return a record of RFC 4180 with its line end; one lone NULL is ``""``, no empty line."""
    line = ",".join(map(_csv_cell, cells))
    return (line if line or len(cells) != 1 else '""') + "\r\n"


def _csv_cell(value: object) -> str:
    if value is None:
        return ""
    cell = plain(value)
    if not cell or any(mark in cell for mark in ',"\r\n') or cell != cell.strip():
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _write_table(answer: Answer, stream: TextIO) -> int:
    from rich.console import Console

    rows = list(islice(answer.iterate(), TABLE_ROWS + 1))
    shown = rows[:TABLE_ROWS]
    table = _rich_table(answer.columns, shown)
    console = Console(file=stream, highlight=False, width=None if stream.isatty() else UNFOLDED)
    if not stream.isatty():
        console.width = console.measure(table).maximum
    console.print(table)
    if len(rows) > len(shown):
        stream.write(f"The first {TABLE_ROWS:,} rows; csv and json give all of them.\n")
    return len(shown)


def _rich_table(columns: Sequence[Column], rows: Sequence[Row]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        justify: Any = "right" if is_number(column.type) else "left"
        table.add_column(Text(text(column.name)), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(_rich_cell(value) for value in row))
    return table


def _rich_cell(value: object) -> Any:
    from rich.text import Text

    return Text(text(value), style="dim italic" if value is None else "")
