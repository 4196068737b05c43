"""Commits that an engine's own Delta writer makes: the table before, durability after."""

from __future__ import annotations

from deltalake import Schema

from pinlake.errors import ColumnsChanged, TableBroken
from pinlake.lake import commits, types
from pinlake.lake.handle import Head, handle_of
from pinlake.lake.store import Lake


def prepare(lake: Lake, table: str, schema: Schema) -> Head:
    """Return where a table stands, made if it is missing, and fit for another writer's append.

    A newest commit that a power cut tore is set aside first. Raises ColumnsChanged where
    the table has other columns, TableBroken where it has features that an append must heed.
    """
    handle = handle_of(lake, table)
    with handle.lock:
        head = handle.newest(writing=True) or handle.create(schema)
        found, wanted = types.columns(head.schema), types.columns(schema)
        if found != wanted:
            raise ColumnsChanged(table=table, found=found, wanted=wanted)
        if not handle.is_plain:
            reason = "another writer gave it partitions or table features; append with that one"
            raise TableBroken(table=table, reason=reason)
        return head


def settle(lake: Lake, table: str, app_id: str, number: int) -> int | None:
    """Return the version that has commit ``number`` of ``app_id``, durable, or None.

    Looks from the newest version back, and syncs the files it adds before its own name.
    """
    handle = handle_of(lake, table)
    with handle.lock:
        head = handle.newest()
        for version in range(head.version if head else -1, -1, -1):
            record = commits.read(lake, table, version)
            found = record.committed.get(app_id)
            if found == number:
                lake.sync([f"{table}/{file.path}" for file in record.files])
                lake.sync([commits.path(table, version)])
                return version
            if found is not None:
                return None
    return None
