"""Delta tables: the one place that reads and commits them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import unquote

import msgspec
from deltalake import (
    CommitProperties,
    DeltaTable,
    PostCommitHookProperties,
    Schema,
    Transaction,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError, DeltaError, SchemaMismatchError

from pinlake.errors import ColumnsChanged, TableBroken
from pinlake.lake import commits, types
from pinlake.lake.store import Lake

CHECKPOINT_EVERY = 100
FOLDERS = ("clean", "raw", "stream")
CONFIGURATION = {"delta.enableExpiredLogCleanup": "false"}
"""The log of a table is cut by upkeep alone, which knows what its readers have passed."""

_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


class ArrowStream(Protocol):
    """Rows as an Arrow C stream (a DuckDB relation, a pyarrow table, a polars frame...)."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


class Commit(msgspec.Struct, frozen=True):
    """A commit of ours in a table's log. ``found_done``: it was there before we came."""

    version: int
    found_done: bool


class Snapshot(msgspec.Struct, frozen=True):
    """A table at one version: its id, schema, and live files as absolute paths or URLs.

    ``plain`` False: deletion vectors, column mapping or partitions are in play,
    and the files alone do not tell the rows.
    """

    table_id: str
    version: int
    schema: Schema
    files: tuple[str, ...]
    url: str = ""
    plain: bool = True


class Handle:
    """A table that this process has open, kept at its newest version."""

    def __init__(self, lake: Lake, table: str) -> None:
        self.lake, self.table = lake, table
        self.lock = threading.RLock()
        self._delta: DeltaTable | None = None
        self._birth: tuple[int, int] | None = None

    def newest(self) -> DeltaTable | None:
        """Return the table at its newest version, or None where there is none."""
        birth = commits.birth(self.lake, self.table)
        if birth is None:
            self._delta = None
        elif self._delta is None or birth != self._birth:
            self._delta = self.open() if commits.mend(self.lake, self.table) else None
        else:
            self._delta.update_incremental()
        self._birth = birth
        return self._delta

    def open(self, version: int | None = None) -> DeltaTable:
        """Read the table's log from its newest checkpoint on."""
        try:
            return DeltaTable(
                self.lake.table_url(self.table),
                version=version,
                storage_options=self.lake.storage_options,
            )
        except DeltaError as error:
            raise TableBroken(table=self.table, reason=error) from error

    def create(self, schema: Schema) -> DeltaTable:
        """Make the table durably; where another process was first, take what it made."""
        self.lake.make_folder(self.table)
        with contextlib.suppress(CommitFailedError):  # another's version 0 is as good as ours
            DeltaTable.create(
                self.lake.table_url(self.table),
                schema,
                mode="ignore",
                configuration=CONFIGURATION,
                storage_options=self.lake.storage_options,
            )
        self.lake.sync([commits.path(self.table, 0)])
        self.lake.sync([f"{self.table}/{commits.LOG}"])
        found = self.newest()
        assert found is not None
        return found


_handles: dict[tuple[str, str], Handle] = {}


def commit(
    lake: Lake,
    table: str,
    schema: Schema,
    rows: ArrowStream | None,
    *,
    app_id: str,
    number: int,
    counts: Mapping[str, int],
) -> Commit:
    """Append rows as commit ``number`` of ``app_id``, durably, unless that is there already.

    Makes the table (lowest Delta protocol, this schema) where it is missing.
    ``counts`` goes into the commit's metadata. ``rows`` None or empty commits the
    txn alone; they are streamed again where another commit came between. Raises
    ColumnsChanged where the table has other columns.
    """
    handle = _handle(lake, table)
    with handle.lock:
        while True:
            delta = handle.newest() or handle.create(schema)
            _check_columns(table, delta.schema(), schema)
            done = delta.transaction_version(app_id)
            if done is not None and number <= done:
                return Commit(delta.version(), found_done=True)
            properties = CommitProperties(
                app_transactions=[Transaction(app_id, number)],
                custom_metadata={name: str(count) for name, count in counts.items()},
                max_commit_retries=0,
            )
            before = delta.version()
            if _append(table, delta, schema, rows, properties):
                return Commit(_settle(handle, delta, before), found_done=False)


