"""What a plain record of a table looks like to DuckDB: the blanks in decode.sql, filled."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import product

from pinlake.dataset import Column
from pinlake.engine.statements import literal, name, statements

DUCKDB = {
    "STRING": "VARCHAR",
    "INT": "INTEGER",
    "BIGINT": "BIGINT",
    "DOUBLE": "DOUBLE",
    "BOOLEAN": "BOOLEAN",
}
"""The types that a data set's columns may have, as DuckDB calls them."""

_JSON = {
    "STRING": ("VARCHAR",),
    "INT": ("UBIGINT", "BIGINT"),
    "BIGINT": ("UBIGINT", "BIGINT"),
    "DOUBLE": ("DOUBLE", "UBIGINT", "BIGINT"),
    "BOOLEAN": ("BOOLEAN",),
}
"""What json_type calls a value that is of the column's type already, the usual one first."""

MAX_SPELLINGS = 8
"""Aliases multiply the lists of keys; records with rarer spellings are not plain."""


class Plain:
    """The SQL for a table's plain records, over a view ``records``."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = [
            (column, names) for column, names in zip(columns, _names(columns), strict=True)
        ]

    def odd(self) -> str:
        """Return the query for the rows that are not plain."""
        return statements("decode.sql")["odd"].format(
            keys=", ".join(_list(keys) for keys in self._spellings()),
            usual=_list(_JSON[column.type][0] for column, _ in self.columns),
            fitting=" AND ".join(self._fitting()),
            numbers=self._numbers(),
            in_range=" AND ".join(["true", *self._in_range()]),
        )

    def rows(self) -> str:
        """Return the query for the columns and provenance of records that are all plain."""
        spec = {each: DUCKDB[column.type] for column, names in self.columns for each in names}
        columns = [
            f"{_first('fields', names)} AS {name(column.name)}" for column, names in self.columns
        ]
        return statements("decode.sql")["rows"].format(
            columns=", ".join(columns), types=literal(json.dumps(spec))
        )

    def _spellings(self) -> list[Sequence[str]]:
        choices = product(*(names for _, names in self.columns))
        return [keys for keys, _ in zip(choices, range(MAX_SPELLINGS), strict=False)]

    def _fitting(self) -> list[str]:
        """Return for each column whether its value's JSON type fits it."""
        return [
            f"types[{place}] IN ({', '.join(map(literal, _allowed(column)))})"
            for place, (column, _) in enumerate(self.columns, start=1)
        ]

    def _numbers(self) -> str:
        spec = {
            each: DUCKDB[column.type]
            for column, names in self.columns
            if column.type in {"INT", "BIGINT", "DOUBLE"}
            for each in names
        }
        return f"try(from_json(value, {literal(json.dumps(spec))}))" if spec else "NULL"

    def _in_range(self) -> list[str]:
        conditions = []
        for place, (column, names) in enumerate(self.columns, start=1):
            number = _first("numbers", names)
            if column.type in {"INT", "BIGINT"}:
                conditions.append(f"({number} IS NOT NULL OR types[{place}] = 'NULL')")
            elif column.type == "DOUBLE":
                conditions.append(f"(isfinite({number}) OR types[{place}] = 'NULL')")
        return conditions


def _names(columns: Sequence[Column]) -> list[list[str]]:
    """Return each column's names; DuckDB's structs do not tell Ind from ind, so one of them."""
    taken = {column.name.lower() for column in columns}
    found = []
    for column in columns:
        aliases = [alias for alias in column.aliases if alias.lower() not in taken]
        found.append([column.name, *aliases[:1]])
        taken.update(alias.lower() for alias in aliases[:1])
    return found


def _allowed(column: Column) -> tuple[str, ...]:
    return _JSON[column.type] + (() if column.required is True else ("NULL",))


def _first(struct: str, names: Sequence[str]) -> str:
    """Return the field that the record has, by whichever of its names."""
    fields = [f"{struct}.{name(each)}" for each in names]
    return fields[0] if len(fields) == 1 else f"coalesce({', '.join(fields)})"


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(literal, texts))}]"
