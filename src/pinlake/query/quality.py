"""Quality: how many rows of a table do not meet each expectation of its data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from pinlake.declaration import FILE
from pinlake.engine.check import check_expectations
from pinlake.errors import SqlRefused
from pinlake.query.lake import OpenLake, Source
from pinlake.table import Action, Expectation, Table

EXAMPLES = 3


class Finding(msgspec.Struct, frozen=True):
    """How the rows of a table, such as ``clean/pin``, meet one expectation.

    ``failed`` of its ``rows`` do not: the condition is false there, or NULL.
    ``examples`` are their lowest keys, up to three.
    """

    table: str
    expectation: str
    constraint: str
    action: Action
    rows: int
    failed: int
    key: str
    examples: Sequence[Any] = ()

    @property
    def percent(self) -> float:
        """How many of a hundred rows do not meet it; 0 where there is no row."""
        return 100 * self.failed / self.rows if self.rows else 0.0


def findings(lake: OpenLake, table: Table, source: Source) -> list[Finding]:
    """Count by one SELECT, over one version of a table, the rows that do not meet expectations.

    Raises TableMissing, and SqlRefused where a condition is refused, or a row of it.
    """
    if not table.expectations:
        return []
    if faults := check_expectations(lake.dataset, table):
        raise faults[0]
    try:
        [[rows, *found]] = lake.ask(question(table), source).rows()
    except SqlRefused as refused:
        reason = f"{source}/{table.name} cannot be asked its expectations: {refused.reason}"
        where, line = lake.dataset.path / FILE, table.expectations[0].line
        raise SqlRefused(where=str(where), line=line, reason=reason) from refused
    return [
        Finding(f"{source}/{table.name}", each.name, each.constraint, each.action, rows, failed,
                table.key, tuple(examples or ()))
        for each, failed, examples in zip(table.expectations, found[::2], found[1::2], strict=True)
    ]  # fmt: skip


def question(table: Table) -> str:
    """Return the SELECT in Spark's dialect: rows, then of each expectation failed rows and keys."""
    columns = ["count(*) AS counted"]
    for number, each in enumerate(table.expectations):
        columns += [_failed(each, number), _examples(table, each, number)]
    listed = ",\n".join(columns)
    return f"SELECT\n{listed}\nFROM {_quoted(table.name)}"


def _failed(expectation: Expectation, number: int) -> str:
    """Return the count of rows; of none count_if would be NULL in DuckDB."""
    return f"count(CASE WHEN {_unmet(expectation)} THEN 1 END) AS failed_{number}"


def _unmet(expectation: Expectation) -> str:
    """Return what is true of a row that does not meet an expectation."""
    return f"({expectation.constraint}\n) IS NOT TRUE"  # the line's end ends a comment


def _examples(table: Table, expectation: Expectation, number: int) -> str:
    """Return keys by a SELECT of its own: a list of all that fail could outgrow the memory."""
    keys = (
        f"SELECT {_quoted(table.key)} AS failing FROM {_quoted(table.name)}\n"  # noqa: S608
        f"WHERE {_unmet(expectation)} ORDER BY {_quoted(table.key)} LIMIT {EXAMPLES}"
    )
    return f"(SELECT sort_array(collect_list(failing)) FROM ({keys})) AS examples_{number}"  # noqa: S608


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"
