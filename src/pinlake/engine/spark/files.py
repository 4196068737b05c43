"""A table's Parquet files, read and written where Spark's workers are, by the lake's own code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

import duckdb
from deltalake import Schema
from duckdb import DuckDBPyConnection

from pinlake.engine import records, schema
from pinlake.engine.values import Values
from pinlake.lake import delegated, tables
from pinlake.lake.store import Lake
from pinlake.lake.tables import Snapshot, Written
from pinlake.table import Table

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

ADDS = "add binary"
ROWS_A_BATCH = 10_000

Batches = Iterable["pa.RecordBatch"]
Work = Callable[[Batches], Iterator["pa.RecordBatch"]]
"""What a worker does with a task's rows; it is sent there, and its lake finds credentials there."""


def raw_schema(connection: DuckDBPyConnection, table: Table) -> Schema:
    """Return the Delta schema of a table's raw rows."""
    return schema.of(records.rows(connection, table, Values([], [])))


def spark_schema(delta: Schema) -> StructType:
    """Return a Delta schema as Spark's."""
    from pyspark.sql.types import StructType

    return StructType.fromJson(json.loads(delta.to_json()))


def reader(lake: Lake, kind: Schema) -> Work:
    """Return what turns batches of the keys of Parquet files into their rows, as a schema's."""
    wanted = kind.to_json()

    def read(batches: Batches) -> Iterator[pa.RecordBatch]:
        with connected() as connection:
            for key in (key for batch in batches for key in batch.column(0).to_pylist()):
                one = (str(lake.path(key)),)
                rows = tables.read(connection, Snapshot("", 0, Schema.from_json(wanted), one, lake))
                yield from rows.to_arrow_reader(ROWS_A_BATCH)

    return read


def writer(lake: Lake, table: str, kind: Schema) -> Work:
    """Return what turns batches of rows into files of a table, and tells their actions."""
    wanted = kind.to_json()

    def write(batches: Batches) -> Iterator[pa.RecordBatch]:
        coming = iter(batches)
        if first := next(coming, None):
            rows = stream(first.schema, chain([first], coming))
            written = delegated.write(lake, table, Schema.from_json(wanted), rows)
            yield lines_of(ADDS, [{"add": each} for each in written.adds])

    return write


def written(rows: DataFrame, lake: Lake, table: str, kind: Schema) -> Written:
    """Have the workers write rows into a table's folder, durably, and return the files."""
    return named(rows.mapInArrow(writer(lake, table, kind), ADDS).collect())


def named(told: Iterable[Any]) -> Written:
    """Return the files that the workers told of."""
    return Written(tuple(bytes(each["add"]) for each in told if each["add"] is not None))


def stream(kind: pa.Schema, batches: Batches) -> pa.RecordBatchReader:
    """Return batches as a stream that they are pulled through."""
    import pyarrow as pa

    return pa.RecordBatchReader.from_batches(kind, batches)


def lines_of(columns: str, lines: list[dict[str, Any]]) -> pa.RecordBatch:
    """Return lines as a batch of columns in Spark's words: what is missing in a line is NULL."""
    import pyarrow as pa

    kinds = {
        "string": pa.string(), "int": pa.int32(), "bigint": pa.int64(), "binary": pa.binary()
    }  # fmt: skip
    fields = [column.split() for column in columns.split(",")]
    kind = pa.schema([(name, kinds[word]) for name, word in fields])
    return pa.RecordBatch.from_pylist(lines, kind)


@contextmanager
def connected() -> Iterator[DuckDBPyConnection]:
    """Open a DuckDB for a task, which is one of several on its machine."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
