"""Objects into rows where Spark's workers are: each decodes whole ones as the embedded engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import duckdb
from duckdb import DuckDBPyConnection

from pinlake.engine import inputs, records, schema
from pinlake.engine.quarantine import Rejected
from pinlake.engine.records import Decoded
from pinlake.engine.values import Values, joined
from pinlake.lake.store import Lake
from pinlake.table import Table

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql.types import StructType

REASON, BYTES = "_reason", "_bytes"
"""Columns beside a row's own: NULL of a row, and of what is no row all that tells of it."""
ROWS_A_BATCH = 10_000

Decode = Callable[[Iterable["pa.RecordBatch"]], Iterator["pa.RecordBatch"]]


def raw_schema(connection: DuckDBPyConnection, table: Table) -> Any:
    """Return the Delta schema of a table's raw rows."""
    return schema.of(records.rows(connection, table, Values([], [])))


def spark_schema(delta: Any, *more: tuple[str, str]) -> StructType:
    """Return a Delta schema as Spark's, with more columns of (name, type)."""
    from pyspark.sql.types import StructType

    found = StructType.fromJson(json.loads(delta.to_json()))
    for name, kind in more:
        found = found.add(name, kind)
    return found


def decoder(lake_url: str, table: Table) -> Decode:
    """Return what turns batches of object keys into batches of raw rows and of what is no row.

    It is sent to the workers, so it holds plain values alone.
    """

    def decode(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        lake = Lake(lake_url)
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for batch in batches:
                for key in batch.column(0).to_pylist():
                    yield from _rows_of(connection, lake, table, key)

    return decode


def rejected_of(found: Iterable[Any]) -> tuple[Rejected, ...]:
    """Return what is no row among the workers' rows (Row or dict)."""
    from pinlake.engine.decode import Reject
    from pinlake.engine.values import Source

    return tuple(
        Rejected(
            Source(each["_topic"], each["_partition"]),
            each["_offset"],
            Reject(each["_element"], each[REASON], bytes(each[BYTES])),
        )
        for each in found
    )


def _rows_of(
    connection: DuckDBPyConnection, lake: Lake, table: Table, key: str
) -> Iterator[pa.RecordBatch]:
    values = joined(list(inputs.read_objects(lake, [key])))
    decoded = _decoded(connection, table, values)
    rows = records.rows(connection, table, decoded.values)
    kind = None
    for batch in rows.to_arrow_reader(ROWS_A_BATCH):
        kind = batch.schema
        yield _with_nulls(batch)
    if decoded.rejected:
        yield _refused(kind or rows.to_arrow_table().schema, decoded.rejected)


def _decoded(connection: DuckDBPyConnection, table: Table, values: Values) -> Decoded:
    return records.decode(connection, table, values, records.of_line)


def _with_nulls(batch: pa.RecordBatch) -> pa.RecordBatch:
    import pyarrow as pa

    return batch.append_column(REASON, pa.nulls(len(batch), pa.string())).append_column(
        BYTES, pa.nulls(len(batch), pa.binary())
    )


def _refused(kind: pa.Schema, rejected: Sequence[Rejected]) -> pa.RecordBatch:
    """Return what is no row as rows of which only the place, the reason and the bytes are there."""
    import pyarrow as pa

    known: dict[str, list[Any]] = {
        "_topic": [each.source.topic for each in rejected],
        "_partition": [each.source.partition for each in rejected],
        "_offset": [each.position for each in rejected],
        "_element": [each.reject.element for each in rejected],
    }
    columns = [
        pa.array(known[field.name], field.type)
        if field.name in known
        else pa.nulls(len(rejected), field.type)
        for field in kind
    ]
    columns.append(pa.array([each.reject.reason for each in rejected], pa.string()))
    columns.append(pa.array([each.reject.content for each in rejected], pa.binary()))
    return pa.RecordBatch.from_arrays(columns, names=[*kind.names, REASON, BYTES])
