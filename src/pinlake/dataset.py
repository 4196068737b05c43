"""A data set: its tables, routes, cleaning SQL and questions, read from one folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from pinlake import record
from pinlake.errors import DatasetUnknown
from pinlake.record import LogName

FILE = "dataset.toml"
SHIPPED = Path(__file__).parent / "datasets"

ColumnType = Literal["STRING", "INT", "BIGINT", "DOUBLE", "BOOLEAN"]
Required = Literal["present"] | bool


class Column(msgspec.Struct, frozen=True):
    """A column of a raw table.

    ``required`` True: the record has it, not null and castable, else the record
    is quarantined. ``"present"``: the JSON key is there, null allowed. ``aliases``
    are other JSON keys that mean the same; the canonical name wins.
    """

    name: str
    type: ColumnType
    required: Required = False
    aliases: tuple[str, ...] = ()


class StreamRoute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stream name pattern, and the partition keys of it that are meant (None: all).

    In a name ``{id}`` is a UserId, 12 hex digits; in a partition key ``*`` is
    any run of characters, also none.
    """

    name: str
    partition_key: str | None = None


class Table(msgspec.Struct, frozen=True):
    """A table that a data set declares, or the raw table of an unclaimed topic or stream.

    ``columns`` is empty for the latter (``generic``): its rows are JSON text in
    one column ``value``, a list stays one row, and it has no cleaning. ``key`` and
    ``event_time`` are columns of the cleaned table.
    """

    name: str
    topics: tuple[str, ...] = ()
    streams: tuple[StreamRoute, ...] = ()
    key: str = ""
    event_time: str | None = None
    columns: tuple[Column, ...] = ()
    clean_sql: str = ""
    clean_path: Path = Path()
    source_table: str = ""

    @property
    def generic(self) -> bool:
        """Tell whether no data set declares this table."""
        return not self.columns


class Question(msgspec.Struct, frozen=True):
    """A named question: one SELECT over the cleaned tables, in Spark's dialect."""

    name: str
    title: str
    sql: str
    path: Path


class Emulation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the classic producer draws: ``[producer]`` in dataset.toml.

    Rows ``first..last`` inclusive, a pause of one of ``sleep_seconds`` before
    each post, then one record of each table in ``order``.
    """

    seed: int = 100
    first: int = 0
    last: int = 11000
    sleep_seconds: tuple[int, ...] = (0, 1)
    order: tuple[str, ...] = ()


class Dataset(msgspec.Struct, frozen=True):
    """Everything pinlake knows of a data set; no room knows more."""

    name: str
    path: Path
    tables: Mapping[str, Table]
    questions: Mapping[str, Question]
    producer: Emulation
    rows: int  # rows that `pinlake sample` makes by default
    functions_sql: str = ""  # the data set's own Spark SQL functions, or nothing

    def log_names(self, user_id: str) -> tuple[LogName, ...]:
        """Return the first topic and stream of each table, with a user's id filled in."""
        topics = (table.topics[0] for table in self.tables.values() if table.topics)
        streams = (table.streams[0].name for table in self.tables.values() if table.streams)
        names = [*map(record.topic, topics), *map(record.stream, streams)]
        return tuple(LogName(each.kind, each.name.replace("{id}", user_id)) for each in names)

    def table_of_topic(self, topic: str) -> Table | None:
        """Return the table that claims a topic, or None; a table's own name is its topic too."""
        claims = (t for t in self.tables.values() if any(_fits(p, topic) for p in t.topics))
        return self.tables.get(topic) or next(claims, None)

    def tables_of_stream(self, stream: str) -> tuple[tuple[Table, str | None], ...]:
        """Return the tables that a stream feeds, each with its partition-key pattern.

        A pattern of None takes every record; empty: no table claims the stream.
        A stream called exactly as a table feeds that table alone.
        """
        if stream in self.tables:
            return ((self.tables[stream], None),)
        return tuple(
            (table, route.partition_key)
            for table in self.tables.values()
            for route in table.streams
            if _fits(route.name, stream)
        )


def load(name: str, base: Path | None = None) -> Dataset:
    """Read a data set by the name of a shipped one or by its folder's path.

    A relative path starts at ``base`` (None: the working directory). Raises
    DatasetUnknown, or DatasetInvalid with the file and line.
    """
    from pinlake import declaration

    folder = shipped().get(name) or (base or Path.cwd()) / name
    if not name or not (folder / FILE).is_file():
        raise DatasetUnknown(name=name, known=", ".join(shipped()))
    return declaration.read(folder)


def shipped() -> dict[str, Path]:
    """Return the folder of each data set that comes with pinlake, by name."""
    return {path.parent.name: path.parent for path in sorted(SHIPPED.glob(f"*/{FILE}"))}


def _fits(pattern: str, name: str) -> bool:
    """Tell whether a topic or stream name fits a pattern of the data set."""
    return re.fullmatch(re.escape(pattern).replace(r"\{id\}", "[0-9a-f]{12}"), name) is not None
