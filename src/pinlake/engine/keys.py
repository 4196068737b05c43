"""A writer's index of the keys that its table of cleaned rows holds already."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from duckdb import DuckDBPyConnection

from pinlake.engine.keys_stored import Affinity, StoredKeys
from pinlake.engine.statements import name, statements
from pinlake.errors import TableBroken
from pinlake.lake import commits, tables
from pinlake.lake.commits import CommitRecord
from pinlake.lake.store import Lake
from pinlake.lake.tables import Snapshot

WORTH_STORING = 2_000
"""Scanning so many keys costs about as much as looking up one that is stored (3 to 6 us)."""
WORTH_FILTERING = 5_000
"""From so many keys on DuckDB's Bloom filter of them halves the time of scanning the index."""
PART = 50_000
"""How many keys are stored with a batch: about 40 ms, so that no batch waits for all of them."""

_NUMBERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT"})
_FRACTIONS = frozenset({"FLOAT", "DOUBLE"})
_TEXTS = frozenset({"VARCHAR", "DATE", "TIMESTAMP WITH TIME ZONE", "BOOLEAN"})


class _Unread(msgspec.Struct, frozen=True):
    """The keys of a file that was not needed so far; None: unknown, so it is always needed."""

    low: Any
    high: Any

    def overlaps(self, low: Any, high: Any) -> bool:
        if low is None:
            return False
        if self.low is None or self.high is None:
            return True
        return bool(self.low <= high and low <= self.high)


class Extent(NamedTuple):
    """How many rows of a batch have a key, and the smallest and largest; of none None."""

    rows: int
    low: Any
    high: Any


