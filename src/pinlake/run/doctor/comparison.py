"""What every comparison of rows does: clean, tell what differs, count what was refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pinlake.dataset import Table
from pinlake.engine import dialect
from pinlake.engine.cleaning import PROVENANCE
from pinlake.engine.quarantine import Rejected
from pinlake.engine.statements import name as quoted
from pinlake.engine.statements import statements
from pinlake.lake import tables
from pinlake.run.doctor.patient import Patient

SQL = statements(str(Path(__file__).with_name("doctor.sql")))
Place = tuple[str, int, int, int]
"""Topic or stream, partition, position and element of a value."""


def clean(connection: Any, table: Table) -> None:
    """Make the view ``_cleaned`` of what the table's SQL makes of the view of its name."""
    where = str(table.clean_path) or table.name
    sql = dialect.with_provenance(table.clean_sql, PROVENANCE, "duckdb", where)
    connection.sql(sql).create_view("_cleaned", replace=True)


def doubles(connection: Any, table: Table, what: str) -> Iterator[str]:
    """Yield a sentence where the rows ``_held`` have a key more than once."""
    query = SQL["double_keys"].format(key=quoted(table.key or ""))
    yield from told(connection, query, f"{what} has {{}} keys more than once")


def told(connection: Any, query: str, what: str) -> Iterator[str]:
    """Yield a sentence with how many rows a query finds, and the first of them."""
    found = sorted(connection.execute(query).fetchall(), key=str)
    if found:
        yield f"{what.format(f'{len(found):,}')}, such as {', '.join(map(str, found[0]))}"


def places(rejected: Iterable[Rejected]) -> list[Place]:
    """Return where refused values stood; what stands for an erased record may be kept or not."""
    return [
        (each.source.topic, each.source.partition, each.position, each.reject.element)
        for each in rejected
        if each.reject.content.strip() != b"null"
    ]


def refused(patient: Patient, table: str, expected: Counter[Place]) -> Iterator[str]:
    """Compare a quarantine with what was refused: nothing is missing, nothing is there twice."""
    import duckdb

    held: Counter[Place] = Counter()
    snapshot = tables.snapshot(patient.lake, table)
    if snapshot is not None:
        rows = tables.read(duckdb, snapshot).project('topic, "partition", "position", element')
        held.update((name, int(part), int(at), place) for name, part, at, place in rows.fetchall())
    if missing := expected - held:
        yield f"{table} lacks {missing.total():,} records, such as {min(missing)}"
    if twice := [place for place, count in held.items() if count > 1]:
        yield f"{table} has {len(twice):,} records more than once, such as {min(twice)}"
