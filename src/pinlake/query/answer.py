"""An answer: rows that are computed when they are read, in whichever form is asked for."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec

from pinlake.errors import SqlRefused
from pinlake.query import frames
from pinlake.query.statement import line_of
from pinlake.query.types import spark_name

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

Row = tuple[Any, ...]
Connect = Callable[[], duckdb.DuckDBPyConnection]

PREVIEW = 20


class Column(msgspec.Struct, frozen=True):
    """A column of an answer; ``type`` is the name that Spark gives it, such as ``BIGINT``."""

    name: str
    type: str


class Asked(msgspec.Struct, frozen=True):
    """What was asked: the SQL as written, its translation, and what messages call it."""

    where: str
    sql: str
    text: str


class Answer:
    """The rows that a question gives over one fixed version of each table.

    Nothing is computed before a reading method is called; each call computes
    afresh, on the same versions, so that two readings are equal. Raises
    SqlRefused where the engine refuses the SQL, or a value of it. What is not
    ``lasting`` can be read on the connections only while there is the answer.
    """

    def __init__(self, asked: Asked, connect: Connect, *, lasting: bool = True) -> None:
        self._asked, self._connect, self._lasting = asked, connect, lasting
        self._unread: list[duckdb.DuckDBPyRelation] = []
        relation = self._relation()
        self._unread.append(relation)
        with self._refusing():
            names, kinds = relation.columns, relation.types
        self.columns = tuple(
            Column(*pair) for pair in zip(names, map(spark_name, kinds), strict=True)
        )
        check_twins(asked, names)

    def rows(self) -> list[Row]:
        """Return all rows: one tuple each, times as UTC datetimes, structs as dicts."""
        return list(self.iterate())

    def iterate(self) -> Iterator[Row]:
        """Yield the rows one by one, in memory that does not grow with their number."""
        with self._refusing():
            yield from self._relation().iter_rows()

    def to_arrow(self) -> pa.Table:
        """Return a pyarrow Table; times are timestamp[us, UTC]. Needs pinlake[pandas]."""
        return frames.to_arrow(self)

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas DataFrame in nullable types, so that a NULL leaves integers whole.

        Structs are dicts, times datetime64[us, UTC]. Needs pinlake[pandas].
        """
        return frames.to_pandas(self)

    def to_polars(self) -> pl.DataFrame:
        """Return a polars DataFrame. Needs pinlake[polars]."""
        return frames.to_polars(self)

    def to_duckdb(
        self, connection: duckdb.DuckDBPyConnection | None = None
    ) -> duckdb.DuckDBPyRelation:
        """Return the rows as a DuckDB relation, to go on with in DuckDB's own SQL.

        Without a connection it is lazy and lives in a session that sees only
        the tables that were asked. With one of yours the rows are handed over.
        """
        if connection is None and self._lasting:
            return self._relation()
        return (connection or duckdb.connect()).from_arrow(self)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the rows as an Arrow C stream: any Arrow library takes an answer as it is."""
        with self._refusing():
            return self._relation().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        columns = ", ".join(f"{column.name} {column.type}" for column in self.columns)
        return f"<Answer {self._asked.where}: {columns}>"

    def _repr_html_(self) -> str:
        from pinlake.query.format import html_table

        head = list(islice(self.iterate(), PREVIEW + 1))
        more = f"<p>The first {PREVIEW} rows.</p>" if len(head) > PREVIEW else ""
        return html_table(self.columns, head[:PREVIEW]) + more

    def _relation(self) -> duckdb.DuckDBPyRelation:
        """Return the rows yet to be computed; the first reader takes those that are planned."""
        with contextlib.suppress(IndexError):
            return self._unread.pop()
        with self._refusing():
            return self._connect().sql(self._asked.text)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            raise self._refused(error) from error

    def _refused(self, error: duckdb.Error) -> SqlRefused:
        """Return why the engine refuses."""
        message = _message(error)
        return _refusal(self._asked, message, message)


def check_twins(asked: Asked, names: Iterable[str]) -> None:
    """Raise SqlRefused where two columns have one name, as SQL reads names."""
    for name, count in Counter(map(str.casefold, names)).items():
        if count > 1:
            reason = f"{count} columns are called {name!r}: rename with AS"
            raise _refusal(asked, reason, f'"{name}"')


def _refusal(asked: Asked, reason: object, message: str) -> SqlRefused:
    return SqlRefused(where=asked.where, line=line_of(asked.sql, message), reason=reason)


def _message(error: duckdb.Error) -> str:
    """Return the engine's own first lines, without the full stop that ours adds."""
    return str(error).strip().rstrip(".!")