def committed(lake: Lake, table: str, app_id: str) -> int | None:
    """Return the highest number that ``app_id`` has committed to the table, or None."""
    handle = _handle(lake, table)
    with handle.lock:
        delta = handle.newest()
        return None if delta is None else delta.transaction_version(app_id)


def snapshot(lake: Lake, table: str, version: int | None = None) -> Snapshot | None:
    """Return a table at a version (None: the newest), or None where there is no table."""
    handle = _handle(lake, table)
    with handle.lock:
        delta = handle.newest()
        if delta is None:
            return None
        if version is not None and version != delta.version():
            delta = handle.open(version)
        metadata, protocol = delta.metadata(), delta.protocol()
        return Snapshot(
            table_id=str(metadata.id),
            version=delta.version(),
            schema=delta.schema(),
            files=tuple(unquote(uri) for uri in delta.file_uris()),
            url=lake.table_url(table),
            plain=not metadata.partition_columns and protocol.min_reader_version < 2,
        )


def added(lake: Lake, table: str, after: int | None, upto: int) -> Sequence[str]:
    """Return the files with new rows (``dataChange``) of versions after < version <= upto.

    Reads those versions' own commits; one that only rewrites rows (an erasure, a
    compaction, by its ``operation``) adds none. Raises TableBroken where a
    version's commit is gone.
    """
    first = 0 if after is None else after + 1
    return [
        str(lake.path(f"{table}/{name}"))
        for version in range(first, upto + 1)
        for name in commits.read(lake, table, version).added
    ]


def names(lake: Lake) -> list[str]:
    """Return every table of the lake as ``folder/name``, sorted."""
    folders = [*FOLDERS, *(f"quarantine/{stage}" for stage in lake.children("quarantine"))]
    tables = [f"{folder}/{name}" for folder in folders for name in lake.children(folder)]
    return sorted(table for table in tables if commits.birth(lake, table) is not None)


def read(connection: Any, snapshot: Snapshot) -> Any:
    """Return the rows of a snapshot as a DuckDB relation. The only reader of tables.

    A table without rows is an empty relation with the table's columns and types.
    """
    if not snapshot.files:
        return connection.sql(types.empty_select(snapshot.schema))
    if snapshot.plain:
        return connection.read_parquet(list(snapshot.files), union_by_name=True)
    delta = DeltaTable(snapshot.url, version=snapshot.version)
    return connection.from_arrow(delta.scan().read_all())


def forget(lake: Lake, table: str) -> None:
    """Close what this process has open of a table, as after a rebuild."""
    _handles.pop((lake.url, table), None)


def _handle(lake: Lake, table: str) -> Handle:
    return _handles.setdefault((lake.url, table), Handle(lake, table))


def _append(
    table: str,
    delta: DeltaTable,
    schema: Schema,
    rows: ArrowStream | None,
    properties: CommitProperties,
) -> bool:
    """Try to commit on the snapshot at hand; tell whether no other commit came between."""
    try:
        if rows is None:
            delta.create_write_transaction(
                [],
                "append",
                schema,
                commit_properties=properties,
                post_commithook_properties=_HOOKS,
            )
        else:
            write_deltalake(
                delta,
                rows,
                mode="append",
                commit_properties=properties,
                post_commithook_properties=_HOOKS,
            )
    except CommitFailedError:
        return False
    except SchemaMismatchError as error:
        raise ColumnsChanged(table=table, found=_columns(schema), wanted=error) from error
    return True


def _settle(handle: Handle, delta: DeltaTable, before: int) -> int:
    """Make the commit and its files durable, and return its version."""
    version = before + 1
    lake, table = handle.lake, handle.table
    files = [f"{table}/{name}" for name in commits.read(lake, table, version).added]
    lake.sync([*files, commits.path(table, version)])
    if version % CHECKPOINT_EVERY == 0:
        delta.update_incremental()
        delta.create_checkpoint()
        commits.sync_checkpoint(lake, table, version)
    return version


def _check_columns(table: str, found: Schema, wanted: Schema) -> None:
    if _columns(found) != _columns(wanted):
        raise ColumnsChanged(table=table, found=_columns(found), wanted=_columns(wanted))


def _columns(schema: Schema) -> str:
    return types.columns(schema)
