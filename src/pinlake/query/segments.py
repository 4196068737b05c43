"""A table's rows between questions: small files in memory, so that none is opened twice."""

from __future__ import annotations

import contextlib
import itertools
import weakref
from collections.abc import Sequence
from pathlib import Path

import duckdb
import msgspec

from pinlake.lake import tables
from pinlake.lake.tables import Snapshot

SMALL = 2 * 1024 * 1024
"""Bytes of a file that is kept: opening it costs more than its rows do."""
MOST = 64 * 1024 * 1024
"""Bytes of the files of one table that are kept, as they are on disk."""
MERGED_AT = 8
"""So many segments become one: a question's SQL names each."""

_numbers = itertools.count(1)


class Segment:
    """Rows of some files, as a table or view that is there as long as this is."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, files: frozenset[str]) -> None:
        self.name, self.files = f"memory.main._segment_{next(_numbers)}", files
        self._connection = connection.cursor()
        weakref.finalize(self, _drop, self._connection, self.name)

    def fill(self, sql: str) -> Segment:
        """Make its table of a SELECT's rows."""
        self._connection.execute(f"CREATE TABLE {self.name} AS {sql}")
        return self

    def show(self, rows: duckdb.DuckDBPyRelation) -> Segment:
        """Make it a view of what is read again and again."""
        rows.create_view(self.name.rpartition(".")[2])
        return self


class Segments:
    """The rows of one table, version after version. Not for several threads."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._kept: list[Segment] = []
        self._read: Segment | None = None
        self._last: Snapshot | None = None
        self._sizes: dict[str, int] = {}

    def of(self, snapshot: Snapshot) -> list[Segment]:
        """Return what holds a version's rows, each once."""
        if self._last is None or not _same_columns(self._last, snapshot):
            self._kept.clear()
        first, self._last = self._last is None, snapshot
        tables.fetch(snapshot)  # so that a file's size is known
        live = frozenset(snapshot.files)
        self._kept = [each for each in self._kept if each.files <= live]
        held = frozenset[str]().union(*(each.files for each in self._kept))
        if not first and snapshot.plain:  # a single question does not read what it does not need
            small = self._small(sorted(live - held), held)
            self._keep(snapshot, small)
            held |= small
        return [*self._kept, *self._others(snapshot, live - held)]

    def _small(self, files: Sequence[str], held: frozenset[str]) -> frozenset[str]:
        """Return the files that are worth keeping, and for which there is room."""
        self._sizes = {file: self._sizes.get(file) or _size(file) for file in (*held, *files)}
        room, found = MOST - sum(self._sizes[file] for file in held), []
        for file in files:
            size = self._sizes[file]
            if size <= min(SMALL, room):
                room -= size
                found.append(file)
        return frozenset(found)

    def _keep(self, snapshot: Snapshot, files: frozenset[str]) -> None:
        if not files:
            return
        rows = tables.read(self._connection, _part(snapshot, files))
        rows.create_view("_incoming", replace=True)
        self._kept.append(Segment(self._connection, files).fill("FROM _incoming"))
        if len(self._kept) >= MERGED_AT:
            files = frozenset[str]().union(*(each.files for each in self._kept))
            merged = Segment(self._connection, files)
            self._kept = [merged.fill(union(self._kept))]

    def _others(self, snapshot: Snapshot, files: frozenset[str]) -> list[Segment]:
        """Return a view of the files that are read where they lie; of no rows if there are none."""
        if not files and self._kept:
            return []
        if self._read is None or self._read.files != files or not files or not snapshot.plain:
            rows = tables.read(self._connection, _part(snapshot, files))
            self._read = Segment(self._connection, files).show(rows)
        return [self._read]


def union(segments: Sequence[Segment]) -> str:
    """Return a SELECT of all rows of segments."""
    return " UNION ALL BY NAME ".join(f"FROM {each.name}" for each in segments)


def _part(snapshot: Snapshot, files: frozenset[str]) -> Snapshot:
    if not snapshot.plain:
        return snapshot
    return msgspec.structs.replace(snapshot, files=tuple(sorted(files)))


def _same_columns(one: Snapshot, other: Snapshot) -> bool:
    return (one.table_id, one.schema.to_json()) == (other.table_id, other.schema.to_json())


def _size(file: str) -> int:
    try:
        return Path(file).stat().st_size
    except OSError:
        return SMALL + 1


def _drop(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    for kind in ("VIEW", "TABLE"):
        with contextlib.suppress(duckdb.Error):
            connection.execute(f"DROP {kind} {name}")
    connection.close()
