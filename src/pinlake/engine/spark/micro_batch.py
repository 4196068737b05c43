"""A micro-batch of a streaming query: its records in order, decoded where the workers are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

import msgspec
from duckdb import DuckDBPyConnection

from pinlake.dataset import Dataset
from pinlake.engine import routing
from pinlake.engine.base import MicroBatch
from pinlake.engine.inputs import Fetched
from pinlake.engine.quarantine import Rejected
from pinlake.engine.routes import Feed, routes
from pinlake.engine.spark.decoded import REFUSED, line_of, rejected_of
from pinlake.engine.spark.files import Batches, Work, connected, lines_of
from pinlake.engine.spark.kafka_decode import (
    REJECTED,
    by_partition,
    part_of,
    schema,
    with_refused,
)
from pinlake.engine.values import joined
from pinlake.errors import RecordsUnfit, StreamForeign
from pinlake.log.columns import column
from pinlake.record import TOPIC_MARK, Kind
from pinlake.table import Table

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

COLUMNS = {
    Kind.STREAM: ("partitionKey", "data", "stream", "shardId", "sequenceNumber"),
    Kind.TOPIC: ("topic", "partition", "offset", "value"),
}
"""What records are told by: as Kinesis gives them, and as Kafka does."""
PLACE = ["topic", "partition", "offset"]


def kind_of(columns: Sequence[str]) -> Kind:
    """Return what records of these columns are of; raise RecordsUnfit for others."""
    for kind, wanted in COLUMNS.items():
        if set(wanted) <= set(columns):
            return kind
    raise RecordsUnfit(found=", ".join(columns))


class Arrived:
    """The records of a micro-batch, each with its place: topic or stream, partition, offset.

    Of Kinesis the partition is the shard's number and the offset a record's place among the
    batch's records of its shard, by sequence number: the same when the batch is read again.
    """

    def __init__(self, spark: SparkSession, given: MicroBatch) -> None:
        self._spark, self._dataset = spark, given.dataset
        self._kind = kind_of(given.frame.columns)
        self._placed = _placed(given.frame, self._kind)

    def decoded(self, table: Table, rows: StructType) -> DataFrame:
        """Return the rows of the records that are a table's, and what is no row beside them."""
        work = decoder(table, self._dataset, self._kind)
        return self._placed.drop("sequence").mapInArrow(work, schema(rows))

    def unrouted(self, table: Table) -> tuple[Rejected, ...]:
        """Return the records that no table takes of the streams that are shared."""
        work = refuser(table, self._dataset, self._kind)
        return rejected_of(self._placed.drop("sequence").mapInArrow(work, REFUSED).collect())

    def located(self, rejected: tuple[Rejected, ...]) -> tuple[Rejected, ...]:
        """Return what is no row with the positions that a reader of the stream knows."""
        if self._kind is Kind.TOPIC or not rejected:
            return rejected
        from pyspark.sql import functions as f

        places = {(*msgspec.structs.astuple(each.source)[:2], each.position) for each in rejected}
        wanted = self._spark.createDataFrame(
            sorted(places), "topic string, partition int, offset bigint"
        )
        found = self._placed.join(f.broadcast(wanted), PLACE).select(*PLACE, "sequence").collect()
        known = {tuple(row)[:3]: int(row["sequence"]) for row in found}
        return tuple(
            msgspec.structs.replace(
                each, position=known[each.source.topic, each.source.partition, each.position]
            )
            for each in rejected
        )


def parted(decoded: DataFrame) -> tuple[DataFrame, tuple[Rejected, ...]]:
    """Return the rows of what was decoded, and what is no row."""
    refused = decoded.where(f"{REJECTED} IS NOT NULL").select(f"{REJECTED}.*").collect()
    return decoded.where(f"{REJECTED} IS NULL").drop(REJECTED), rejected_of(refused)


def decoder(table: Table, dataset: Dataset, kind: Kind) -> Work:
    """Return what turns batches of records into a table's rows, and into what is no row.

    It is sent to the workers, so it holds plain values alone.
    """

    def decode(batches: Batches) -> Iterator[pa.RecordBatch]:
        with connected() as connection:
            for batch in batches:
                fetched = _fetched(batch, table, dataset, kind)
                taken = joined(routing.taken(connection, fetched))
                yield from with_refused(connection, table, taken)

    return decode


def refuser(table: Table, dataset: Dataset, kind: Kind) -> Work:
    """Return what turns batches of records into those that no table takes."""

    def refuse(batches: Batches) -> Iterator[pa.RecordBatch]:
        with connected() as connection:
            for batch in batches:
                yield _not_taken(connection, _fetched(batch, table, dataset, kind))

    return refuse


def _not_taken(connection: DuckDBPyConnection, fetched: list[Fetched]) -> pa.RecordBatch:
    return lines_of(REFUSED, [line_of(each) for each in routing.unrouted(connection, fetched)])


def _fetched(batch: pa.RecordBatch, table: Table, dataset: Dataset, kind: Kind) -> list[Fetched]:
    """Return a batch's records with what of them is the table's; StreamForeign where nothing is."""
    mark = TOPIC_MARK if kind is Kind.TOPIC else ""
    feed = cache(lambda name: _feed(name, table, dataset, kind))
    return [
        Fetched(
            feed(place[0]).range(place[1], None, 0),
            part_of(place, records, mark),
            column(records.column("key").to_pylist()),
            0,
        )
        for place, records in by_partition(batch)
        if records.num_rows
    ]


def _feed(name: str, table: Table, dataset: Dataset, kind: Kind) -> Feed:
    of_kind = ((name,), ()) if kind is Kind.STREAM else ((), (name,))
    for each in routes(dataset, *of_kind):
        if each.table.name == table.name:
            return each.feeds[0]
    raise StreamForeign(table=table.name, kind=kind.value, name=name)


def _placed(frame: DataFrame, kind: Kind) -> DataFrame:
    from pyspark.sql import functions as f
    from pyspark.sql.window import Window

    if kind is Kind.TOPIC:
        key = f.col("key") if "key" in frame.columns else f.lit(None).cast("binary")
        return frame.select(*PLACE, "value", key.alias("key"), f.lit("").alias("sequence"))
    # Sequence numbers of one length sort as text; a longer one is a later one.
    number = f.col("sequenceNumber")
    ordered = Window.partitionBy("stream", "shardId").orderBy(f.length(number), number)
    return frame.select(
        f.col("stream").alias("topic"),
        f.substring_index("shardId", "-", -1).cast("int").alias("partition"),
        f.row_number().over(ordered).cast("bigint").alias("offset"),
        f.col("data").alias("value"),
        f.col("partitionKey").cast("binary").alias("key"),
        number.alias("sequence"),
    )
