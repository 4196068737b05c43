"""Cells: the same pipeline on other parts, and everything that its tables and answers hold."""

from __future__ import annotations

import itertools
import json
from typing import NamedTuple

import duckdb

from pinlake.lake import objects, tables


class Cell(NamedTuple):
    """Where topics and streams are, where the lake is, and what works on it."""

    topics: str
    streams: str
    lake: str
    engine: str

    def __str__(self):
        logs = self.topics if self.topics == self.streams else f"{self.topics}+{self.streams}"
        return f"{logs}/{self.lake}/{self.engine}"


LOGS = (("embedded", "embedded"), ("kafka", "kinesis"), ("kafka", "embedded"))
ALL = tuple(
    Cell(*logs, lake, engine)
    for logs, lake, engine in itertools.product(LOGS, ("file", "s3"), ("duckdb", "spark"))
)
REFERENCE = Cell("embedded", "embedded", "file", "duckdb")
GATE = (
    REFERENCE,
    Cell("kafka", "kinesis", "s3", "spark"),
    Cell("kafka", "embedded", "s3", "duckdb"),
    Cell("embedded", "embedded", "file", "spark"),
)
"""The cells of every run of the tests; all of them are for a release."""


class Held(NamedTuple):
    """A table: its columns with types, nullability and metadata, and its rows as text, sorted.

    As text a row tells types apart, and -0.0 from 0.0.
    """

    schema: str
    rows: list[str]


def tables_of(lake) -> dict[str, Held]:
    """Return every table of a lake by its name, as it is now."""
    return {name: _held(lake, name) for name in tables.names(lake)}


def objects_of(lake) -> dict[str, bytes]:
    """Return every object of the sink by its key."""
    return {
        str(key): objects.get(lake, str(key))
        for topic in objects.topics(lake)
        for key in objects.listing(lake, topic)
    }


def difference(found: dict[str, Held], expected: dict[str, Held]) -> list[str]:
    """Say in what tables differ, a line a table; nothing where they are the same."""
    said = [f"{name}: only in one of both" for name in sorted(found.keys() ^ expected.keys())]
    for name in sorted(found.keys() & expected.keys()):
        schema, rows = found[name]
        if schema != expected[name].schema:
            said.append(f"{name}: has {schema}, not {expected[name].schema}")
        elif rows != expected[name].rows:
            theirs = set(expected[name].rows)
            more, fewer = [row for row in rows if row not in theirs], theirs.difference(rows)
            said.append(
                f"{name}: {len(rows)} rows, not {len(expected[name].rows)}; "
                f"only here {more[:1]}, only there {sorted(fewer)[:1]}"
            )
    return said


def _held(lake, name) -> Held:
    tables.forget(lake, name)  # another process wrote it
    schema = json.loads(tables.head(lake, name).schema.to_json())
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = tables.read(connection, tables.snapshot(lake, name)).fetchall()
    return Held(json.dumps(schema, sort_keys=True), sorted(map(repr, rows)))
