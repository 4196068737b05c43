"""A table that a process has open: kept at its newest version, commit by commit."""

from __future__ import annotations

import contextlib
import threading

import msgspec
from deltalake import DeltaTable, Schema
from deltalake.exceptions import CommitFailedError, DeltaError

from pinlake.errors import TableBroken
from pinlake.lake import commits, draft, types
from pinlake.lake.draft import DraftTable
from pinlake.lake.store import Lake

CONFIGURATION = {"delta.enableExpiredLogCleanup": "false"}
"""The log of a table is cut by upkeep alone, which knows what its readers have passed."""


class Head(msgspec.Struct, frozen=True):
    """Where a table stands, without its files."""

    table_id: str
    version: int
    schema: Schema


class Handle:
    """One table of one lake. Hold ``lock`` while you use it.

    The newest version is found by reading the commits that are new since the
    last look, which costs the same however many files the table has.
    """

    def __init__(self, lake: Lake, table: str) -> None:
        self.lock = threading.RLock()
        self._lake, self._table = lake, table
        self._birth: tuple[int, int] | None = None
        self._delta: DeltaTable | None = None
        self._head: Head | None = None
        self._committed: dict[str, int | None] = {}
        self._drafts: tuple[str, DraftTable] | None = None

    def newest(self) -> Head | None:
        """Return where the table stands now, or None where there is none."""
        birth = commits.birth(self._lake, self._table)
        if birth is None:
            self._close()
        elif birth != self._birth or not self._follow():
            self._open()
        return self._head

    def create(self, schema: Schema) -> Head:
        """Make the table durably; where another process was first, take what it made."""
        self._lake.make_folder(self._table)
        url, options = self._lake.table_url(self._table), self._lake.storage_options
        with contextlib.suppress(CommitFailedError):  # another's version 0 is as good as ours
            DeltaTable.create(
                url, schema, mode="ignore", configuration=CONFIGURATION, storage_options=options
            )
        self._lake.sync([commits.path(self._table, 0)])
        self._lake.sync_names(self._table)
        head = self.newest()
        assert head is not None
        return head

    def committed(self, app_id: str) -> int | None:
        """Return the highest number that ``app_id`` has committed up to the newest version."""
        assert self._delta is not None
        if app_id not in self._committed:
            self._committed[app_id] = self._delta.transaction_version(app_id)
        return self._committed[app_id]

    def delta(self, version: int | None = None) -> DeltaTable | None:
        """Return the table with its files at a version (None: the newest), or None."""
        head = self.newest()
        if head is None or self._delta is None:
            return None
        if version is not None and version != head.version:
            return self._load(version)
        self._delta.update_incremental()
        return self._delta

    def drafts(self, schema: Schema) -> DraftTable:
        """Return where commits of this schema are drafted; TableBroken where appends need more."""
        assert self._delta is not None
        if not commits.is_plain(self._delta):
            reason = "another writer gave it partitions or table features; append with that one"
            raise TableBroken(table=self._table, reason=reason)
        columns = types.columns(schema)
        if self._drafts is None or self._drafts[0] != columns:
            self._drafts = (columns, DraftTable(self._lake, self._table, schema))
        return self._drafts[1]

    def checkpoint(self, version: int) -> None:
        """Write the table's state at its newest version, so that opening it stays cheap."""
        delta = self._load(version)
        delta.create_checkpoint()
        commits.sync_checkpoint(self._lake, self._table, version)

    def _follow(self) -> bool:
        """Read the commits after the one at hand; False where only opening anew tells the state."""
        head = self._head
        if head is None or not self._lake.exists(commits.path(self._table, head.version)):
            return False
        version = head.version
        while self._lake.exists(commits.path(self._table, version + 1)):
            record = commits.read(self._lake, self._table, version + 1)
            if record.changes_table:
                return False
            self._committed.update(record.committed)
            version += 1
        self._head = msgspec.structs.replace(head, version=version)
        return True

    def _open(self) -> None:
        self._close()
        draft.sweep(self._lake, self._table)
        if not commits.mend(self._lake, self._table):
            return
        delta = self._load(None)
        self._birth = commits.birth(self._lake, self._table)
        self._delta = delta
        self._head = Head(str(delta.metadata().id), delta.version(), delta.schema())

    def _close(self) -> None:
        if self._drafts is not None:
            self._drafts[1].close()
        self._birth = self._delta = self._head = self._drafts = None
        self._committed = {}

    def _load(self, version: int | None) -> DeltaTable:
        try:
            return DeltaTable(
                self._lake.table_url(self._table),
                version=version,
                storage_options=self._lake.storage_options,
            )
        except DeltaError as error:
            raise TableBroken(table=self._table, reason=error) from error


_handles: dict[tuple[str, str], Handle] = {}


def handle_of(lake: Lake, table: str) -> Handle:
    """Return this process's handle of a table; the same one for the same table."""
    return _handles.setdefault((lake.url, table), Handle(lake, table))


def forget(lake: Lake, table: str) -> None:
    """Close what this process has open of a table, as after a rebuild."""
    _handles.pop((lake.url, table), None)
