"""Cells: the same pipeline on other parts, and everything that its tables and answers hold."""

from __future__ import annotations

import itertools
import json
from typing import Any, NamedTuple

import duckdb

from pinlake.lake import objects, tables

PLACES = (("_topic", "_partition", "_offset"), ("topic", "partition", "position"))
"""What a row's place in its log is called: in raw tables and in quarantine."""


class Cell(NamedTuple):
    """Where topics and streams are, where the lake is, and what works on it."""

    topics: str
    streams: str
    lake: str
    engine: str

    def __str__(self):
        logs = self.topics if self.topics == self.streams else f"{self.topics}+{self.streams}"
        return f"{logs}/{self.lake}/{self.engine}"

    @property
    def is_dense(self):
        """Whether each log numbers its records without gaps, so that places are equal, not alike."""
        return self.streams != "kinesis"


LOGS = (("embedded", "embedded"), ("kafka", "embedded"))
ALL = tuple(
    Cell(*logs, lake, engine)
    for logs, lake, engine in itertools.product(LOGS, ("file", "s3"), ("duckdb", "spark"))
    if (lake, engine) != ("s3", "spark")
)
REFERENCE = Cell("embedded", "embedded", "file", "duckdb")
GATE = (
    REFERENCE,
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


def tables_of(lake, *, dense=True) -> dict[str, Held]:
    """Return every table of a lake by its name.

    Not ``dense``: instead of its position a row has its rank among those of its partition.
    """
    return {name: _held(lake, name, dense=dense) for name in tables.names(lake)}


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


def _held(lake, name, *, dense) -> Held:
    schema = json.loads(tables.head(lake, name).schema.to_json())
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        read = tables.read(connection, tables.snapshot(lake, name))
        columns, rows = read.columns, read.fetchall()
    for place in PLACES:
        if not dense and set(place) <= set(columns):
            rows = _ranked(rows, [columns.index(each) for each in place])
    return Held(json.dumps(schema, sort_keys=True), sorted(map(repr, rows)))


def _ranked(rows: list[tuple[Any, ...]], places: list[int]) -> list[tuple[Any, ...]]:
    topic, partition, position = places
    held: dict[Any, set[int]] = {}
    for row in rows:
        held.setdefault((row[topic], row[partition]), set()).add(int(row[position]))
    ranks = {
        key: {each: rank for rank, each in enumerate(sorted(positions))}
        for key, positions in held.items()
    }
    return [
        (
            *row[:position],
            ranks[row[topic], row[partition]][int(row[position])],
            *row[position + 1 :],
        )
        for row in rows
    ]
