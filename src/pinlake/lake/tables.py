"""Delta tables: the one place that reads and commits them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from deltalake import DeltaTable, Schema

from pinlake.errors import ColumnsChanged, TableBroken
from pinlake.lake import commits, opening, types
from pinlake.lake.draft import Draft, Written
from pinlake.lake.handle import Head, forget, handle_of
from pinlake.lake.store import ArrowStream, Lake

__all__ = [
    "ArrowStream",
    "Commit",
    "Head",
    "Size",
    "Snapshot",
    "Written",
    "added",
    "added_bytes",
    "commit",
    "committed",
    "damaged",
    "fetch",
    "forget",
    "head",
    "missing",
    "names",
    "read",
    "size",
    "snapshot",
]

CHECKPOINT_EVERY = 100
CHECKPOINT_AT_LAST = 1000
"""Upkeep writes checkpoints beside the commits; where there is none, a commit does."""
FOLDERS = ("clean", "raw", "stream")


class Commit(msgspec.Struct, frozen=True):
    """A commit of ours in a table's log. ``found_done``: it was there before we came."""

    version: int
    found_done: bool


class Snapshot(msgspec.Struct, frozen=True):
    """A table at one version: its id, schema, and live files as paths of this machine.

    The files are there once ``fetch`` was called, which ``read`` does. ``plain``
    False: deletion vectors, column mapping or partitions are in play, and the files
    alone do not tell the rows.
    """

    table_id: str
    version: int
    schema: Schema
    files: tuple[str, ...]
    lake: Lake
    table: str = ""
    plain: bool = True


class Size(msgspec.Struct, frozen=True):
    """How much a table holds at its newest version, by its files' statistics."""

    version: int
    rows: int
    files: int
    bytes: int


def commit(
    lake: Lake,
    table: str,
    schema: Schema,
    rows: ArrowStream | Written | None,
    *,
    app_id: str,
    number: int,
    counts: Mapping[str, int],
) -> Commit:
    """Append rows as commit ``number`` of ``app_id``, durably, unless that is there already.

    Makes the table (lowest Delta protocol, this schema) where it is missing.
    Numbers start at 1; ``counts`` goes into the commit's metadata; ``rows`` None
    or empty commits the txn alone; files that ``delegated.write`` wrote are named, or
    deleted where the commit is there already. The rows' files are durable before the commit
    names them; of writers that race for one version the others read the txn
    again. Raises ColumnsChanged where the table has other columns, TableBroken
    where another writer gave it features that an append must heed.
    """
    handle = handle_of(lake, table)
    with handle.lock:
        draft: Draft | None = None
        while True:
            at = handle.newest(writing=True) or handle.create(schema)
            _check_columns(table, at, schema)
            if number <= (handle.committed(app_id) or 0):
                lake.sync_names(f"{table}/{commits.LOG}")
                for file in draft.files if draft else ():
                    lake.delete(file)
                return Commit(at.version, found_done=True)
            if draft is None:
                draft = handle.drafts(schema).write(rows, app_id, number, counts)
            version = at.version + 1
            if lake.create(commits.path(table, version), draft.content):
                if version % CHECKPOINT_AT_LAST == 0:
                    handle.checkpoint(version)
                return Commit(version, found_done=False)


def committed(lake: Lake, table: str, app_id: str) -> int | None:
    """Return the highest number that ``app_id`` has committed to the table, or None."""
    handle = handle_of(lake, table)
    with handle.lock:
        return None if handle.newest() is None else handle.committed(app_id)


def head(lake: Lake, table: str) -> Head | None:
    """Return a table's id, newest version and schema without its files, or None: cheap."""
    handle = handle_of(lake, table)
    with handle.lock:
        return handle.newest()


def snapshot(lake: Lake, table: str, version: int | None = None) -> Snapshot | None:
    """Return a table at a version (None: the newest), or None where there is no table."""
    handle = handle_of(lake, table)
    with handle.lock:
        head = handle.newest()
        if head is None:
            return None
        if version is not None and version != head.version:
            return _snapshot_at(lake, table, handle.at(version))
        return Snapshot(
            table_id=head.table_id,
            version=head.version,
            schema=head.schema,
            files=tuple(str(lake.path(f"{table}/{path}")) for path in handle.live),
            lake=lake,
            table=table,
            plain=handle.is_plain,
        )


