"""A data set: its tables, routes, cleaning SQL and questions, read from one folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from pinlake import declaration, record
from pinlake.errors import DatasetUnknown
from pinlake.record import LogName
from pinlake.table import Column, Emulation, Question, StreamRoute, Table

__all__ = ["Column", "Dataset", "Emulation", "Question", "StreamRoute", "Table", "load", "shipped"]

SHIPPED = Path(__file__).parent / "datasets"


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

    def topics_of(self, table: str, topics: Iterable[str]) -> list[str]:
        """Return those of some topics that a table claims, in their order."""
        claims = ((topic, self.table_of_topic(topic)) for topic in topics)
        return [topic for topic, claiming in claims if claiming and claiming.name == table]

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
    folder = shipped().get(name) or (base or Path.cwd()) / name
    if not name or not (folder / declaration.FILE).is_file():
        raise DatasetUnknown(name=name, known=", ".join(shipped()))
    declared = declaration.read(folder)
    return Dataset(
        name=folder.resolve().name,
        path=folder,
        tables=declared.tables,
        questions=declared.questions,
        producer=declared.producer,
        rows=declared.rows,
        functions_sql=declared.functions_sql,
    )


def shipped() -> dict[str, Path]:
    """Return the folder of each data set that comes with pinlake, by name."""
    return {path.parent.name: path.parent for path in sorted(SHIPPED.glob(f"*/{declaration.FILE}"))}


def _fits(pattern: str, name: str) -> bool:
    """Tell whether a topic or stream name fits a pattern of the data set."""
    return re.fullmatch(re.escape(pattern).replace(r"\{id\}", "[0-9a-f]{12}"), name) is not None
