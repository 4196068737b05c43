"""Files that an engine's workers write into a table; ``tables.commit`` names them in one commit."""

from __future__ import annotations

import msgspec
from deltalake import Schema

from pinlake.errors import TableBroken
from pinlake.lake.draft import DraftTable, Written
from pinlake.lake.handle import handle_of
from pinlake.lake.store import ArrowStream, Lake


def check(lake: Lake, table: str) -> None:
    """Raise TableBroken where a table has features that an append must heed: before any work."""
    handle = handle_of(lake, table)
    with handle.lock:
        if handle.newest() is not None and not handle.is_plain:
            reason = "another writer gave it partitions or table features; append with that one"
            raise TableBroken(table=table, reason=reason)


def write(lake: Lake, table: str, schema: Schema, rows: ArrowStream) -> Written:
    """Write rows into a table's folder, durably; no reader of the table sees them yet.

    Any process of any machine that reaches the lake may do it. What is never committed
    stays until the table is vacuumed.
    """
    draft = DraftTable(lake, table, schema)
    try:
        content = draft.write(rows, "", 1, {}).content
    finally:
        draft.close()
    return Written(tuple(line for line in content.splitlines() if _is_add(line)))


def _is_add(line: bytes) -> bool:
    return "add" in msgspec.json.decode(line)
