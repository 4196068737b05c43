"""Kafka's records into rows where Spark's workers are, and what is no row beside them."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import TYPE_CHECKING

from duckdb import DuckDBPyConnection

from pinlake.engine import records
from pinlake.engine.quarantine import Rejected
from pinlake.engine.spark.decoded import REFUSED, decoded, line_of
from pinlake.engine.spark.files import ROWS_A_BATCH, Batches, Work, arrow_schema, connected
from pinlake.engine.values import Part, Source, Values, joined
from pinlake.record import TOPIC_MARK
from pinlake.table import Table

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql.types import StructType

Place = tuple[str, int]
"""A topic or stream, and the number of a partition."""

REJECTED = "_rejected"
"""The column that tells what is no row; where it is, the row's own columns are NULL."""


def schema(rows: StructType) -> StructType:
    """Return the schema of rows with the column REJECTED, each column nullable."""
    from pyspark.sql import types
    from pyspark.sql.pandas.types import from_arrow_schema

    told = from_arrow_schema(arrow_schema(REFUSED))
    fields = [types.StructField(each.name, each.dataType) for each in rows.fields]
    return types.StructType([*fields, types.StructField(REJECTED, told)])


def decoder(table: Table) -> Work:
    """Return what turns batches of Kafka's records into rows, and into what is no row.

    It is sent to the workers, so it holds plain values alone.
    """

    def decode(batches: Batches) -> Iterator[pa.RecordBatch]:
        with connected() as connection:
            for batch in batches:
                if batch.num_rows:
                    found = [part_of(*each, TOPIC_MARK) for each in by_partition(batch)]
                    yield from with_refused(connection, table, joined(found))

    return decode


def with_refused(
    connection: DuckDBPyConnection, table: Table, values: Values
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of values, then what is no row, with the column REJECTED."""
    rows, found = decoded(connection, table, values, records.as_read)
    yield from _with_rejected(rows, ()).to_batches(ROWS_A_BATCH)
    if found.rejected:
        yield from _with_rejected(rows.slice(0, 0), found.rejected).to_batches()


def _with_rejected(rows: pa.Table, rejected: tuple[Rejected, ...]) -> pa.Table:
    """Return rows with the column REJECTED; where something is rejected, that alone."""
    import pyarrow as pa

    kind = pa.struct(list(arrow_schema(REFUSED)))
    if not rejected:
        return rows.append_column(REJECTED, pa.nulls(len(rows), kind))
    columns = [pa.nulls(len(rejected), field.type) for field in rows.schema]
    columns.append(pa.array([line_of(each) for each in rejected], kind))
    return pa.table(columns, names=[*rows.column_names, REJECTED])


def by_partition(batch: pa.RecordBatch) -> Iterator[tuple[Place, pa.RecordBatch]]:
    """Yield a batch's partitions of topics or streams in order, each with its records."""
    import pyarrow.compute as pc

    places = list(zip(*(batch.column(name).to_pylist() for name in ("topic", "partition"))))  # noqa: B905
    found = sorted(set(places))
    for place in found:
        ours = pc.and_(
            pc.equal(batch.column("topic"), place[0]), pc.equal(batch.column("partition"), place[1])
        )
        yield place, batch if len(found) == 1 else batch.filter(ours)


def part_of(place: Place, batch: pa.RecordBatch, mark: str) -> Part:
    """Return the values of one partition; Kafka's null record is JSON's null."""
    values = [b"null" if each is None else each for each in batch.column("value").to_pylist()]
    return Part(
        Source(*place, mark=mark),
        array("q", batch.column("offset").to_pylist()),
        array("i", map(len, values)),
        b"".join(values),
    )
