"""Expectations: conditions that engines answer alike, over the columns of a cleaned table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb

from pinlake.dataset import Dataset
from pinlake.declaration import FILE
from pinlake.engine import dialect
from pinlake.engine.agreement import ROW_WISE, check_expressions, refuse_other_rows
from pinlake.errors import SqlRefused
from pinlake.table import Expectation, Table

ONE_ROW = "an expectation judges each row by itself"


def check_expectation(expectation: Expectation, path: Path, words: set[str]) -> None:
    """Raise SqlRefused with the line of dataset.toml unless every engine judges rows alike by it.

    ``path`` is that of dataset.toml, ``words`` are the names of cleaning functions.
    """
    where = str(path)
    try:
        tree = dialect.condition(expectation.constraint, where)
        refuse_other_rows(tree, where, ONE_ROW)
        check_expressions(tree, where, words, allowed=ROW_WISE)
    except SqlRefused as fault:
        raise refusal(expectation, path, fault.reason) from fault


def rehearse(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> Iterator[SqlRefused]:
    """Yield what DuckDB finds wrong with expectations over the empty cleaned tables."""
    for table in dataset.tables.values():
        for expectation in table.expectations:
            if reason := _unfit(connection, table, expectation):
                yield refusal(expectation, dataset.path / FILE, reason)


def refusal(expectation: Expectation, path: Path, reason: object) -> SqlRefused:
    """Return why an expectation is refused, at the line that declares it."""
    text = f"{expectation.name}: {reason}"
    return SqlRefused(where=str(path), line=expectation.line, reason=text)


def _unfit(connection: duckdb.DuckDBPyConnection, table: Table, expectation: Expectation) -> str:
    """Return why a condition cannot be asked of a table, or nothing."""
    sql = f"SELECT ({expectation.constraint}\n) AS met FROM `{table.name}`"  # noqa: S608
    try:
        [kind] = connection.sql(dialect.to_duckdb(sql)).types
    except duckdb.Error as error:
        return str(error).split("\n")[0].rstrip(".!")
    return "" if kind == "BOOLEAN" else f"it is {kind}, and a condition is BOOLEAN"
