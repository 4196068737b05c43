"""A data set's declaration: dataset.toml and the SQL files beside it, read and checked."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
from msgspec import Meta

from pinlake.dataset import (
    FILE,
    Column,
    ColumnType,
    Dataset,
    Emulation,
    Question,
    Required,
    StreamRoute,
    Table,
)
from pinlake.errors import DatasetInvalid

T = TypeVar("T", bound=msgspec.Struct)
Text = Annotated[str, Meta(min_length=1)]

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
PATTERN = re.compile(r"(?:[A-Za-z0-9._-]|\{id\})+")
KEY_PATTERN = re.compile(r"[^?\[\]]+")
TITLE = re.compile(r"--[ \t]*(.*[^\s.]\.?)[ \t]*$", re.MULTILINE)


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of dataset.toml; what lies below a table is converted where its keys are known."""

    tables: Annotated[dict[str, Any], Meta(min_length=1)]
    producer: dict[str, Any] = {}
    rows: Annotated[int, Meta(ge=1)] = 1000


class TableEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[tables.<name>]``."""

    key: Text
    columns: Annotated[dict[str, Any], Meta(min_length=1)]
    topics: Text | tuple[Text, ...] = ()
    streams: Text | tuple[Text | StreamRoute, ...] = ()
    event_time: Text | None = None
    source: Text | None = None


class ColumnEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of ``[tables.<name>.columns]``."""

    type: ColumnType
    required: Required = False
    aliases: tuple[Text, ...] = ()


class Document(msgspec.Struct, frozen=True):
    """The text of a dataset.toml, so that an error can name the line."""

    path: Path
    text: str

    def convert(self, value: object, kind: type[T], *keys: str) -> T:
        """Return what stands at ``keys`` as a struct, or raise DatasetInvalid with its line."""
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            reason, _, where = str(error).partition(" - at `")
            inner = re.findall(r"\.(\w+)", where)
            if unknown := re.search(r"unknown field `(.*)`", reason):
                fields = (StreamRoute if inner else kind).__struct_fields__
                reason = _unknown("key", unknown[1], fields)
                inner.append(unknown[1])
            self.refuse(reason, *keys, *inner)

    def refuse(self, reason: str, *keys: str) -> NoReturn:
        """Raise DatasetInvalid at the line that sets ``keys``."""
        reason = reason.rstrip(".")
        raise DatasetInvalid(path=self.path, line=line_of(self.text, keys), reason=reason)


def read(folder: Path) -> Dataset:
    """Read the data set in a folder. Raises DatasetInvalid with the file and line."""
    document, values = _parse(folder / FILE)
    entry = document.convert(values, FileEntry)
    tables = {name: _table(document, name, value) for name, value in entry.tables.items()}
    _refuse_shared_routes(document, tables.values())
    _refuse_stray_cleaning(folder, tables)
    return Dataset(
        name=folder.resolve().name,
        path=folder,
        tables=tables,
        questions={path.stem: _question(path) for path in sorted(folder.glob("queries/*.sql"))},
        producer=_producer(document, entry.producer, tuple(tables)),
        rows=entry.rows,
        functions_sql=_text(folder / "functions.sql")
        if (folder / "functions.sql").exists()
        else "",
    )


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
        if best < len(here) and keys[: len(here)] == here:
            best, best_line = len(here), number
    return best_line


def _keys(dotted: str) -> tuple[str, ...]:
    return tuple(
        re.sub(r"[\"']", "", key) for key in re.findall(r"\"[^\"]*\"|'[^']*'|[\w-]+", dotted)
    )


def _parse(path: Path) -> tuple[Document, dict[str, Any]]:
    text = _text(path)
    try:
        return Document(path, text), tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"line (\d+)", str(error))
        line = int(at[1]) if at else max(1, len(text.splitlines()))
        raise DatasetInvalid(path=path, line=line, reason=f"this is no TOML: {error}") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise DatasetInvalid(path=path, line=line, reason="this is not UTF-8") from error
    except OSError as error:
        raise DatasetInvalid(path=path, line=1, reason=f"it cannot be read: {error}") from error


def _table(document: Document, name: str, value: object) -> Table:
    at = ("tables", name)
    if not NAME.fullmatch(name):
        document.refuse(f"{name!r} is no table name: letters, digits and _, a letter first", *at)
    entry = document.convert(value, TableEntry, *at)
    columns = tuple(_column(document, at, *item) for item in entry.columns.items())
    _refuse_shared_names(document, at, columns)
    clean_path = document.path.parent / "clean" / f"{name}.sql"
    if not clean_path.exists():
        document.refuse(f"clean/{name}.sql is missing: write one SELECT FROM `{name}`", *at)
    return Table(
        name=name,
        topics=_topics(document, at, entry),
        streams=_streams(document, at, entry),
        key=entry.key,
        event_time=entry.event_time,
        columns=columns,
        clean_sql=_text(clean_path),
        clean_path=clean_path,
        source_table=entry.source or name,
    )


