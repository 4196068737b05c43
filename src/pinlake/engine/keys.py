"""A writer's index of the keys that its table of cleaned rows holds already."""

from __future__ import annotations

from typing import Any

import msgspec
from duckdb import DuckDBPyConnection

from pinlake.engine.statements import name, statements
from pinlake.lake import tables
from pinlake.lake.store import Lake
from pinlake.lake.tables import Snapshot


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


class KeyIndex:
    """The keys of one table, in an in-memory DuckDB table of one column ``key``.

    A file's keys are read when a batch's keys first overlap their range, and
    never again; what another process has committed is a file like any other. A
    file that is gone (rows were erased, the table was rebuilt or compacted)
    empties the index.
    """

    def __init__(
        self, connection: DuckDBPyConnection, lake: Lake, table: str, key: str, kind: str
    ) -> None:
        self.connection, self.lake, self.table, self.key, self.kind = (
            connection,
            lake,
            table,
            key,
            kind,
        )
        self.name = name(f"_keys of {table}")
        self._table_id = ""
        self._empty()

    def prepare(self, low: Any, high: Any) -> str:
        """Read what the table holds between two keys (None: no key), and return the index."""
        snapshot = tables.snapshot(self.lake, self.table)
        if snapshot is None:
            self._empty()
            return self.name
        self._follow(snapshot)
        needed = [file for file, each in self._unread.items() if each.overlaps(low, high)]
        if needed:
            files = msgspec.structs.replace(snapshot, files=tuple(needed))
            self._load(tables.read(self.connection, files))
        for file in needed:
            del self._unread[file]
        return self.name

    def add(self, keys: str, version: int) -> None:
        """Take in the keys of a commit by this writer, of a temporary table with a column key."""
        self._run("add", keys=keys)
        self._known.update(tables.added(self.lake, self.table, version - 1, version))

    def _empty(self) -> None:
        self._known: set[str] = set()
        self._unread: dict[str, _Unread] = {}
        self._run("create", type=self.kind)

    def _follow(self, snapshot: Snapshot) -> None:
        """Learn which files are new, and begin again where one is gone."""
        live = set(snapshot.files)
        if snapshot.table_id != self._table_id or not self._known <= live:
            self._empty()
            self._table_id = snapshot.table_id
        new = sorted(live - self._known)
        if new:
            self._unread.update({file: _Unread(None, None) for file in new})
            self._unread.update(self._ranges(new))
            self._known |= live

    def _ranges(self, files: list[str]) -> dict[str, _Unread]:
        query = statements("keys.sql")["ranges"].format(type=self.kind)
        found = self.connection.execute(query, {"files": files, "key": self.key}).fetchall()
        return {file: _Unread(low, high) for file, low, high in found}

    def _load(self, found: Any) -> None:
        found.create_view("found", replace=True)
        self._run("load", key=f"found.{name(self.key)}")

    def _run(self, statement: str, **names: str) -> None:
        sql = statements("keys.sql")[statement].format(index=self.name, **names)
        self.connection.execute(sql)
