"""A table's cleaning on a connection: its SQL, its first row of each key, what has no key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from pinlake.dataset import Table
from pinlake.engine import schema
from pinlake.engine.decode import Reject
from pinlake.engine.inputs import TOPIC
from pinlake.engine.keys import KeyIndex
from pinlake.engine.plain import DUCKDB
from pinlake.engine.quarantine import Rejected
from pinlake.engine.statements import literal, name, statements
from pinlake.engine.values import Source
from pinlake.lake.store import Lake

PROVENANCE = ("_topic", "_partition", "_offset", "_element")


class Cleaning:
    """Cleans batches for one output table, whose keys it knows.

    A batch is a DuckDB relation of the table's columns and PROVENANCE, which is
    scanned more than once. Keys that do not fit into memory go to ``spill``.
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
        self.keyed = 0
        self._place = ""

    def take(self, batch: DuckDBPyRelation) -> tuple[Rejected, ...]:
        """Make a batch the one that is cleaned, and return its rows without a key."""
        batch.create_view(self.table.name, replace=True)
        ((rows, self.keyed),) = self.connection.execute(self._sql("extent")).fetchall()
        self._place = self._sql("place", sources=self._sources())
        self.connection.execute(self._sql("places", place=self._place))
        self.connection.execute(self._sql("firsts", held=self.index.held("_places")))
        return self._keyless() if self.keyed < rows else ()

    def count(self) -> int:
        """Return how many of the batch's rows the table takes."""
        return int(self.connection.execute("SELECT count(*) FROM _firsts").fetchall()[0][0])

    def rows(self) -> DuckDBPyRelation:
        """Return the rows that the table takes, of exactly its columns."""
        return self.connection.sql(self._sql("rows", columns=self._columns, place=self._place))

    def committed(self, version: int) -> None:
        """Know the batch's keys as the table's own, since it was committed as this version."""
        self.index.add("_firsts", version)

    def close(self) -> None:
        """Give back what the key index has on disk. Idempotent."""
        self.index.close()

    def _empty_batch(self) -> DuckDBPyRelation:
        columns = [(column.name, DUCKDB[column.type]) for column in self.table.columns]
        columns += zip(PROVENANCE, ("VARCHAR", "INTEGER", "BIGINT", "INTEGER"), strict=True)
        wanted = ", ".join(f"CAST(NULL AS {kind}) AS {name(column)}" for column, kind in columns)
        return self.connection.sql(f"SELECT {wanted} LIMIT 0")

    def _sources(self) -> str:
        """Return the batch's topics or streams with their partitions as a list in SQL."""
        found = self.connection.execute(self._sql("sources")).fetchall()
        pairs = [f"{{'t': {literal(topic)}, 'p': {partition}}}" for topic, partition in found]
        return f"[{', '.join(pairs or ['NULL'])}]"

    def _keyless(self) -> tuple[Rejected, ...]:
        reason = f"key {self.table.key} is null"
        query = self._sql("keyless")
        return tuple(
            Rejected(
                Source(topic.removeprefix(TOPIC), partition),
                offset,
                Reject(element, reason, row.encode()),
            )
            for topic, partition, offset, element, row in self.connection.execute(query).fetchall()
        )

    def _sql(self, statement: str, **names: Any) -> str:
        return statements("clean.sql")[statement].format(
            cleaned=self._cleaned, key=name(self.table.key), table=name(self.table.name), **names
        )