def size(lake: Lake, table: str) -> Size | None:
    """Return how much a table holds, from its log alone, or None where there is no table."""
    handle = handle_of(lake, table)
    with handle.lock:
        head = handle.newest()
        if head is None:
            return None
        files = handle.live.values()
        rows, sizes = sum(each.rows for each in files), sum(each.size for each in files)
        return Size(head.version, rows, len(files), sizes)


def added(lake: Lake, table: str, after: int | None, upto: int) -> Sequence[str]:
    """Return the files with new rows (``dataChange``) of versions after < version <= upto.

    Reads those versions' own commits; one that only rewrites rows (an erasure, a
    compaction, by its ``operation``) adds none. Raises TableBroken where a
    version's commit is gone.
    """
    first = 0 if after is None else after + 1
    return [
        str(lake.path(f"{table}/{file.path}"))
        for version in range(first, upto + 1)
        for file in commits.read(lake, table, version).added
    ]


def added_bytes(lake: Lake, table: str, version: int) -> int:
    """Return the bytes of the files with new rows of one version."""
    return sum(file.size for file in commits.read(lake, table, version).added)


def names(lake: Lake) -> list[str]:
    """Return every table of the lake as ``folder/name``, sorted."""
    folders = [*FOLDERS, *(f"quarantine/{stage}" for stage in lake.children("quarantine"))]
    tables = [f"{folder}/{name}" for folder in folders for name in lake.children(folder)]
    return sorted(table for table in tables if commits.exists(lake, table))


def read(connection: Any, snapshot: Snapshot) -> Any:
    """Return the rows of a snapshot as a DuckDB relation. The only reader of tables.

    It has the columns and types of the snapshot's schema, also where files are older
    than a column, and where there are no rows.
    """
    if not snapshot.files:
        return connection.sql(types.empty_select(snapshot.schema))
    if snapshot.plain:
        fetch(snapshot)
        return types.fitted(_files(connection, snapshot), snapshot.schema)
    scan: Any = opening.load(snapshot.lake, snapshot.table, snapshot.version).scan()
    return connection.from_arrow(scan.read_all())


def fetch(snapshot: Snapshot) -> None:
    """Have a snapshot's files on this machine."""
    snapshot.lake.fetch(snapshot.files)


def missing(snapshot: Snapshot) -> list[str]:
    """Return those of a snapshot's files that the lake does not have."""
    names = set(snapshot.lake.children(snapshot.table))
    return [file for file in snapshot.files if file.rpartition("/")[2] not in names]


def damaged(connection: Any, snapshot: Snapshot) -> TableBroken | None:
    """Return what is wrong where reading a snapshot's files failed: the one that is damaged.

    None where each can be read, so that the error has another reason.
    """
    from duckdb import Error

    for file in snapshot.files:
        try:
            connection.execute(
                "SELECT max(hash(rows)) FROM read_parquet($1) AS rows", [file]
            ).fetchall()
        except Error as found:
            reason = (
                f"its file {file} is damaged or gone ({str(found).splitlines()[0]}); put a copy of"
                " it back, or rebuild the table from upstream"
            )
            return TableBroken(table=_name(snapshot), reason=reason)
    return None


def _files(connection: Any, snapshot: Snapshot) -> Any:
    from duckdb import Error

    try:
        return connection.read_parquet(list(snapshot.files), union_by_name=True)
    except Error as error:
        raise damaged(connection, snapshot) or error from error


def _name(snapshot: Snapshot) -> str:
    """Return a table's name below the lake, by itself or by its files: ``clean/pin``."""
    return snapshot.table or "/".join(snapshot.files[0].split("/")[-3:-1])


def _snapshot_at(lake: Lake, table: str, delta: DeltaTable) -> Snapshot:
    return Snapshot(
        table_id=str(delta.metadata().id),
        version=delta.version(),
        schema=delta.schema(),
        files=tuple(str(lake.path(f"{table}/{path}")) for path in opening.files(delta)),
        lake=lake,
        table=table,
        plain=commits.is_plain(delta),
    )


def _check_columns(table: str, at: Head, wanted: Schema) -> None:
    found = types.columns(at.schema)
    if found != types.columns(wanted):
        raise ColumnsChanged(table=table, found=found, wanted=types.columns(wanted))
