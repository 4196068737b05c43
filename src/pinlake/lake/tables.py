"""Delta tables: the one place that reads and commits them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec
from deltalake import Schema

from pinlake.lake.store import Lake


class ArrowStream(Protocol):
    """Rows as an Arrow C stream (a DuckDB relation, a pyarrow table, a polars frame...)."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


class Commit(msgspec.Struct, frozen=True):
    """A commit of ours in a table's log. ``found_done``: it was there before we came."""

    version: int
    found_done: bool


class Snapshot(msgspec.Struct, frozen=True):
    """A table at one version: its id, schema, and live files as absolute paths or URLs."""

    table_id: str
    version: int
    schema: Schema
    files: tuple[str, ...]


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
    ``counts`` goes into the commit's metadata. ``rows`` None commits the txn
    alone. Raises ColumnsChanged where the table has other columns.
    """
    raise NotImplementedError


def committed(lake: Lake, table: str, app_id: str) -> int | None:
    """Return the highest number that ``app_id`` has committed to the table, or None."""
    raise NotImplementedError


def snapshot(lake: Lake, table: str, version: int | None = None) -> Snapshot | None:
    """Return a table at a version (None: the newest), or None where there is no table."""
    raise NotImplementedError


def added(lake: Lake, table: str, after: int | None, upto: int) -> Sequence[str]:
    """Return the files with new rows (``dataChange``) of versions after < version <= upto."""
    raise NotImplementedError


def names(lake: Lake) -> list[str]:
    """Return every table of the lake as ``folder/name``, sorted."""
    raise NotImplementedError


def read(connection: Any, snapshot: Snapshot) -> Any:
    """Return the rows of a snapshot as a DuckDB relation. The only reader of tables."""
    raise NotImplementedError
