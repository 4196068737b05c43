"""What a plain record of a table looks like to DuckDB: the blanks in decode.sql, filled."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any, Literal

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

Expected = Literal["as written", "escaped", "few"]
"""What many records are like: each as its fields would be written, or with escapes in texts."""

ODD = "a record is not plain"
"""What a query fails with at a record that it cannot take."""

MALFORMED = "Malformed JSON"
"""What DuckDB's own error says at a record that is no JSON."""

_NUMBERS = frozenset({"INT", "BIGINT", "DOUBLE"})


class Plain:
    """The SQL for a table's plain records, over a view ``records``."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = [
            (column, names) for column, names in zip(columns, _names(columns), strict=True)
        ]

    def odd(self) -> str:
        """Return the query for the rows that are not plain."""
        in_range = " AND ".join(["true", *self._in_range("numbers")])
        return _filled(
            "odd",
            count=len(self.columns),
            paths=self._paths(),
            usual=_listed(self._usual()),
            numbers=self._numbers(),
            in_range=in_range,
            fits=self._fits(),
            closed=_filled("closed"),
        )

    def rows(self) -> str:
        """Return the query for the columns and provenance of records that are all plain."""
        return self._rows([_first("fields", names) for _, names in self.columns], self._known())

    def checked_rows(self, expected: Expected = "as written") -> str:
        """Return the query for the same, which fails with the text ODD where one is not plain.

        What is ``expected`` of most records decides which proof comes first. Of a ``few``
        hundred only the usual types are taken, for a longer query takes more time to plan
        than it saves.
        """
        columns = [_first("fields", names) for _, names in self.columns]
        if expected == "few":
            return self._rows(columns, self._hoped([self._named()], self._known()))
        if expected == "as written" and all(_is_plain(each.name) for each, _ in self.columns):
            proofs = [self._rewritten(), self._fitted()]
            return self._rows(columns, self._hoped(proofs, self._known()))
        columns = [_read(column, _first("fields", names)) for column, names in self.columns]
        proofs = [self._in_place(), self._fitted()]
        return self._rows(columns, self._hoped(proofs, self._known(but_texts="JSON")))

    def _hoped(self, proofs: Sequence[str], known: str) -> str:
        return _filled("hoped", proof=" ".join(proofs), error=literal(ODD), known=known)

    def _rows(self, values: Sequence[str], records: str) -> str:
        columns = [
            f"{value} AS {name(column.name)}"
            for value, (column, _) in zip(values, self.columns, strict=True)
        ]
        return _filled("rows", columns=", ".join(columns), records=records)

    def _known(self, but_texts: str | None = None) -> str:
        return _filled("known", types=self._types(DUCKDB, but_texts))

    def _rewritten(self) -> str:
        pieces, lead = [], "{"
        for column, _ in self.columns:
            mark = '"' if column.type == "STRING" else ""
            pieces.append(literal(f"{lead}{_key(column.name)}:{mark}"))
            pieces.append(f"fields.{name(column.name)}")
            lead = f"{mark},"
        end = f"{lead[:-1]}}}"
        pieces.append(_filled("end", end=literal(end), line=literal(f"{end}\n")))
        finite = [
            f"isfinite(fields.{name(column.name)})"
            for column, _ in self.columns
            if column.type == "DOUBLE"
        ]
        return _filled(
            "rewritten", finite=" AND ".join(["true", *finite]), pieces=", ".join(pieces)
        )

    def _named(self) -> str:
        in_range = " AND ".join(["true", *self._in_range("fields")])
        return _filled(
            "named",
            count=len(self.columns),
            paths=self._paths(),
            usual=_listed(self._usual()),
            in_range=in_range,
            closed=_filled("closed"),
        )

    def _in_place(self) -> str:
        return _filled(
            "usual",
            usual=_listed(literal(_JSON[column.type][0]) for column, _ in self.columns),
            proved=" AND ".join(self._proved()),
            closed=_filled("closed"),
        )

    def _fitted(self) -> str:
        return _filled("fitting", fits=self._fits(), closed=_filled("closed"))

    def _fits(self) -> str:
        fitting = " AND ".join([self._all_found(), *self._fitting()])
        return _filled("fits", paths=self._paths(), numbers=self._numbers(), fitting=fitting)

    def _paths(self) -> str:
        return _listed(literal(_pointer(each)) for _, names in self.columns for each in names)

    def _types(self, wanted: Container[str], but_texts: str | None = None) -> str:
        """Return the columns of these types by all their names, as from_json takes them.

        ``but_texts`` is the type of all that are no texts, in place of their own.
        """
        spec = {
            each: DUCKDB[column.type]
            if column.type == "STRING"
            else but_texts or DUCKDB[column.type]
            for column, names in self.columns
            if column.type in wanted
            for each in names
        }
        return literal(json.dumps(spec))

    def _numbers(self) -> str:
        if not any(column.type in _NUMBERS for column, _ in self.columns):
            return "NULL"
        return f"from_json(value, {self._types(_NUMBERS)})"

    def _usual(self) -> Iterator[str]:
        """Yield the JSON types of a record with all columns by their own names, none null."""
        for column, names in self.columns:
            yield literal(_JSON[column.type][0])
            yield from ["NULL"] * (len(names) - 1)

    def _in_range(self, struct: str) -> Iterator[str]:
        for column, names in self.columns:
            if column.type in _NUMBERS:
                yield _in_range(column, _first(struct, names))

    def _proved(self) -> Iterator[str]:
        """Yield for each column that it is there, and of its type if that is not text."""
        for column, names in self.columns:
            found = _first("fields", names)
            value, text = _read(column, found), f"CAST({found} AS VARCHAR)"
            if column.type == "STRING":
                yield f"{found} IS NOT NULL"
            elif column.type == "DOUBLE":
                yield f"isfinite({value})"
            else:
                yield f"CAST({value} AS VARCHAR) = {text}"

    def _all_found(self) -> str:
        """Return that there are no other keys, and none twice."""
        return "record.keys = len(list_filter(record.types, lambda kind: kind IS NOT NULL))"

    def _fitting(self) -> Iterator[str]:
        """Yield for each column whether the value that is there fits it."""
        place = 0
        for column, names in self.columns:
            types = [f"record.types[{place + n}]" for n in range(1, len(names) + 1)]
            place += len(names)
            kind = types[0] if len(types) == 1 else f"coalesce({', '.join(types)})"
            yield from (f"({types[0]} IS NULL OR {other} IS NULL)" for other in types[1:])
            yield f"coalesce({kind}, {_absent(column)}) IN ({', '.join(_allowed(column))})"
            if column.type in _NUMBERS:
                number = _in_range(column, _first("record.numbers", names))
                yield f"({number} OR coalesce({kind}, 'NULL') = 'NULL')"


def _names(columns: Sequence[Column]) -> list[list[str]]:
    """Return each column's names; DuckDB's structs do not tell Ind from ind, so one of them."""
    taken = {column.name.lower() for column in columns}
    found = []
    for column in columns:
        aliases = [alias for alias in column.aliases if alias.lower() not in taken]
        found.append([column.name, *aliases[:1]])
        taken.update(alias.lower() for alias in aliases[:1])
    return found


def _allowed(column: Column) -> list[str]:
    kinds = _JSON[column.type] + (() if column.required is True else ("NULL",))
    return [literal(kind) for kind in kinds]


def _absent(column: Column) -> str:
    """Return the JSON type that stands for a column that is not there."""
    return literal("none" if column.required else "NULL")


def _in_range(column: Column, number: str) -> str:
    """Return that DuckDB read a number: it gives NULL for one that is out of range."""
    return f"isfinite({number})" if column.type == "DOUBLE" else f"{number} IS NOT NULL"


def _first(struct: str, names: Sequence[str]) -> str:
    """Return the field that the record has, by whichever of its names."""
    fields = [f"{struct}.{name(each)}" for each in names]
    return fields[0] if len(fields) == 1 else f"coalesce({', '.join(fields)})"


def _pointer(key: str) -> str:
    """Return the JSON pointer (RFC 6901) to a key."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _key(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _is_plain(key: str) -> bool:
    """Tell whether a key stands in JSON as it is."""
    return _key(key) == f'"{key}"'


def _read(column: Column, field: str) -> str:
    """Return a column's value of a field that is text, or else JSON."""
    if column.type == "STRING":
        return field
    return f"TRY_CAST(CAST({field} AS VARCHAR) AS {DUCKDB[column.type]})"


def _filled(statement: str, **blanks: Any) -> str:
    return statements("decode.sql")[statement].format(**blanks)


def _listed(expressions: Iterable[str]) -> str:
    return f"[{', '.join(expressions)}]"
