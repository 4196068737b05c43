"""A table's cleaning on a connection: its SQL, its first row of each key, what has no key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from pinlake.dataset import Table
from pinlake.engine import schema
from pinlake.engine.decode import Reject
from pinlake.engine.keys import Extent, KeyIndex
from pinlake.engine.plain import DUCKDB
from pinlake.engine.quarantine import Rejected
from pinlake.engine.statements import literal, name, statements
from pinlake.engine.values import Source
from pinlake.lake.store import Lake
from pinlake.record import named

FIRSTS = "_firsts"
"""The table of a batch's keys that its table takes, each with the place of its first row."""
PROVENANCE = ("_topic", "_partition", "_offset", "_element")


class Cleaning:
    """Cleans batches for one output table, whose keys it knows.

    A batch is a DuckDB relation of the table's columns and PROVENANCE, which is
    scanned more than once. Keys that do not fit into memory go to ``spill``. ``keyed``
    and ``taken`` tell of the batch how many rows have a key, and how many the table takes.
    """

    def __init__(
        self, connection: DuckDBPyConnection, lake: Lake, table: Table, output: str, spill: Path
    ) -> None:
        from pinlake.engine import dialect

        self.connection, self.table = connection, table
        where = str(table.clean_path) or table.name
        self._cleaned = dialect.with_provenance(table.clean_sql, PROVENANCE, "duckdb", where)
        batch = self._empty_batch()
        batch.create_view(table.name, replace=True)
        plain = connection.sql(dialect.to_duckdb(table.clean_sql, where))
        self.batch_schema, self.schema = schema.of(batch), schema.of(plain, table.key)
        self._columns = ", ".join(f"cleaned.{name(column)}" for column in plain.columns)
        kind = str(plain.dtypes[plain.columns.index(table.key)])
        self.index = KeyIndex(connection, lake, output, table.key, kind=kind, folder=spill)
        self.keyed = self.taken = 0
        self._place, self._asked = "", self._cleaned

    def take(self, batch: DuckDBPyRelation, *, small: bool = False) -> tuple[Rejected, ...]:
        """Make a batch the one that is cleaned, and return its rows without a key.

        ``small``: its cleaned rows are kept in memory, for a few thousand are sooner cleaned
        than the SQL that cleans them is planned, which is asked for three times. Of more, the
        keys alone are asked for twice, and to keep the rows costs 1 us each.
        """
        rows, firsts = self._look(batch, small=small)
        ((self.taken,),) = self._run("keep", kept=FIRSTS, rows=firsts)
        return self._keyless() if self.keyed < rows else ()

    def rows(self) -> DuckDBPyRelation:
        """Return the rows that the table takes, of exactly its columns."""
        return self.connection.sql(self._rows(FIRSTS))

    def committed(self, version: int) -> None:
        """Know the batch's keys as the table's own, since it was committed as this version."""
        self.index.add(FIRSTS, version)

    def close(self) -> None:
        """Give back what the key index has on disk. Idempotent."""
        self.index.close()

    def _empty_batch(self) -> DuckDBPyRelation:
        columns = [(column.name, DUCKDB[column.type]) for column in self.table.columns]
        columns += zip(PROVENANCE, ("VARCHAR", "INTEGER", "BIGINT", "INTEGER"), strict=True)
        wanted = ", ".join(f"CAST(NULL AS {kind}) AS {name(column)}" for column, kind in columns)
        return self.connection.sql(f"SELECT {wanted} LIMIT 0")

    def _look(self, batch: DuckDBPyRelation, *, small: bool) -> tuple[int, str]:
        """Return how many rows cleaning makes of a batch, and a SELECT of its new keys' places."""
        batch.create_view(self.table.name, replace=True)
        self._asked = self._cleaned
        if small:
            self._asked = self._kept("_cleaned", self._cleaned)
        ((rows, self.keyed, low, high, sources),) = self._run("extent")
        self._place = self._sql("place", sources=_listed(sources or []))
        places = self._sql("places", place=self._place)
        if not small:
            places = self._kept("_places", places)
        held = self.index.held(f"({places})", Extent(self.keyed, low, high))
        return rows, self._sql("firsts", places=places, held=held)

    def _kept(self, kept: str, rows: str) -> str:
        self._run("keep", kept=kept, rows=rows)
        return f"FROM {kept}"

    def _rows(self, firsts: str) -> str:
        return self._sql("rows", columns=self._columns, firsts=firsts, place=self._place)

    def _keyless(self) -> tuple[Rejected, ...]:
        reason = f"key {self.table.key} is null"
        return tuple(
            Rejected(
                Source(named(topic).name, partition),
                offset,
                Reject(element, reason, row.encode()),
            )
            for topic, partition, offset, element, row in self._run("keyless")
        )

    def _run(self, statement: str, **names: Any) -> list[Any]:
        return self.connection.execute(self._sql(statement, **names)).fetchall()

    def _sql(self, statement: str, **names: Any) -> str:
        return statements("clean.sql")[statement].format(
            cleaned=self._asked, key=name(self.table.key), table=name(self.table.name), **names
        )


def _listed(sources: Iterable[Mapping[str, Any]]) -> str:
    """Return topics or streams with their partitions as a list in SQL."""
    pairs = [f"{{'t': {literal(each['t'])}, 'p': {each['p']}}}" for each in sources]
    return f"[{', '.join(pairs or ['NULL'])}]"