class KeyIndex:
    """The keys of one table, which batch after batch asks for its own.

    A file's keys are read when a batch's keys first overlap their range, and
    never again; what another process has committed is a file like any other. A
    commit that only rewrites rows, as a compaction, brings no keys. One that takes
    rows away (an erasure) and a rebuilt table empty the index, and so does a log
    that no longer has all commits since.

    The keys are in an in-memory DuckDB table of one column ``key``. Where that is
    large and batches are small they move, part by part, to StoredKeys in
    ``folder``, and the DuckDB table has only those that are not stored yet.
    """

    def __init__(
        self,
        connection: DuckDBPyConnection,
        lake: Lake,
        table: str,
        key: str,
        *,
        kind: str,
        folder: Path,
    ) -> None:
        self._connection, self._lake, self._table = connection, lake, table
        self._key, self._kind, self._folder = key, kind, folder
        self._name, self._held = name(f"_keys of {table}"), name(f"_held of {table}")
        self._form = _stored_form(kind)
        self._stored: StoredKeys | None = None
        self.frozen = False
        """Whether ``held`` answers of the version it knows, not of the newest one."""
        self._empty()

    @property
    def version(self) -> int:
        """The version whose keys it knows; -1 of no table."""
        return self._version

    def held(self, keys: str, extent: Extent) -> str:
        """Return a relation with those of a batch's keys that the table holds now.

        Both are names of relations with a column ``key``; the one returned may have
        other keys of the table too, and is good until the next call. ``extent`` tells
        of the batch's keys.
        """
        self._follow()
        self._read(extent.low, extent.high)
        if self._stored is None and not self._worth_storing(extent.rows):
            return self._scanned(keys, extent.rows)
        try:
            self._store()
            return self._look_up(keys)
        except sqlite3.Error:
            # As with a full disk: the keys are read again, and stay in memory.
            self._form = None
            self._empty()
            return self.held(keys, extent)

    def add(self, keys: str, version: int) -> None:
        """Take in the keys of a commit by this writer: a relation with a column ``key``."""
        self._insert("add", keys=keys)
        self._own.add(version)

    def close(self) -> None:
        """Give back the space of stored keys; whoever asks again waits for them. Idempotent."""
        self._forget_stored()
        self._table_id = ""

    def _empty(self) -> None:
        self._table_id, self._version = "", -1
        self._own: set[int] = set()
        self._unread: dict[str, _Unread] = {}
        self._snapshot: Snapshot | None = None
        self._forget_stored()
        self._clear()

    def _forget_stored(self) -> None:
        if self._stored is not None:
            self._stored.close()
        self._stored = None

    def _clear(self) -> None:
        self._run("create", type=self._kind)
        self._count = self._moved = 0

    def _follow(self) -> None:
        """Learn what was committed since, and begin again where the keys are not only more."""
        if self.frozen and self._table_id:
            return
        head = tables.head(self._lake, self._table)
        if head is None:
            self._empty()
        elif head.table_id != self._table_id or not self._followed(head.version):
            self._begin()
        elif self._snapshot is not None:
            self._snapshot = msgspec.structs.replace(self._snapshot, schema=head.schema)

    def _begin(self) -> None:
        self._empty()
        snapshot = tables.snapshot(self._lake, self._table)
        if snapshot is not None:
            self._snapshot = snapshot
            self._table_id, self._version = snapshot.table_id, snapshot.version
            self._unread = self._ranges(snapshot.files)

    def _followed(self, upto: int) -> bool:
        """Take in the commits up to a version; False where they are not only new rows."""
        new: set[str] = set()
        for version in range(self._version + 1, upto + 1):
            if version in self._own:
                continue
            record = self._commit(version)
            if record is None or _takes_away(record):
                return False
            gone = {self._path(file.path) for file in record.removed}
            if not gone or gone & (self._unread.keys() | new):
                new |= {self._path(file.path) for file in record.files}
            new -= gone
            for file in gone:
                self._unread.pop(file, None)
        self._unread |= self._ranges(tuple(sorted(new)))
        known, self._version = self._version, upto
        self._own.clear()
        return known <= upto

    def _commit(self, version: int) -> CommitRecord | None:
        try:
            return commits.read(self._lake, self._table, version)
        except TableBroken:
            return None

    def _path(self, file: str) -> str:
        return str(self._lake.path(f"{self._table}/{file}"))

    def _ranges(self, files: tuple[str, ...]) -> dict[str, _Unread]:
        found = dict.fromkeys(files, _Unread(None, None))
        if files:
            self._lake.fetch(files)
            query = statements("keys.sql")["ranges"].format(type=self._kind)
            given = {"files": list(files), "key": self._key}
            for file, low, high in self._connection.execute(query, given).fetchall():
                found[file] = _Unread(low, high)
        return found

    def _read(self, low: Any, high: Any) -> None:
        """Read the files that may hold keys between two (None: there is no key)."""
        needed = [file for file, each in self._unread.items() if each.overlaps(low, high)]
        if needed:
            assert self._snapshot is not None
            files = msgspec.structs.replace(self._snapshot, files=tuple(needed))
            tables.read(self._connection, files).create_view("found", replace=True)
            self._insert("load", key=f"found.{name(self._key)}")
        for file in needed:
            del self._unread[file]

    def _insert(self, statement: str, **names: str) -> None:
        ((count,),) = self._run(statement, None, **names).fetchall()
        self._count += count

    def _scanned(self, keys: str, rows: int) -> str:
        if not WORTH_FILTERING <= rows < self._count:
            return self._name
        self._run("scan", held=self._held, keys=keys)
        return self._held

    def _worth_storing(self, rows: int) -> bool:
        return self._form is not None and 0 < rows * WORTH_STORING < self._count

    def _store(self) -> None:
        """Store the next part of the keys that are not stored yet."""
        assert self._form is not None
        if self._stored is None:
            self._run("sort")
            self._stored = StoredKeys(self._folder, self._form[1])
        last = min(self._moved + PART, self._count)
        part = self._run("part", {"first": self._moved, "last": last}, stored=self._form[0])
        self._stored.add(part.fetchall())
        self._moved = last
        if self._moved == self._count:
            self._clear()

    def _look_up(self, keys: str) -> str:
        assert self._stored is not None
        assert self._form is not None
        expression, affinity = self._form
        asked = self._run("asked", keys=keys, stored=expression).fetchall()
        self._run(
            "held",
            {"found": self._stored.held(asked)},
            held=self._held,
            keys=keys,
            stored=expression,
            as_stored="BIGINT" if affinity == "INTEGER" else "VARCHAR",
        )
        return self._held

    def _run(
        self, statement: str, values: dict[str, Any] | None = None, **names: str
    ) -> DuckDBPyConnection:
        sql = statements("keys.sql")[statement].format(index=self._name, **names)
        return self._connection.execute(sql, values)


def _takes_away(record: CommitRecord) -> bool:
    """Tell whether rows of the table are gone, or others, since a commit."""
    operation = record.facts.get("operation")
    rewrites = operation in commits.REWRITES and operation != "OPTIMIZE"
    return rewrites or any(file.data_change for file in record.removed)


def _stored_form(kind: str) -> tuple[str, Affinity] | None:
    """Return how a key of a DuckDB type is stored, so that equal keys are equal; None: not."""
    if kind in _NUMBERS:
        return "CAST(key AS BIGINT)", "INTEGER"
    if kind in _FRACTIONS:
        return "CAST(key + 0 AS VARCHAR)", "TEXT"  # minus nothing is nothing
    if kind in _TEXTS or kind.startswith("DECIMAL"):
        return "CAST(key AS VARCHAR)", "TEXT"
    return None
