"""Ranges of Kafka read by Spark's own connector, and decoded where its workers are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from duckdb import DuckDBPyConnection

from pinlake.engine.base import LogRange
from pinlake.engine.quarantine import Rejected
from pinlake.engine.spark import files
from pinlake.engine.spark.decoded import rejected_of
from pinlake.engine.spark.kafka_decode import REJECTED, decoder, schema
from pinlake.engine.spark.kafka_options import CONNECTOR, Options, translated
from pinlake.errors import LogUnreachable, PartitionUnknown, PinlakeError
from pinlake.log.base import LogReader, PartitionState
from pinlake.log.kafka.connection import Connection
from pinlake.log.open import kafka_of
from pinlake.log.reading import check_kept
from pinlake.record import Kind
from pinlake.table import Table
from pinlake.telemetry import logger

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ASKS = "must be specified for Kafka source"
"""What the connector answers where it is there and is told no topic."""
FIXED = {
    "kafka.isolation.level": "read_committed",
    "kafka.allow.auto.create.topics": "false",
    "kafkaConsumer.pollTimeoutMs": "20000",
    "failOnDataLoss": "true",
}
"""The connector's options that what is read depends on: committed records, and all of them."""

Offsets = dict[str, dict[str, int]]
_events = logger("engine")


class Read(NamedTuple):
    """Rows as decoded, kept for as long as they are worked on, and what is no row."""

    rows: DataFrame
    rejected: tuple[Rejected, ...]


class KafkaSource:
    """Reads a cluster's topics by the connector, where that can be. Not for several threads."""

    def __init__(self, log: LogReader | None) -> None:
        self._log = log
        self._connection = kafka_of(log) if log is not None else None
        self._options: Options | None = None

    def of(
        self, spark: SparkSession, table: Table, ranges: Sequence[LogRange]
    ) -> tuple[LogRange, ...]:
        """Return the ranges that the connector reads; the driver reads the others."""
        topics = tuple(each for each in ranges if each.partition.log_name.kind is Kind.TOPIC)
        if table.generic or not topics or self._connection is None:
            return ()
        if self._options is None:
            self._options = translated(self._connection)
            reason = why_not(spark, self._options)
            if reason:
                _events.warning("kafka_read_by_driver", reason=reason)
                self._options = Options({}, (reason,))
        return () if self._options.untranslated else topics

    @contextmanager
    def read(
        self,
        spark: SparkSession,
        connection: DuckDBPyConnection,
        table: Table,
        ranges: Sequence[LogRange],
    ) -> Iterator[Read]:
        """Give the rows of ranges: Kafka is read once, by the workers.

        Raises what reading by the driver does: TopicUnknown, PartitionUnknown,
        RecordsGone, LogUnreachable.
        """
        assert self._log is not None
        assert self._connection is not None
        ids = _identities(self._log, ranges)
        starts, stops = offsets(self._log, ranges)
        kind = schema(files.spark_schema(files.raw_schema(connection, table)))
        if not starts:
            yield Read(spark.createDataFrame([], kind).drop(REJECTED), ())
            return
        decoded = self._records(spark, starts, stops).mapInArrow(decoder(table), kind).persist()
        try:
            with _told(self._log, self._connection, ranges):
                refused = decoded.where(f"{REJECTED} IS NOT NULL").select(f"{REJECTED}.*").collect()
                if _identities(self._log, ranges) != ids:
                    reason = "a topic was made again while it was read"
                    raise LogUnreachable(servers=self._connection.servers, reason=reason)
            _events.info("kafka_read_by_workers", table=table.name, partitions=len(ranges))
            rows = decoded.where(f"{REJECTED} IS NULL").drop(REJECTED)
            yield Read(rows, rejected_of(refused))
        finally:
            decoded.unpersist()

    def _records(self, spark: SparkSession, starts: Offsets, stops: Offsets) -> DataFrame:
        assert self._options is not None
        assigned = {topic: [int(number) for number in each] for topic, each in starts.items()}
        options = {
            **self._options.kafka,
            **FIXED,
            "assign": json.dumps(assigned),
            "startingOffsets": json.dumps(starts),
            "endingOffsets": json.dumps(stops),
        }
        read = spark.read.format("kafka").options(**options).load()
        return read.select("topic", "partition", "offset", "value")


def why_not(spark: SparkSession, options: Options) -> str:
    """Return why Spark's connector cannot read a cluster; empty where it can."""
    if options.untranslated:
        return options.told
    try:
        spark.read.format("kafka").load().schema  # noqa: B018 Connect asks the server only then
    except Exception as error:  # noqa: BLE001 each way of being without it has its own
        if ASKS in str(error):
            return ""
    return f"the session has no {CONNECTOR} (spark.packages)"


def offsets(log: LogReader, ranges: Sequence[LogRange]) -> tuple[Offsets, Offsets]:
    """Return where each partition's reading starts, and before which offset it stops.

    Partitions of which nothing is to be read are left out. Raises TopicUnknown,
    PartitionUnknown, RecordsGone, LogUnreachable.
    """
    starts: Offsets = {}
    stops: Offsets = {}
    for each in ranges:
        state = _state(log, each)
        if each.after is not None and each.after < each.upto:
            check_kept(log, each.partition, each.after)
        start = state.beginning if each.after is None else max(state.beginning, each.after + 1)
        stop = min(state.end, each.upto + 1)
        if start < stop:
            name, number = each.partition.log_name.name, str(each.partition.number)
            starts.setdefault(name, {})[number] = start
            stops.setdefault(name, {})[number] = stop
    return starts, stops


def _state(log: LogReader, given: LogRange) -> PartitionState:
    name, number = given.partition.log_name, given.partition.number
    for each in log.describe(name).partitions:
        if each.number == number:
            return each
    raise PartitionUnknown(kind=name.kind.value, name=name.name, number=number)


def _identities(log: LogReader, ranges: Sequence[LogRange]) -> dict[Any, str]:
    return {name: log.log_id(name) for name in {each.partition.log_name for each in ranges}}


@contextmanager
def _told(log: LogReader, connection: Connection, ranges: Sequence[LogRange]) -> Iterator[None]:
    """Raise what the cluster itself says is wrong where Spark fails to read it."""
    try:
        yield
    except PinlakeError:
        raise
    except Exception as error:  # whatever Spark, Py4J or Connect make of it
        offsets(log, ranges)
        text = str(error)
        if "org.apache.kafka" not in text and "sql.kafka010" not in text:
            raise
        reason = connection.masked(text.strip().split("\n")[0][:300].rstrip("."))
        raise LogUnreachable(servers=connection.servers, reason=reason) from None
