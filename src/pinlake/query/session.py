"""A session: one in-memory DuckDB that can read the tables it was given and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

from pinlake.lake import tables
from pinlake.lake.store import Lake
from pinlake.lake.tables import Snapshot
from pinlake.query.statement import SCHEMAS, Reference

OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}


def connect(
    lake: Lake, snapshots: Mapping[Reference, Snapshot], spill: Path
) -> duckdb.DuckDBPyConnection:
    """Return a connection that sees each snapshot as a view under its reference's name.

    Times are UTC, extensions are not downloaded, files outside the lake cannot
    be read and none can be written, but for ``spill``, where a query that
    outgrows memory puts what does not fit.
    """
    connection = opened(lake, spill)
    for schema in SCHEMAS:
        connection.execute(f"CREATE SCHEMA {schema}")
    for reference, snapshot in snapshots.items():
        connection.execute(f"USE {reference.schema or 'main'}")
        tables.read(connection, snapshot).create_view(reference.name)
    connection.execute("USE main")
    return connection


def opened(lake: Lake, spill: Path) -> duckdb.DuckDBPyConnection:
    """Return a connection with those bounds that sees no table yet."""
    connection = duckdb.connect(":memory:", config=OFFLINE)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET temp_directory = $1", [str(spill)])
    connection.execute("SET allowed_directories = $1", [[str(lake.ground)]])
    connection.execute("SET enable_external_access = false")
    return connection
