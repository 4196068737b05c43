"""The rows of a table's tail, and which of them are the first of their key."""

from __future__ import annotations

import contextlib
import itertools
import weakref

import duckdb
from duckdb import DuckDBPyConnection

from pinlake.engine.cleaning import Cleaning
from pinlake.engine.keys import Extent
from pinlake.engine.statements import statements

_numbers = itertools.count(1)


class TailRows:
    """The rows beyond a base, as a DuckDB table that is there as long as this is.

    ``_chunk`` tells the looks apart: rows of later ones are no part of an earlier answer.
    """

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self.name, self.chunk, self.count = f"memory.main._tail_{next(_numbers)}", 0, 0
        weakref.finalize(self, _drop, connection.cursor(), self.name)

    def add(self, connection: DuckDBPyConnection, rows: str) -> None:
        """Add a SELECT's rows as the next chunk."""
        query = self._sql("add" if self.chunk else "make", self.chunk + 1, rows=rows)
        ((count,),) = connection.execute(query).fetchall()
        self.chunk, self.count = self.chunk + 1, self.count + count

    def upto_now(self) -> str:
        """Return a SELECT of the rows that are there now, also when there are more."""
        return self._sql("upto", self.chunk)

    def _sql(self, statement: str, chunk: int, **names: str) -> str:
        return statements("tail.sql")[statement].format(tail=self.name, chunk=chunk, **names)


class Firsts(Cleaning):
    """A table's cleaning, batch after batch of its tail: of a key the first row of all stays."""

    @property
    def version(self) -> int:
        """The version of the table whose keys are known."""
        return self.index.version

    def begin(self) -> int:
        """Know the keys of the newest version, and of no later one; return which it is."""
        self.index.frozen, self._asked = False, self._cleaned
        self.index.held(self._sql("no_keys"), Extent(0, None, None))
        self.index.frozen = True
        return self.version

    def of(self, batch: str, before: TailRows) -> str:
        """Return a SELECT of a batch's rows whose key neither the table nor the tail has."""
        _, firsts = self._look(self.connection.table(batch), small=True)
        if before.chunk:
            firsts += self._sql("nor_tail", tail=before.name)
        return self._rows(f"({firsts})")


def _drop(connection: DuckDBPyConnection, table: str) -> None:
    with contextlib.suppress(duckdb.Error):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    connection.close()
