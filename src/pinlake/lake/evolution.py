"""Live tables follow their data set: a new column, and a type that became wider."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from deltalake import Schema

from pinlake.errors import ColumnsUnfit, TableBroken
from pinlake.lake import commits, tables, types
from pinlake.lake.draft import DraftTable
from pinlake.lake.handle import Handle, Head, LiveFile, handle_of
from pinlake.lake.store import Lake

REWRITTEN_BYTES = 64 * 1024 * 1024
"""Parquet that is rewritten at a time: all of it is in memory, unpacked."""

Clock = Callable[[], float]
Action = dict[str, Any]


def follow(
    lake: Lake, table: str, wanted: Schema, connection: Any, clock: Clock = time.time
) -> None:
    """Give a table the columns that its data set declares now, durably and in one commit.

    A new column is added, NULL in the rows that are there; NOT NULL of the others
    stays. For a wider type all files are written anew by the DuckDB ``connection``,
    with the same rows, so that every reader finds one type. Nothing happens where
    the table is missing or has these columns. A crash leaves the table as it was,
    or as it is to be.

    Raises ColumnsUnfit, before anything is written, where a column is gone or
    narrower or the key is another one, and TableBroken where another writer gave
    the table features that a rewrite must heed.
    """
    handle = handle_of(lake, table)
    with handle.lock:
        while (head := handle.newest()) is not None and not _followed(head.schema, wanted):
            handle.newest(writing=True)
            change = _Change(lake, table, handle, _merged(table, head.schema, wanted), clock)
            if types.widened(head.schema, change.schema):
                change.rewrite(head, connection)
            else:
                change.declare(head)


def check_readable(table: str, found: Schema, wanted: Schema) -> None:
    """Raise ColumnsUnfit where a table's rows cannot be read as the columns a data set declares."""
    _merged(table, types.part(found, wanted), wanted)


def _merged(table: str, found: Schema, wanted: Schema) -> Schema:
    """Return a data set's columns with what the table knows of them; raise ColumnsUnfit."""
    if reason := types.unfit(found, wanted):
        raise ColumnsUnfit(
            table=table, reason=reason, found=types.columns(found), wanted=types.columns(wanted)
        )
    return types.merged(found, wanted)


def _followed(found: Schema, wanted: Schema) -> bool:
    same_key = types.key(wanted) in {None, types.key(found)}
    return same_key and types.columns(found) == types.columns(wanted)


class _Change(msgspec.Struct, frozen=True):
    """One table on its way to a schema. The caller holds the handle's lock."""

    lake: Lake
    table: str
    handle: Handle
    schema: Schema
    clock: Clock

    def declare(self, head: Head) -> None:
        """Commit the schema alone; where another writer was first, the caller looks again."""
        self._commit(head.version + 1, "ADD COLUMNS", [self._metadata(head)])

    def rewrite(self, head: Head, connection: Any) -> None:
        """Commit the schema and every row in it, in new files in place of the old ones."""
        metadata, live = self._metadata(head), dict(self.handle.live)
        # A removal without a time leaves no mark in checkpoints.
        removed = [{"remove": {"path": quote(each), "dataChange": False}} for each in live]
        added: list[Action] = []
        try:
            for files in _groups(live):
                added += self._written(connection, files)
            if self._commit(head.version + 1, "CHANGE COLUMN", [metadata, *removed, *added]):
                added = []
        finally:
            for action in added:
                self.lake.delete(f"{self.table}/{action['add']['path']}")

    def _written(self, connection: Any, files: list[str]) -> list[Action]:
        """Write some files' rows anew, durably, and return the new files' actions."""
        paths = tuple(str(self.lake.path(f"{self.table}/{file}")) for file in files)
        rows = tables.read(connection, tables.Snapshot("", 0, self.schema, paths, self.lake))
        draft = DraftTable(self.lake, self.table, self.schema)
        try:
            content = draft.write(rows, "rewrite", 1, {}).content
        finally:
            draft.close()
        actions = [msgspec.json.decode(line) for line in content.splitlines()]
        return [{"add": each["add"] | {"dataChange": False}} for each in actions if "add" in each]

    def _metadata(self, head: Head) -> Action:
        if not self.handle.is_plain:
            reason = "another writer gave it partitions or table features; change it with that one"
            raise TableBroken(table=self.table, reason=reason)
        known = self.handle.at(head.version).metadata()
        return {
            "metaData": {
                "id": str(known.id),
                "name": known.name,
                "description": known.description,
                "format": {"provider": "parquet", "options": {}},
                "schemaString": self.schema.to_json(),
                "partitionColumns": [],
                "configuration": known.configuration,
                "createdTime": known.created_time,
            }
        }

    def _commit(self, version: int, operation: str, actions: list[Action]) -> bool:
        facts = {
            "timestamp": int(self.clock() * 1000),
            "operation": operation,
            "operationParameters": {"columns": types.columns(self.schema)},
            "engineInfo": "pinlake",
        }
        lines = [msgspec.json.encode(each) for each in ({"commitInfo": facts}, *actions)]
        return self.lake.create(commits.path(self.table, version), b"\n".join(lines) + b"\n")


def _groups(live: Mapping[str, LiveFile]) -> Iterator[list[str]]:
    """Yield the files in groups of about REWRITTEN_BYTES."""
    group: list[str] = []
    total = 0
    for file, each in live.items():
        if group and total + each.size > REWRITTEN_BYTES:
            yield group
            group, total = [], 0
        group.append(file)
        total += each.size
    if group:
        yield group
