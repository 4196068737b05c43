"""Taking rows out of a table for good: of its newest version, and of all that came before."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError

from pinlake.errors import TableBroken
from pinlake.lake import commits, draft, tables
from pinlake.lake.handle import handle_of
from pinlake.lake.store import ArrowStream, Lake

PREDICATE_ROWS = 500
"""Rows that one DELETE names: its predicate is an expression as deep as it has rows."""


def delete(lake: Lake, table: str, predicates: Sequence[str]) -> int:
    """Delete the rows that fit one of the predicates (DataFusion's SQL); return how many went.

    Each commit says DELETE, so that whoever follows the table's new rows finds
    none in it. The caller is the table's one writer.
    """
    deleted = 0
    for first in range(0, len(predicates), PREDICATE_ROWS):
        handle = handle_of(lake, table)
        with handle.lock:
            handle.newest(writing=True)  # deltalake would stumble over a torn commit
        delta = _open(lake, table)
        some = predicates[first : first + PREDICATE_ROWS]
        try:
            metrics: dict[str, Any] = delta.delete(" OR ".join(f"({each})" for each in some))
        except OSError as error:
            raise lake.failure(error) from None
        except DeltaError as error:
            raise TableBroken(table=table, reason=error) from error
        deleted += int(metrics["num_deleted_rows"])
    tables.forget(lake, table)
    return deleted


def commit(
    lake: Lake, table: str, schema: Schema, rows: ArrowStream | None, count: int
) -> tables.Commit:
    """Append rows that stand for erased ones (or none) as the table's next erasure."""
    app_id = f"erase/{table}"
    number = (tables.committed(lake, table, app_id) or 0) + 1
    counts = {"erased": count}
    return tables.commit(lake, table, schema, rows, app_id=app_id, number=number, counts=counts)


def forget_past(lake: Lake, table: str, since: int | None = None) -> None:
    """Leave nothing on disk but the table's newest version, if it has any.

    The log keeps its commits from version ``since`` on (None: the newest alone) for a stage
    that follows them.

    A commit without rows comes first: the ones before it are deleted, and with
    them their predicates and statistics, which quote values.
    """
    head = tables.head(lake, table)
    if head is not None:
        done = commit(lake, table, head.schema, None, 0)
        handle_of(lake, table).checkpoint(done.version)
        for key in _past(lake, table, done.version, done.version if since is None else since):
            lake.delete(key)
        lake.sync_names(f"{table}/{commits.LOG}")
        tables.forget(lake, table)
    if lake.children(table):
        _sweep(lake, table)


def _sweep(lake: Lake, table: str) -> None:
    """Delete the files that the table's newest version does not name, and every draft."""
    lake.sweep_drafts(table, time.time())
    snapshot = tables.snapshot(lake, table)
    live = {str(file) for file in snapshot.files} if snapshot else set()
    draft.drop_all(lake, table)  # their commits quote values as statistics
    for name in lake.children(table):
        if name.endswith(".parquet") and str(lake.path(f"{table}/{name}")) not in live:
            lake.delete(f"{table}/{name}")
    lake.sync_names(table)


def _past(lake: Lake, table: str, newest: int, since: int) -> Iterator[str]:
    """Yield what the table's log keeps of earlier versions."""
    for name in lake.children(f"{table}/{commits.LOG}"):
        number = int(name[:20]) if name[:20].isdecimal() else newest
        kept = since if name.endswith(".json") else newest
        if number < kept or name.endswith(commits.TORN):
            yield f"{table}/{commits.LOG}/{name}"


def _open(lake: Lake, table: str) -> DeltaTable:
    try:
        return DeltaTable(lake.table_url(table), storage_options=lake.storage_options)
    except OSError as error:
        raise lake.failure(error) from None
    except DeltaError as error:
        raise TableBroken(table=table, reason=error) from error
