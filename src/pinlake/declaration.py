"""A data set's declaration: dataset.toml and the SQL files beside it, read and checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from pinlake.document import Document, parse, read_text, unknown
from pinlake.errors import DatasetInvalid
from pinlake.table import (
    ORIGINS,
    Action,
    Column,
    ColumnType,
    Emulation,
    Expectation,
    FileFormat,
    FileOrigin,
    Origin,
    Question,
    Required,
    StreamRoute,
    Table,
)

FILE = "dataset.toml"
FORMATS: Mapping[str, FileFormat] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
Text = Annotated[str, Meta(min_length=1)]

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
QUESTION = re.compile(r"[A-Za-z0-9_-]+")
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
    from_: Annotated[dict[str, Any], Meta(min_length=1)] | None = msgspec.field(
        default=None, name="from"
    )
    expectations: dict[str, Any] = {}


class ColumnEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of ``[tables.<name>.columns]``."""

    type: ColumnType
    required: Required = False
    aliases: tuple[Text, ...] = ()


class ExpectationEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of ``[tables.<name>.expectations]``; a text alone is the constraint."""

    constraint: str
    action: Action = "warn"


class Declared(msgspec.Struct, frozen=True):
    """Everything that a data set's folder says."""

    tables: Mapping[str, Table]
    questions: Mapping[str, Question]
    producer: Emulation
    rows: int
    functions_sql: str


def read(folder: Path) -> Declared:
    """Read the data set in a folder. Raises DatasetInvalid with the file and line."""
    document, values = parse(folder / FILE)
    entry = document.convert(values, FileEntry)
    tables = {name: _table(document, name, value) for name, value in entry.tables.items()}
    _refuse_shared_routes(document, tables.values())
    _refuse_stray_cleaning(folder, tables)
    own = folder / "functions.sql"
    return Declared(
        tables=tables,
        questions={path.stem: _question(path) for path in sorted(folder.glob("queries/*.sql"))},
        producer=_producer(document, entry.producer, tables),
        rows=entry.rows,
        functions_sql=read_text(own) if own.exists() else "",
    )


def _table(document: Document, name: str, value: object) -> Table:
    at = ("tables", name)
    if not NAME.fullmatch(name):
        document.refuse(f"{name!r} is no table name: letters, digits and _, a letter first", *at)
    entry = document.convert(value, TableEntry, *at, inside=StreamRoute)
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
        clean_sql=read_text(clean_path),
        clean_path=clean_path,
        source_table=entry.source or name,
        origin=None if entry.from_ is None else _origin(document, at, entry.from_),
        expectations=tuple(
            _expectation(document, at, *item) for item in entry.expectations.items()
        ),
    )


def _origin(document: Document, table: tuple[str, ...], given: Mapping[str, Any]) -> Origin:
    at = (*table, "from")
    rest = dict(given)
    source = rest.pop("source", None)
    if source is None:
        document.refuse(f"`from` says no source: it is one of {', '.join(ORIGINS)}", *at)
    if not isinstance(source, str) or source not in ORIGINS:
        document.refuse(unknown("source", str(source), ORIGINS), *at, "source")
    origin = document.convert(rest, ORIGINS[source], *at)
    return _file_origin(document, at, origin) if isinstance(origin, FileOrigin) else origin


def _file_origin(document: Document, at: tuple[str, ...], origin: FileOrigin) -> FileOrigin:
    """Return the origin with its format, which the file's ending says where nothing else does."""
    if not origin.path or origin.path.endswith("/"):
        reason = f"{origin.path!r} is no pattern of files, such as data/*.csv"
        document.refuse(reason, *at, "path")
    ending = Path(origin.path).suffix.lower()
    if origin.format is None and ending not in FORMATS:
        reason = f'{origin.path!r} does not tell the format: say format = "csv" or "jsonl"'
        document.refuse(reason, *at, "path")
    if len(origin.delimiter) != 1 or origin.delimiter in '"\r\n':
        document.refuse("delimiter is one character, and no quote", *at, "delimiter")
    tabs = ending == ".tsv" and origin.delimiter == ","
    return FileOrigin(
        origin.path, origin.format or FORMATS[ending], "\t" if tabs else origin.delimiter
    )


def _column(document: Document, table: tuple[str, ...], name: str, value: object) -> Column:
    at = (*table, "columns", name)
    if not name or name.startswith("_"):
        document.refuse(f"{name!r} is no column name: those with _ in front are pinlake's own", *at)
    entry = document.convert(value, ColumnEntry, *at)
    return Column(name, entry.type, entry.required, entry.aliases)


def _expectation(
    document: Document, table: tuple[str, ...], name: str, value: object
) -> Expectation:
    at = (*table, "expectations", name)
    if not NAME.fullmatch(name):
        reason = f"{name!r} is no name of an expectation: letters, digits and _, a letter first"
        document.refuse(reason, *at)
    given = {"constraint": value} if isinstance(value, str) else value
    entry = document.convert(given, ExpectationEntry, *at)
    if not entry.constraint.strip():
        document.refuse(f"{name} has no condition, such as code IS NOT NULL", *at, "constraint")
    return Expectation(name, entry.constraint, entry.action, document.line(*at))


def _refuse_shared_names(
    document: Document, table: tuple[str, ...], columns: tuple[Column, ...]
) -> None:
    """Refuse two columns that one JSON key would fill; case does not tell columns apart in SQL."""
    taken: dict[str, str] = {}
    for column in columns:
        names = (column.name, *column.aliases)
        for place, name in enumerate(names):
            owner = taken.setdefault(name.lower(), column.name)
            if owner != column.name or name in names[:place]:
                reason = f"{name!r} names the column {owner!r} already"
                document.refuse(reason, *table, "columns", column.name)


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
            raise DatasetInvalid(path=path, line=1, reason=unknown("table", path.stem, tables))


def _producer(document: Document, value: dict[str, Any], tables: Mapping[str, Table]) -> Emulation:
    """Read ``[producer]``: by itself it posts each table that something may be posted to."""
    posted = tuple(each.name for each in tables.values() if each.topics or each.streams)
    producer = document.convert({"order": posted} | value, Emulation, "producer")
    for name in producer.order:
        if name not in tables:
            document.refuse(unknown("table", name, tables), "producer", "order")
        if name not in posted:
            reason = f"{name} has neither topics nor streams, so nothing can be posted to it"
            document.refuse(reason, "producer", "order")
    if not 0 <= producer.first <= producer.last:
        key = "last" if "last" in value else "first"
        document.refuse("the range must be 0 <= first <= last", "producer", key)
    if not producer.sleep_seconds or min(producer.sleep_seconds) < 0:
        document.refuse("sleep_seconds lists pauses of 0 s or more", "producer", "sleep_seconds")
    return producer


def _question(path: Path) -> Question:
    if not QUESTION.fullmatch(path.stem):
        reason = f"{path.stem!r} is no name of a question: letters, digits, _ and - alone"
        raise DatasetInvalid(path=path, line=1, reason=reason)
    sql = read_text(path)
    title = TITLE.match(sql)
    if title is None:
        reason = "the first line must be the question's title, as a comment: -- What was asked"
        raise DatasetInvalid(path=path, line=1, reason=reason)
    return Question(path.stem, title[1].rstrip("."), sql, path)
