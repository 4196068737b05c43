"""Steps on Spark: workers decode objects, Spark cleans by the data set's SQL and commits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec
from deltalake import Schema
from duckdb import DuckDBPyConnection

from pinlake.engine import inputs, quarantine, records, routing, schema
from pinlake.engine.base import LogRanges, Objects, Outcome, Step, Taken, Versions
from pinlake.engine.cleaning import PROVENANCE
from pinlake.engine.decode import Reject
from pinlake.engine.inputs import TOPIC
from pinlake.engine.quarantine import Rejected
from pinlake.engine.records import Decoded
from pinlake.engine.running import StepEngine, counts, planned
from pinlake.engine.spark import cleaning
from pinlake.engine.spark import objects as workers
from pinlake.engine.spark.kafka import KafkaSource
from pinlake.engine.spark.session import Opened
from pinlake.engine.values import Source, joined
from pinlake.lake import delegated, evolution, tables
from pinlake.lake.store import Lake
from pinlake.log.base import LogReader
from pinlake.table import UNROUTED

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

OBJECTS_A_TASK = 4
KEYLESS = """SELECT _topic, _partition, _offset, _element, CAST(to_json(batch) AS VARCHAR)
FROM batch"""
"""The rows of the view ``batch`` as the quarantine holds them."""


class SparkEngine(StepEngine):
    """Runs steps in a Spark session. Not for several threads.

    Load decodes where the workers are, which need pinlake and reach the lake; so does stream
    what Spark's own connector reads of Kafka. What else comes of a log, or of a source, is
    read here, by the driver, and handed to Spark as Arrow.
    Transactions (``txnAppId``, ``txnVersion``) are the same as the embedded engine's, so
    that either goes on where the other stopped.
    """

    def __init__(
        self, lake: Lake, log: LogReader | None, functions_sql: str, session: Opened
    ) -> None:
        super().__init__(lake, functions_sql)
        self.log, self._session, self.spark = log, session, session.spark
        self._kafka = KafkaSource(session.spark, log)
        self._duckdb: DuckDBPyConnection | None = None
        self._defined = False

    def close(self) -> None:
        """Stop the session, if it is ours. Idempotent."""
        if self._duckdb is not None:
            self._duckdb.close()
            self._duckdb = None
        self._session.close()

    @property
    def connection(self) -> DuckDBPyConnection:
        """The driver's own DuckDB, for what is small or read by the driver."""
        if self._duckdb is None:
            self._duckdb = duckdb.connect(":memory:")
            self._duckdb.execute("SET TimeZone = 'UTC'")
        return self._duckdb

    def _load(self, step: Step, given: Objects) -> Outcome:
        kind = workers.raw_schema(self.connection, step.table)
        tasks = max(1, len(given.keys) // OBJECTS_A_TASK)
        keys = self.spark.createDataFrame([(key,) for key in given.keys], "key string")
        keys = keys.repartition(tasks)
        # What is no row goes first: to decode twice costs less than to keep what was decoded.
        refused = keys.mapInArrow(
            workers.refuser(self.lake.url, step.table), workers.REFUSED
        ).collect()
        rows = keys.mapInArrow(
            workers.decoder(self.lake.url, step.table), workers.spark_schema(kind)
        )
        return self._append(step, kind, rows, *workers.told(refused))

    def _take(self, step: Step, given: Taken) -> Outcome:
        decoded = records.decode(self.connection, step.table, joined(given.parts), records.as_read)
        rejected = given.rejected + tuple(
            quarantine.as_sent(each, given.as_sent(each.source, each.position))
            for each in decoded.rejected
        )
        return self._append_read(step, decoded, rejected)

    def _clean(self, step: Step, given: Versions) -> Outcome:
        head = planned(step, given, tables.head(self.lake, given.table))
        declared = workers.raw_schema(self.connection, step.table)
        evolution.check_readable(given.table, head.schema, declared)
        files = tables.added(self.lake, given.table, given.after, given.upto)
        kind = workers.spark_schema(declared)
        batch = self.spark.read.schema(kind).parquet(*files) if files else self._empty(kind)
        return self._cleaned(step, batch, ())

    def _stream(self, step: Step, given: LogRanges) -> Outcome:
        assert self.log is not None, "a step of stage stream needs a log"
        by_workers = self._kafka.of(step.table, given.ranges)
        others = [each for each in given.ranges if each not in by_workers]
        fetched = list(inputs.read_log(self.log, others))
        if step.table.name == UNROUTED:
            rejected = routing.unrouted(self.connection, fetched)
            version = self._quarantine(step, rejected)
            return Outcome(step.number, 0, 0, len(rejected), version)
        taken = joined(routing.taken(self.connection, fetched))
        decoded = records.decode(self.connection, step.table, taken, records.as_read)
        if step.table.generic:
            self.connection.register("keys", inputs.Keys([each.keys for each in fetched]))
            return self._append_read(step, decoded, decoded.rejected, of_stream=True)
        batch = self._frame(records.rows(self.connection, step.table, decoded.values))
        if not by_workers:
            return self._cleaned(step, batch, decoded.rejected)
        with self._kafka.read(self.connection, step.table, by_workers) as found:
            batch = batch.unionByName(found.rows) if others else found.rows
            return self._cleaned(step, batch, decoded.rejected + found.rejected)

    def _append_read(
        self,
        step: Step,
        decoded: Decoded,
        rejected: tuple[Rejected, ...],
        *,
        of_stream: bool = False,
    ) -> Outcome:
        rows = records.rows(self.connection, step.table, decoded.values, of_stream=of_stream)
        kind = schema.of(rows)
        return self._append(step, kind, self._frame(rows), len(decoded.values), rejected)

    def _append(
        self,
        step: Step,
        kind: Schema,
        rows: DataFrame,
        count: int,
        rejected: tuple[Rejected, ...],
    ) -> Outcome:
        """Commit a batch's rows as they are decoded."""
        evolution.follow(self.lake, step.output, kind, self.connection)
        self._quarantine(step, rejected)
        return self._commit(step, kind, rows, Outcome(step.number, count, 0, len(rejected), None))

    def _cleaned(self, step: Step, batch: DataFrame, rejected: tuple[Rejected, ...]) -> Outcome:
        """Commit what a batch's cleaning gives, one row a key."""
        self._define()
        found, key = cleaning.cleaned(self.spark, step.table, batch), step.table.key
        kind = cleaning.delta_schema(found.drop(*PROVENANCE), key)
        evolution.follow(self.lake, step.output, kind, self.connection)
        rows, keyed = cleaning.counted(found, key)
        if keyed < rows:
            rejected += self._keyless(step, batch, found)
        self._quarantine(step, rejected)
        with _held(cleaning.firsts(found, self._table(step.output), key)) as places:
            taken = places.count()
            outcome = Outcome(step.number, taken, keyed - taken, len(rejected), None)
            new = cleaning.at(found, places).drop(*PROVENANCE)
            return self._commit(step, kind, new, outcome)

    def _keyless(self, step: Step, batch: DataFrame, cleaned: DataFrame) -> tuple[Rejected, ...]:
        """Return the rows that cleaning leaves without a key, as the embedded engine does."""
        places = cleaned.where(f"{cleaning.quoted(step.table.key)} IS NULL").select(*PROVENANCE)
        self.connection.from_arrow(cleaning.at(batch, places).toArrow()).create_view(
            "batch", replace=True
        )
        found = self.connection.execute(KEYLESS).fetchall()
        reason = f"key {step.table.key} is null"
        return tuple(
            Rejected(
                Source(topic.removeprefix(TOPIC), partition),
                offset,
                Reject(element, reason, row.encode()),
            )
            for topic, partition, offset, element, row in found
        )

    def _commit(self, step: Step, kind: Schema, rows: DataFrame, outcome: Outcome) -> Outcome:
        """Append rows by Spark's writer, durably, with the step's transaction."""
        if not outcome.rows:
            done = tables.commit(
                self.lake,
                step.output,
                kind,
                None,
                app_id=step.app_id,
                number=step.number,
                counts=counts(outcome),
            )
            return msgspec.structs.replace(
                outcome, version=done.version, found_done=done.found_done
            )
        delegated.prepare(self.lake, step.output, kind)
        rows.write.format("delta").mode("append").option("txnAppId", step.app_id).option(
            "txnVersion", step.number
        ).option("userMetadata", json.dumps(counts(outcome))).save(self.lake.table_url(step.output))
        version = delegated.settle(self.lake, step.output, step.app_id, step.number)
        return msgspec.structs.replace(outcome, version=version)

    def _table(self, table: str) -> DataFrame | None:
        """Return a table as it stands, or None where there is none."""
        if tables.head(self.lake, table) is None:
            return None
        return self.spark.read.format("delta").load(self.lake.table_url(table))

    def _define(self) -> None:
        if not self._defined:
            cleaning.define(self.spark, self.functions_sql)
            self._defined = True

    def _frame(self, rows: duckdb.DuckDBPyRelation) -> DataFrame:
        """Hand the driver's rows to Spark."""
        kind = workers.spark_schema(schema.of(rows))
        return self.spark.createDataFrame(rows.to_arrow_table(), kind)

    def _empty(self, kind: Any) -> DataFrame:
        return self.spark.createDataFrame([], kind)


@contextmanager
def _held(frame: DataFrame) -> Iterator[DataFrame]:
    """Keep what was computed, for it is asked for more than once."""
    frame.persist()
    try:
        yield frame
    finally:
        frame.unpersist()