def _column(document: Document, table: tuple[str, ...], name: str, value: object) -> Column:
    at = (*table, "columns", name)
    if not name or name.startswith("_"):
        document.refuse(f"{name!r} is no column name: those with _ in front are pinlake's own", *at)
    entry = document.convert(value, ColumnEntry, *at)
    return Column(name, entry.type, entry.required, entry.aliases)


def _refuse_shared_names(
    document: Document, table: tuple[str, ...], columns: tuple[Column, ...]
) -> None:
    """Refuse two columns that one JSON key would fill; case does not tell columns apart in SQL."""
    taken: dict[str, str] = {}
    for column in columns:
        for name in (column.name, *column.aliases):
            if name.lower() in taken:
                reason = f"{name!r} names the column {taken[name.lower()]!r} already"
                document.refuse(reason, *table, "columns", column.name)
            taken[name.lower()] = column.name


def _topics(document: Document, table: tuple[str, ...], entry: TableEntry) -> tuple[str, ...]:
    topics = (entry.topics,) if isinstance(entry.topics, str) else entry.topics
    for pattern in topics:
        _refuse_bad_pattern(document, table, "topics", pattern)
    return topics


def _streams(
    document: Document, table: tuple[str, ...], entry: TableEntry
) -> tuple[StreamRoute, ...]:
    given = (entry.streams,) if isinstance(entry.streams, str) else entry.streams
    routes = tuple(StreamRoute(route) if isinstance(route, str) else route for route in given)
    for route in routes:
        _refuse_bad_pattern(document, table, "streams", route.name)
        if route.partition_key is not None and not KEY_PATTERN.fullmatch(route.partition_key):
            reason = f"{route.partition_key!r} is no partition-key pattern: text and * alone"
            document.refuse(reason, *table, "streams")
    return routes


def _refuse_bad_pattern(document: Document, table: tuple[str, ...], key: str, pattern: str) -> None:
    if not PATTERN.fullmatch(pattern):
        reason = f"{pattern!r} is no pattern of a name: [a-zA-Z0-9._-] and {{id}} for 12 hex digits"
        document.refuse(reason, *table, key)


def _refuse_shared_routes(document: Document, tables: Iterable[Table]) -> None:
    """Refuse a route that leaves open which table a record is for."""
    topics: dict[str, str] = {}
    streams: dict[str, dict[str | None, str]] = {}
    for table in tables:
        for pattern in table.topics:
            if topics.setdefault(pattern, table.name) != table.name:
                reason = f"the topic {pattern!r} feeds {topics[pattern]!r} already"
                document.refuse(reason, "tables", table.name, "topics")
        for route in table.streams:
            rivals = streams.setdefault(route.name, {})
            if rivals and (rivals.keys() & {route.partition_key, None} or not route.partition_key):
                reason = f"the stream {route.name!r} feeds several tables: tell them apart by keys"
                document.refuse(reason, "tables", table.name, "streams")
            rivals[route.partition_key] = table.name


def _refuse_stray_cleaning(folder: Path, tables: Mapping[str, Table]) -> None:
    for path in sorted(folder.glob("clean/*.sql")):
        if path.stem not in tables:
            raise DatasetInvalid(path=path, line=1, reason=_unknown("table", path.stem, tables))


def _producer(document: Document, value: dict[str, Any], tables: tuple[str, ...]) -> Emulation:
    producer = document.convert({"order": tables} | value, Emulation, "producer")
    for name in producer.order:
        if name not in tables:
            document.refuse(_unknown("table", name, tables), "producer", "order")
    if not 0 <= producer.first <= producer.last:
        document.refuse("the range must be 0 <= first <= last", "producer", "last")
    if not producer.sleep_seconds or min(producer.sleep_seconds) < 0:
        document.refuse("sleep_seconds lists pauses of 0 s or more", "producer", "sleep_seconds")
    return producer


def _question(path: Path) -> Question:
    sql = _text(path)
    title = TITLE.match(sql)
    if title is None:
        reason = "the first line must be the question's title, as a comment: -- What was asked"
        raise DatasetInvalid(path=path, line=1, reason=reason)
    return Question(path.stem, title[1].rstrip("."), sql, path)


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)
    return f"there is no {kind} {name!r}, the nearest is {nearest[0]!r}"
