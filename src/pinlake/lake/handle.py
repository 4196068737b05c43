"""A table that a process has open: kept at its newest version, commit by commit."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import msgspec
from deltalake import DeltaTable, Schema

from pinlake.errors import TableBroken
from pinlake.lake import commits, draft, mending, opening, types
from pinlake.lake.draft import DraftTable
from pinlake.lake.store import Lake, Numbered


class Head(msgspec.Struct, frozen=True):
    """Where a table stands, without its files."""

    table_id: str
    version: int
    schema: Schema


class LiveFile(msgspec.Struct, frozen=True):
    """A file of the newest version: its bytes, and its rows by its statistics."""

    size: int
    rows: int


class Handle:
    """One table of one lake. Hold ``lock`` while you use it.

    The newest version is found by reading the commits that are new since the
    last look, which costs the same however many files and versions the table
    has. A newest commit that a power cut tore is passed over; only a writer
    (``writing``) sets it aside.
    """

    def __init__(self, lake: Lake, table: str) -> None:
        self.lock = threading.RLock()
        self._lake, self._table = lake, table
        self._delta: DeltaTable | None = None
        self._head: Head | None = None
        self._live: dict[str, LiveFile] = {}
        self._committed: dict[str, int | None] = {}
        self._drafts: tuple[str, DraftTable] | None = None
        self._newest: Numbered | None = None
        self._torn: Numbered | None = None
        self._mended = False

    def newest(self, *, writing: bool = False) -> Head | None:
        """Return where the table stands now, or None where there is none."""
        if self._head is None or not self._follow():
            self._open()
        if writing and not self._mended:
            draft.sweep(self._lake, self._table)
            if mending.mend(self._lake, self._table):
                self._open()
            self._mended = True
        return self._head

    def create(self, schema: Schema) -> Head:
        """Make the table durably; where another process was first, take what it made."""
        first = self._drafts_of(schema).first
        self._lake.create(commits.path(self._table, 0), first)  # another's is as good as ours
        head = self.newest()
        assert head is not None
        return head

    def committed(self, app_id: str) -> int | None:
        """Return the highest number that ``app_id`` has committed up to the newest version."""
        assert self._delta is not None
        if app_id not in self._committed:
            self._committed[app_id] = self._delta.transaction_version(app_id)
        return self._committed[app_id]

    @property
    def live(self) -> Mapping[str, LiveFile]:
        """The files of the version that ``newest`` told last, by their paths below the table."""
        return self._live

    @property
    def is_plain(self) -> bool:
        """Whether the live files' rows are the table's rows."""
        assert self._delta is not None
        return commits.is_plain(self._delta)

    def delta(self) -> DeltaTable | None:
        """Return the table at its newest version, opened anew, or None where there is none."""
        head = self.newest()
        return None if head is None else self.at(head.version)

    def at(self, version: int) -> DeltaTable:
        """Return the table at an older version; TableBroken where it cannot be opened."""
        return opening.load(self._lake, self._table, version)

    def drafts(self, schema: Schema) -> DraftTable:
        """Return where commits of this schema are drafted; TableBroken where appends need more."""
        if not self.is_plain:
            reason = "another writer gave it partitions or table features; append with that one"
            raise TableBroken(table=self._table, reason=reason)
        return self._drafts_of(schema)

    def _drafts_of(self, schema: Schema) -> DraftTable:
        columns = types.columns(schema)
        if self._drafts is None or self._drafts[0] != columns:
            self._drafts = (columns, DraftTable(self._lake, self._table, schema))
        return self._drafts[1]

    def checkpoint(self, version: int) -> None:
        """Write the table's state at a version, so that opening it stays cheap."""
        try:
            self.at(version).create_checkpoint()
        except OSError as error:
            raise self._lake.failure(error) from None
        commits.sync_checkpoint(self._lake, self._table, version)

    def _follow(self) -> bool:
        """Read the commits after the one at hand; False where only opening anew tells the state."""
        head = self._head
        if head is None:
            return False
        there = self._lake.numbered(f"{self._table}/{commits.LOG}", head.version)
        if not there or there[0] != self._newest:
            return False
        for found in there[1:]:
            if found == self._torn:
                break
            record = commits.read(self._lake, self._table, found.number)
            if record.changes_table:
                return False
            self._take(record)
            self._newest = found
            self._head = msgspec.structs.replace(head, version=found.number)
        return True

    def _take(self, record: commits.CommitRecord) -> None:
        self._committed.update(record.committed)
        for gone in record.removed:
            self._live.pop(gone.path, None)
        for file in record.files:
            self._live[file.path] = LiveFile(file.size, file.rows)

    def _open(self) -> None:
        self._close()
        version = commits.newest(self._lake, self._table)
        if version is not None and mending.is_torn(self._lake, self._table, version):
            self._torn = self._identity(version)
            version = version - 1 if version else None
        if version is None:
            return
        delta, behind = opening.newest(self._lake, self._table, version)
        self._delta, self._live = delta, _live(delta)
        self._newest = self._identity(delta.version())
        self._head = Head(str(delta.metadata().id), delta.version(), delta.schema())
        if behind and not self._follow():
            reason = "its newest checkpoint is damaged, and its columns have changed since"
            raise TableBroken(table=self._table, reason=reason)

    def _close(self) -> None:
        if self._drafts is not None:
            self._drafts[1].close()
        self._delta = self._head = self._drafts = self._newest = self._torn = None
        self._live, self._committed = {}, {}
        self._mended = False

    def _identity(self, version: int) -> Numbered | None:
        found = commits.identity(self._lake, self._table, version)
        return None if found is None else Numbered(version, found)


def _live(delta: DeltaTable) -> dict[str, LiveFile]:
    actions: Any = delta.get_add_actions(flatten=True)
    paths, sizes, rows = (
        actions.column(name).to_pylist() for name in ("path", "size_bytes", "num_records")
    )
    return {
        unquote(path): LiveFile(size, count or 0)
        for path, size, count in zip(paths, sizes, rows, strict=True)
    }


_handles: dict[tuple[str, str], Handle] = {}


def handle_of(lake: Lake, table: str) -> Handle:
    """Return this process's handle of a table; the same one for the same table."""
    return _handles.setdefault((lake.url, table), Handle(lake, table))


def forget(lake: Lake, table: str) -> None:
    """Close what this process has open of a table, as after a rebuild."""
    _handles.pop((lake.url, table), None)
