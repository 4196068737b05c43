"""A rehearsal: a data set's SQL over empty tables, before any record has come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb

from pinlake.dataset import Dataset, Table
from pinlake.engine import dialect, expectations, functions
from pinlake.errors import SqlRefused

PROVENANCE = {"_topic": "VARCHAR", "_partition": "INT", "_offset": "BIGINT", "_element": "INT"}
DUCKDB_TYPES = {
    "STRING": "VARCHAR",
    "INT": "INTEGER",
    "BIGINT": "BIGINT",
    "DOUBLE": "DOUBLE",
    "BOOLEAN": "BOOLEAN",
}
SAME_TYPES = {
    "INTEGER",
    "BIGINT",
    "DOUBLE",
    "VARCHAR",
    "BOOLEAN",
    "TIMESTAMP WITH TIME ZONE",
    "DATE",
}
"""The types that a question or a cleaned column may have: every engine has the same of them."""

SPARK = {"VARCHAR": "STRING", "INTEGER": "INT", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP"}
"""What Spark calls types that DuckDB calls otherwise."""
ROLES = {
    "key": ("INT", "BIGINT", "STRING", "DATE", "TIMESTAMP"),
    "event_time": ("TIMESTAMP", "DATE"),
}
"""The types that a column may have which dataset.toml gives a role."""


def rehearse(dataset: Dataset) -> list[SqlRefused]:
    """Return what DuckDB finds wrong with cleanings, keys, expectations and questions."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        functions.define(connection, dataset.functions_sql)
        cleaned = list(_cleanings(connection, dataset))
        if cleaned:
            return cleaned
        return [*expectations.rehearse(connection, dataset), *_questions(connection, dataset)]


def _cleanings(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> Iterator[SqlRefused]:
    for table in dataset.tables.values():
        connection.execute("CREATE SCHEMA IF NOT EXISTS raw; USE raw")
        connection.execute(_raw_table(table))
        where = str(table.clean_path)
        try:
            select = dialect.with_provenance(table.clean_sql, tuple(PROVENANCE), "duckdb", where)
            cleaned = f"SELECT * EXCLUDE ({', '.join(PROVENANCE)}) FROM ({select})"  # noqa: S608
            connection.execute(f'CREATE TABLE main."{table.name}" AS {cleaned}')
        except duckdb.Error as error:
            yield _fault(where, table.clean_sql, error)
            continue
        yield from _contract(connection, table)
    connection.execute("USE main")


def _contract(connection: duckdb.DuckDBPyConnection, table: Table) -> Iterator[SqlRefused]:
    """Yield where a cleaned table lacks what dataset.toml says of it."""
    columns = dict(_described(connection, f'main."{table.name}"'))
    for role, name in (("key", table.key), ("event_time", table.event_time)):
        if name and (reason := _unfit(role, name, columns)):
            line = _line_of(table.clean_sql, name) if name in columns else 1
            yield SqlRefused(where=table.clean_path, line=line, reason=reason)
    yield from _types(columns, table.clean_path, table.clean_sql)


def _unfit(role: str, name: str, columns: dict[str, str]) -> str:
    """Return why a column cannot have a role, or nothing."""
    if name not in columns:
        near = ", ".join(each for each in columns if not each.startswith("_"))
        return (
            f"no column is called {name}, which dataset.toml names as the {role}; there is {near}"
        )
    kind = SPARK.get(columns[name], columns[name])
    if kind in ROLES[role]:
        return ""
    return f"{name} is {kind}, and the {role} must be one of {', '.join(ROLES[role])}"


def _line_of(sql: str, name: str, *, first: bool = False) -> int:
    """Return the last line that has a name, which is where a cleaning gives it; or the first."""
    lines = [number for number, line in _code(sql) if _word(name).search(line)]
    return (lines[0] if first else lines[-1]) if lines else 1


def _code(sql: str) -> list[tuple[int, str]]:
    """Return the numbered lines that are more than a comment."""
    lines = enumerate(sql.splitlines(), start=1)
    return [(number, line) for number, line in lines if not line.lstrip().startswith("--")]


def _word(name: str, before: str = "") -> re.Pattern[str]:
    """Return what finds a name, or other text, standing by itself."""
    return re.compile(rf"{before}(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)


def _questions(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> Iterator[SqlRefused]:
    for question in dataset.questions.values():
        where = str(question.path)
        try:
            columns = dict(_described(connection, f"({dialect.to_duckdb(question.sql, where)})"))
        except duckdb.Error as error:
            yield _fault(where, question.sql, error)
        else:
            yield from _types(columns, question.path, question.sql)


def _types(columns: dict[str, str], path: Path, sql: str) -> Iterator[SqlRefused]:
    for name, kind in columns.items():
        if kind not in SAME_TYPES and not kind.startswith("STRUCT"):
            reason = f"{name} is {kind} on DuckDB and another type elsewhere: cast it"
            yield SqlRefused(where=path, line=_line_of(sql, name, first=True), reason=reason)


def _raw_table(table: Table) -> str:
    columns = {column.name: DUCKDB_TYPES[column.type] for column in table.columns} | PROVENANCE
    typed = ", ".join(f'"{_doubled(name)}" {kind}' for name, kind in columns.items())
    return f'CREATE TABLE raw."{table.name}" ({typed})'


def _doubled(name: str) -> str:
    return name.replace('"', '""')


def _described(connection: duckdb.DuckDBPyConnection, source: str) -> list[tuple[str, str]]:
    rows = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608
    return [(str(row[0]), str(row[1])) for row in rows]


def _fault(where: str, sql: str, error: duckdb.Error) -> SqlRefused:
    """Return DuckDB's fault at the first line that holds the name it complains about."""
    message = str(error).split("\n")[0].rstrip(".!")
    tables = re.findall(r"(?<=with name )\w+", message)
    names = re.findall(r'(?<=")[^" ]+(?=")|(?<=\]: ).+$', message)[::-1]
    patterns = [_word(name, r"\b(?:FROM|JOIN)\s+`?") for name in tables]
    patterns += [_word(name) for name in names]
    found = (n for each in patterns for n, line in _code(sql) if each.search(line))
    return SqlRefused(where=where, line=next(found, 1), reason=message)
