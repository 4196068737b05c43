"""Stream by Spark Structured Streaming: a query's micro-batches become commits of a table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pinlake.dataset import Dataset, Table
from pinlake.engine.base import MicroBatch, Step, output_of
from pinlake.errors import CheckpointExchanged, CheckpointUnfit, RecordsUnfit, TableMissing
from pinlake.lake.moving import check_settled
from pinlake.lake.open import open_lake
from pinlake.lake.progress import CHECKPOINT, Plan, Plans, Range
from pinlake.settings import Home
from pinlake.stage.loop import StageReport
from pinlake.stage.worker import Work, rebuilding, work_of
from pinlake.table import UNROUTED
from pinlake.telemetry import logger

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.streaming import StreamingQuery

    from pinlake.engine.spark.engine import SparkEngine


class Batches:
    """Commits the micro-batches of one query, batch b as number b + 1 of the table's plans.

    The plan says whose batch it is, by the query's id, which is in its checkpoint, and which
    records it has, by a digest of the checkpoint's own offsets of it. Spark reads the same
    records for a batch that it runs again, so that a commit that is there is that of these.
    """

    def __init__(self, home: Home, dataset: Dataset, table: Table, checkpoint: str = "") -> None:
        self._home, self._dataset, self._table = home, dataset, table
        usual = f"{home.lake_url.rstrip('/')}/checkpoints/{table.name}"
        self._checkpoint, self._query = (checkpoint or usual).rstrip("/"), ""
        self.report = StageReport("stream")
        self._engine: SparkEngine | None = None
        self._plans: Plans | None = None

    def start(self, records: DataFrame, trigger: Mapping[str, Any]) -> StreamingQuery:
        """Start the query; raise RecordsUnfit for what is no stream of records."""
        from pinlake.engine.spark import micro_batch

        micro_batch.kind_of(records.columns)
        if not records.isStreaming:
            raise RecordsUnfit(found="what is read once: use spark.readStream")
        return (
            records.writeStream.queryName(f"pinlake stream {self._table.name}")
            .foreachBatch(self)
            .option("checkpointLocation", self._checkpoint)
            .trigger(**trigger)
            .start()
        )

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_engine": None, "_plans": None}  # Connect sends it to the server

    def __call__(self, frame: DataFrame, batch: int) -> None:
        """Commit a micro-batch, or find it committed.

        Raises CheckpointExchanged, CheckpointUnfit, WriterBusy and what the engine does: the
        query ends with it, and when it is started again goes on with this batch.
        """
        plans, engine = self._opened(frame.sparkSession)
        with plans.claim():
            self._plan(plans, frame.sparkSession, batch)
            step = Step("stream", self._table, batch + 1, MicroBatch(frame, self._dataset))
            work = work_of(engine.run(step))
        self.report = self.report.plus(work)
        self._tell(work)

    def _opened(self, spark: SparkSession) -> tuple[Plans, SparkEngine]:
        if self._plans is None or self._engine is None:
            from pinlake.engine.spark.engine import SparkEngine
            from pinlake.engine.spark.session import taken

            lake = open_lake(self._home)
            check_settled(lake)
            self._plans = Plans(lake, "stream", self._table.name)
            self._engine = SparkEngine(
                lake,
                None,
                self._dataset.functions_sql,
                taken(spark),
                self._home.settings.spark.catalog,
            )
            self._query = json.loads(_text(spark, f"{self._checkpoint}/metadata"))["id"]
        return self._plans, self._engine

    def _plan(self, plans: Plans, spark: SparkSession, batch: int) -> None:
        """Put the batch's plan, or find it put by this query for the same records."""
        offsets = hashlib.sha256(_text(spark, f"{self._checkpoint}/offsets/{batch}").encode())
        number, latest = batch + 1, plans.latest()
        plan = Plan(
            number,
            {CHECKPOINT: Range(self._query, batch or None, number)},
            offsets={CHECKPOINT: offsets.hexdigest()},
        )
        if latest == plan:
            return
        self._check(latest, number)
        if not plans.put(plan):
            raise self._unfit(plans.latest(), number)

    def _check(self, latest: Plan | None, number: int) -> None:
        """Raise where the table's newest plan is not the one before this batch."""
        by = latest.ranges.get(CHECKPOINT) if latest else None
        if latest and (by is None or by.log != self._query):
            feeding = f"the checkpoint of the query {by.log}" if by else "the plans of stage stream"
            raise CheckpointExchanged(
                table=output_of("stream", self._table.name),
                number=latest.number,
                planned=feeding,
                found=f"the query {self._query} with the checkpoint {self._checkpoint}",
                do=rebuilding(self._table.name),
            )
        if number != (latest.number if latest else 0) + 1:
            raise self._unfit(latest, number)

    def _unfit(self, latest: Plan | None, number: int) -> CheckpointUnfit:
        return CheckpointUnfit(
            checkpoint=self._checkpoint,
            batch=number - 1,
            table=output_of("stream", self._table.name),
            number=latest.number if latest else 0,
            do=rebuilding(self._table.name),
        )

    def _tell(self, work: Work) -> None:
        logger("stage").info(
            "batch_done",
            stage="stream",
            table=self._table.name,
            number=work.number,
            rows=work.rows,
            duplicates=work.duplicates,
            quarantined=work.quarantined,
            found_done=work.found_done,
        )


def table_of(dataset: Dataset, name: str, home: Home) -> Table:
    """Return what a query of a name feeds; raise TableMissing."""
    if name == UNROUTED:
        return Table(name=UNROUTED)
    if name not in dataset.tables:
        raise TableMissing(table=name, lake=home.lake_url, known=", ".join(dataset.tables))
    return dataset.tables[name]


def _text(spark: SparkSession, path: str) -> str:
    """Return a small file of a checkpoint, which Spark alone may be able to reach."""
    found = spark.read.text(path, wholetext=True).first()
    assert found is not None, path
    return str(found[0])
