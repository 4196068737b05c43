"""Objects into rows where Spark's workers are: each decodes whole ones as the embedded engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb
from duckdb import DuckDBPyConnection

from pinlake.engine import inputs, records, schema
from pinlake.engine.decode import Reject
from pinlake.engine.quarantine import Rejected
from pinlake.engine.records import Decoded
from pinlake.engine.values import Source, Values, joined
from pinlake.lake.file import FileLake
from pinlake.table import Table

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql.types import StructType

REFUSED = (
    "topic string, partition int, position bigint, element int, reason string, bytes binary,"
    " rows bigint"
)
"""What tells of what is no row; and a line an object, of which ``rows`` alone is there."""
ROWS_A_BATCH = 10_000

Decode = Callable[[Iterable["pa.RecordBatch"]], Iterator["pa.RecordBatch"]]


def raw_schema(connection: DuckDBPyConnection, table: Table) -> Any:
    """Return the Delta schema of a table's raw rows."""
    return schema.of(records.rows(connection, table, Values([], [])))


def spark_schema(delta: Any) -> StructType:
    """Return a Delta schema as Spark's."""
    from pyspark.sql.types import StructType

    return StructType.fromJson(json.loads(delta.to_json()))


def decoder(lake_url: str, table: Table) -> Decode:
    """Return what turns batches of object keys into batches of their rows.

    It is sent to the workers, so it holds plain values alone.
    """

    def decode(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with _connected() as connection:
            for values in _objects(lake_url, batches):
                yield from _rows(connection, table, values).to_batches(ROWS_A_BATCH)

    return decode


def refuser(lake_url: str, table: Table) -> Decode:
    """Return what turns batches of object keys into what is no row of them, and counts the rows."""

    def refuse(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with _connected() as connection:
            for values in _objects(lake_url, batches):
                yield _told(records.decode(connection, table, values, records.of_line))

    return refuse


def told(found: Iterable[Any]) -> tuple[int, tuple[Rejected, ...]]:
    """Return how many rows the workers counted, and what is no row, in order."""
    lines = list(found)
    rejected = sorted(
        (each for each in lines if each["rows"] is None),
        key=lambda each: (each["topic"], each["partition"], each["position"], each["element"]),
    )
    return sum(each["rows"] or 0 for each in lines), tuple(
        Rejected(
            Source(each["topic"], each["partition"]),
            each["position"],
            Reject(each["element"], each["reason"], bytes(each["bytes"])),
        )
        for each in rejected
    )


@contextmanager
def _connected() -> Iterator[DuckDBPyConnection]:
    """Open a DuckDB for a task, which is one of several on its machine."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def _objects(lake_url: str, batches: Iterable[pa.RecordBatch]) -> Iterator[Values]:
    lake = FileLake(lake_url)
    for batch in batches:
        for key in batch.column(0).to_pylist():
            yield joined(list(inputs.read_objects(lake, [key])))


def _rows(connection: DuckDBPyConnection, table: Table, values: Values) -> pa.Table:
    """Return an object's rows: most objects' records are all plain, which one query finds out."""
    if not table.generic:
        try:
            return records.rows(connection, table, values, checked=True).to_arrow_table()
        except (duckdb.Error, UnicodeDecodeError) as failure:
            if not records.is_odd(failure):
                raise
    decoded = records.decode(connection, table, values, records.of_line)
    return records.rows(connection, table, decoded.values).to_arrow_table()


def _told(decoded: Decoded) -> pa.RecordBatch:
    import pyarrow as pa

    lines = [
        {
            "topic": each.source.topic,
            "partition": each.source.partition,
            "position": each.position,
            "element": each.reject.element,
            "reason": each.reject.reason,
            "bytes": each.reject.content,
            "rows": None,
        }
        for each in decoded.rejected
    ]
    kinds = [pa.string(), pa.int32(), pa.int64(), pa.int32(), pa.string(), pa.binary(), pa.int64()]
    names = [column.split()[0] for column in REFUSED.split(",")]
    schema = pa.schema(list(zip(names, kinds, strict=True)))
    lines.append(dict.fromkeys(names) | {"rows": len(decoded.values)})
    return pa.RecordBatch.from_pylist(lines, schema)
