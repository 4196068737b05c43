"""Kafka's records into rows where Spark's workers are, and what is no row beside them."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb
from duckdb import DuckDBPyConnection

from pinlake.engine import records
from pinlake.engine.decode import Reject
from pinlake.engine.inputs import TOPIC
from pinlake.engine.quarantine import Rejected
from pinlake.engine.values import Part, Source, Values, joined
from pinlake.table import Table

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql.types import StructType

REJECTED = "_rejected"
"""The column that tells what is no row; where it is, the row's own columns are NULL."""
REFUSED = {
    "topic": "string",
    "partition": "int",
    "position": "bigint",
    "element": "int",
    "reason": "string",
    "bytes": "binary",
}
"""The fields of REJECTED."""
ROWS_A_BATCH = 10_000

Decode = Callable[[Iterable["pa.RecordBatch"]], Iterator["pa.RecordBatch"]]


def schema(rows: StructType) -> StructType:
    """Return the schema of rows with the column REJECTED, each column nullable."""
    from pyspark.sql import types

    kinds = {
        "string": types.StringType(),
        "int": types.IntegerType(),
        "bigint": types.LongType(),
        "binary": types.BinaryType(),
    }
    told = types.StructType([types.StructField(name, kinds[k]) for name, k in REFUSED.items()])
    fields = [types.StructField(each.name, each.dataType) for each in rows.fields]
    return types.StructType([*fields, types.StructField(REJECTED, told)])


def rejected_of(lines: Iterable[Any]) -> tuple[Rejected, ...]:
    """Return what the workers told of what is no row, in order."""
    told = sorted(tuple(each[name] for name in REFUSED) for each in lines)
    return tuple(
        Rejected(Source(topic, partition), position, Reject(element, reason, bytes(content)))
        for topic, partition, position, element, reason, content in told
    )


def decoder(table: Table) -> Decode:
    """Return what turns batches of Kafka's records into rows, and into what is no row.

    It is sent to the workers, so it holds plain values alone.
    """

    def decode(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with _connected() as connection:
            for batch in batches:
                if batch.num_rows:
                    yield from _decoded(connection, table, joined(_parts(batch)))

    return decode


@contextmanager
def _connected() -> Iterator[DuckDBPyConnection]:
    """Open a DuckDB for a task, which is one of several on its machine."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def _decoded(
    connection: DuckDBPyConnection, table: Table, values: Values
) -> Iterator[pa.RecordBatch]:
    rows, rejected = _rows(connection, table, values)
    yield from _with_rejected(rows, ()).to_batches(ROWS_A_BATCH)
    if rejected:
        yield from _with_rejected(rows.slice(0, 0), rejected).to_batches()


def _rows(
    connection: DuckDBPyConnection, table: Table, values: Values
) -> tuple[pa.Table, tuple[Rejected, ...]]:
    """Return the rows of values, most of which are all plain, which one query finds out."""
    try:
        return records.rows(connection, table, values, checked=True).to_arrow_table(), ()
    except (duckdb.Error, UnicodeDecodeError) as failure:
        if not records.is_odd(failure):
            raise
    decoded = records.decode(connection, table, values, records.as_read)
    return records.rows(connection, table, decoded.values).to_arrow_table(), decoded.rejected


def _with_rejected(rows: pa.Table, rejected: tuple[Rejected, ...]) -> pa.Table:
    """Return rows with the column REJECTED; where something is rejected, that alone."""
    import pyarrow as pa

    kinds = {"string": pa.string(), "int": pa.int32(), "bigint": pa.int64(), "binary": pa.binary()}
    kind = pa.struct([(name, kinds[word]) for name, word in REFUSED.items()])
    if not rejected:
        return rows.append_column(REJECTED, pa.nulls(len(rows), kind))
    columns = [pa.nulls(len(rejected), field.type) for field in rows.schema]
    columns.append(pa.array([_line(each) for each in rejected], kind))
    return pa.table(columns, names=[*rows.column_names, REJECTED])


def _line(each: Rejected) -> dict[str, Any]:
    reject = each.reject
    place = (each.source.topic, each.source.partition, each.position, reject.element)
    return dict(zip(REFUSED, (*place, reject.reason, reject.content), strict=True))


def _parts(batch: pa.RecordBatch) -> list[Part]:
    """Return a batch as parts, one a partition, in order."""
    import pyarrow.compute as pc

    places = list(zip(*(batch.column(name).to_pylist() for name in ("topic", "partition"))))  # noqa: B905
    found = sorted(set(places))
    if len(found) == 1:
        return [_part(found[0], batch)]
    return [
        _part(
            place,
            batch.filter(
                pc.and_(
                    pc.equal(batch.column("topic"), place[0]),
                    pc.equal(batch.column("partition"), place[1]),
                )
            ),
        )
        for place in found
    ]


def _part(place: tuple[str, int], batch: pa.RecordBatch) -> Part:
    values = [b"null" if each is None else each for each in batch.column("value").to_pylist()]
    return Part(
        Source(*place, mark=TOPIC),
        array("q", batch.column("offset").to_pylist()),
        array("i", map(len, values)),
        b"".join(values),
    )
