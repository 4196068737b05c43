"""Steps on Spark: workers decode and write, Spark cleans by a data set's SQL, the lake commits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import duckdb
import msgspec
from deltalake import Schema
from duckdb import DuckDBPyConnection

from pinlake.engine import inputs, quarantine, records, routing, schema
from pinlake.engine.base import (
    LogRanges,
    MicroBatch,
    Objects,
    Outcome,
    Step,
    Taken,
    Versions,
)
from pinlake.engine.cleaning import PROVENANCE
from pinlake.engine.decode import Reject
from pinlake.engine.quarantine import Rejected
from pinlake.engine.records import Decoded
from pinlake.engine.running import StepEngine, counts, planned
from pinlake.engine.spark import cleaning, failures, files, micro_batch, objects
from pinlake.engine.spark.catalog import Catalog
from pinlake.engine.spark.cleaning import Wording
from pinlake.engine.spark.kafka import KafkaSource
from pinlake.engine.spark.session import Opened
from pinlake.engine.values import Source, joined
from pinlake.errors import SparkFailed
from pinlake.lake import delegated, evolution, tables
from pinlake.lake.store import Lake
from pinlake.lake.tables import Written
from pinlake.log.base import LogReader
from pinlake.record import named
from pinlake.table import UNROUTED

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

OBJECTS_A_TASK = 4
KEYLESS = """SELECT _topic, _partition, _offset, _element, CAST(to_json(batch) AS VARCHAR)
FROM batch"""
"""The rows of the view ``batch`` as the quarantine holds them."""

Refused = tuple[Rejected, ...]


class SparkEngine(StepEngine):
    """Runs steps in a Spark session. Not for several threads.

    Workers write a table's files by the lake's own code, so they need pinlake and reach
    the lake with credentials of their own; the driver commits what they wrote, as the
    embedded engine does: either goes on where the other stopped. They read objects, and
    Kafka by Spark's own connector; what else comes of a log, or of a source, is read here,
    by the driver, and handed to Spark as Arrow.
    """

    def __init__(
        self,
        lake: Lake,
        log: LogReader | None,
        functions_sql: str,
        session: Opened,
        catalog: str = "",
    ) -> None:
        super().__init__(lake, functions_sql)
        self.log, self._session = log, session
        self._kafka = KafkaSource(log)
        self._catalog = Catalog(catalog, lake.url)
        self._duckdb: DuckDBPyConnection | None = None
        self._wording: Wording | None = None

    @property
    def spark(self) -> SparkSession:
        """The session that steps run in now."""
        return self._session.spark

    def run(self, step: Step) -> Outcome:
        """Run one step to its commit, or find it done; SparkFailed where Spark could not."""
        try:
            with failures.told():
                outcome = super().run(step)
                if tables.head(self.lake, step.output) is not None:
                    self._catalog.register(self.spark, step.output)
                return outcome
        except SparkFailed:
            self._renew()
            raise

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
        kind = files.raw_schema(self.connection, step.table)
        self._follow(step, kind)
        keys = files.keys(self.spark, given.keys, len(given.keys) // OBJECTS_A_TASK)
        work = objects.loader(self.lake, step.output, step.table)
        found = keys.mapInArrow(work, objects.TOLD).collect()
        count, rejected = objects.told(found)
        self._quarantine(step, rejected)
        outcome = Outcome(step.number, count, 0, len(rejected), None)
        return self._named(step, kind, files.named(found), outcome)

    def _take(self, step: Step, given: Taken) -> Outcome:
        decoded = records.decode(self.connection, step.table, joined(given.parts), records.as_read)
        rejected = given.rejected + tuple(
            quarantine.as_sent(each, given.as_sent(each.source, each.position))
            for each in decoded.rejected
        )
        return self._append_read(step, decoded, rejected)

    def _clean(self, step: Step, given: Versions) -> Outcome:
        head = planned(step, given, tables.head(self.lake, given.table))
        declared = files.raw_schema(self.connection, step.table)
        evolution.check_readable(given.table, head.schema, declared)
        added = tables.added(self.lake, given.table, given.after, given.upto)
        return self._cleaned(step, files.rows(self.spark, self.lake, declared, added), ())

    def _stream(self, step: Step, given: LogRanges) -> Outcome:
        assert self.log is not None, "a step of stage stream needs a log"
        by_workers = self._kafka.of(self.spark, step.table, given.ranges)
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
        with self._kafka.read(self.spark, self.connection, step.table, by_workers) as found:
            batch = batch.unionByName(found.rows) if others else found.rows
            return self._cleaned(step, batch, decoded.rejected + found.rejected)

    def _arrive(self, step: Step, given: MicroBatch) -> Outcome:
        arrived = micro_batch.Arrived(self.spark, given)
        if step.table.name == UNROUTED:
            rejected = arrived.located(arrived.unrouted(step.table))
            version = self._quarantine(step, rejected)
            return Outcome(step.number, 0, 0, len(rejected), version)
        kind = files.spark_schema(files.raw_schema(self.connection, step.table))
        with _held(arrived.decoded(step.table, kind)) as decoded:
            rows, rejected = micro_batch.parted(decoded)
            return self._cleaned(step, rows, rejected, arrived.located)

    def _append_read(
        self,
        step: Step,
        decoded: Decoded,
        rejected: Refused,
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
        rejected: Refused,
    ) -> Outcome:
        """Commit a batch's rows as they are decoded."""
        self._follow(step, kind)
        self._quarantine(step, rejected)
        return self._commit(step, kind, rows, Outcome(step.number, count, 0, len(rejected), None))

    def _cleaned(
        self,
        step: Step,
        batch: DataFrame,
        rejected: Refused,
        located: Callable[[Refused], Refused] = lambda rejected: rejected,
    ) -> Outcome:
        """Commit what a batch's cleaning gives, one row a key.

        ``located`` gives what is no row the positions that the quarantine tells.
        """
        found = cleaning.cleaned(self.spark, step.table, batch, self._words())
        key = step.table.key
        kind = cleaning.delta_schema(found.drop(*PROVENANCE), key)
        self._follow(step, kind)
        rows, keyed = cleaning.counted(found, key)
        if keyed < rows:
            rejected += self._keyless(step, batch, found)
        self._quarantine(step, located(rejected))
        with _held(cleaning.firsts(found, self._held_keys(step.output, key), key)) as places:
            taken = places.count()
            outcome = Outcome(step.number, taken, keyed - taken, len(rejected), None)
            new = cleaning.at(found, places).drop(*PROVENANCE)
            return self._commit(step, kind, new, outcome)

    def _keyless(self, step: Step, batch: DataFrame, cleaned: DataFrame) -> Refused:
        """Return the rows that cleaning leaves without a key, as the embedded engine does."""
        places = cleaned.where(f"{cleaning.quoted(step.table.key)} IS NULL").select(*PROVENANCE)
        self.connection.from_arrow(cleaning.at(batch, places).toArrow()).create_view(
            "batch", replace=True
        )
        found = self.connection.execute(KEYLESS).fetchall()
        reason = f"key {step.table.key} is null"
        return tuple(
            Rejected(
                Source(named(topic).name, partition),
                offset,
                Reject(element, reason, row.encode()),
            )
            for topic, partition, offset, element, row in found
        )

    def _follow(self, step: Step, kind: Schema) -> None:
        """See that the table takes rows of a schema, before any are written."""
        delegated.check(self.lake, step.output)
        evolution.follow(self.lake, step.output, kind, self.connection)

    def _commit(self, step: Step, kind: Schema, rows: DataFrame, outcome: Outcome) -> Outcome:
        """Append rows that the workers write, durably, with the step's transaction."""
        made = files.written(rows, self.lake, step.output, kind) if outcome.rows else None
        return self._named(step, kind, made, outcome)

    def _named(self, step: Step, kind: Schema, made: Written | None, outcome: Outcome) -> Outcome:
        """Commit the files that the workers wrote, or the transaction alone."""
        done = tables.commit(
            self.lake,
            step.output,
            kind,
            made,
            app_id=step.app_id,
            number=step.number,
            counts=counts(outcome),
        )
        return msgspec.structs.replace(outcome, version=done.version, found_done=done.found_done)

    def _held_keys(self, table: str, key: str) -> DataFrame | None:
        """Return the keys that a table holds, or None where there is none."""
        found = tables.snapshot(self.lake, table)
        if found is None:
            return None
        kind = Schema([field for field in found.schema.fields if field.name == key])
        return files.rows(self.spark, self.lake, kind, found.files)

    def _renew(self) -> None:
        """Have a session that the next step can use; one that cannot be had now, it tells of."""
        with suppress(SparkFailed), failures.told():
            if self._session.renew():
                self._wording = None

    def _words(self) -> Wording:
        if self._wording is None:
            self._wording = cleaning.define(self.spark, self.functions_sql)
        return self._wording

    def _frame(self, rows: duckdb.DuckDBPyRelation) -> DataFrame:
        """Hand the driver's rows to Spark."""
        kind = files.spark_schema(schema.of(rows))
        return self.spark.createDataFrame(rows.to_arrow_table(), kind)


@contextmanager
def _held(frame: DataFrame) -> Iterator[DataFrame]:
    """Keep what was computed, for it is asked for more than once."""
    frame.persist()
    try:
        yield frame
    finally:
        frame.unpersist()
