"""Events in over HTTP, clean and queryable Delta tables out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import os
    from typing import Any

    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.streaming import StreamingQuery

    from pinlake.dataset import Dataset
    from pinlake.query.lake import OpenLake
    from pinlake.settings import Home
    from pinlake.stage.loop import StageReport

__version__ = "0.1.0"

__all__ = ["__version__", "clean", "load", "open", "stream", "stream_tables"]


def open(  # noqa: A001 - `pinlake.open` reads like the built-in it is named after
    home: str | os.PathLike[str] | None = None, dataset: str | None = None
) -> OpenLake:
    """Return the lake of a home, ready to be asked.

    ``home`` None takes PINLAKE_HOME or ``.pinlake``; ``dataset`` None the one
    that the home holds. Raises HomeMissing where there is no home, HomeForeign
    where it holds another data set, and the errors of settings and data sets.
    """
    from pinlake.query.lake import OpenLake

    return OpenLake(*_opened(home, dataset, create=False))


def load(
    table: str | None = None,
    *,
    home: str | os.PathLike[str] | None = None,
    dataset: str | None = None,
) -> StageReport:
    """Load the objects that are there now into the raw tables (or one), and say what was done.

    It is ``pinlake load --once`` for notebooks: a home that is not there is made, and
    running it again adds nothing. Raises the errors of settings, data sets and the stage.
    """
    return _once("load", table, home, dataset)


def clean(
    table: str | None = None,
    *,
    home: str | os.PathLike[str] | None = None,
    dataset: str | None = None,
) -> StageReport:
    """Clean what is new in the raw tables (or one), and say what was done: as ``load`` does."""
    return _once("clean", table, home, dataset)


def stream(
    table: str,
    records: DataFrame,
    *,
    checkpoint: str | None = None,
    home: str | os.PathLike[str] | None = None,
    dataset: str | None = None,
    **trigger: Any,
) -> StreamingQuery:
    """Start a Structured Streaming query that keeps ``stream/<table>`` of what arrives.

    ``records`` is ``spark.readStream`` of format("kinesis") or format("kafka"), with its own
    columns. They are decoded, cleaned and de-duplicated as stage stream does it, what is no row
    goes to quarantine first, and each micro-batch is one commit: a record is in the table,
    a duplicate key or in quarantine exactly once, also when the query is killed and started again.

    One query and one ``checkpoint`` a table (None: the lake's ``checkpoints/<table>``), which is
    kept for as long as the table: the query ends with CheckpointExchanged or CheckpointUnfit
    where another one fed the table before. ``trigger`` is what Spark's ``trigger`` takes
    (processingTime="10 seconds", availableNow=True); without it the setting stream.trigger_ms.
    Raises RecordsUnfit, TableMissing, LibraryMissing, the errors of settings and data sets.
    """
    from pinlake.stage.micro_batches import Batches, table_of
    from pinlake.stage.queries import triggered

    opened, declared = _opened(home, dataset, create=True)
    batches = Batches(opened, declared, table_of(declared, table, opened), checkpoint or "")
    return batches.start(records, trigger or triggered("", opened))


def stream_tables(
    spark: SparkSession,
    table: str | None = None,
    *,
    source: Literal["", "kinesis", "kafka"] = "",
    trigger: str = "",
    home: str | os.PathLike[str] | None = None,
    dataset: str | None = None,
) -> StageReport:
    """Run the queries of all tables (or one) side by side until they end, and say what was done.

    The settings say where records are: ``streams`` (Kinesis), or ``topics`` (Kafka) with
    stream.topics or the ``source`` "kafka". Each query does what ``stream`` does, from the oldest
    record on, with a checkpoint of its own in the lake's ``checkpoints/``. ``trigger`` is
    "availableNow", which ends once what was there is taken, or a period such as "10 seconds",
    which does not end. One that fails stops the others. Raises SparkFailed with its reason,
    SettingInvalid, TableMissing.
    """
    from pinlake.stage.queries import run

    opened = _opened(home, dataset, create=True)
    return run(spark, *opened, table, source=source, trigger=trigger)


def _once(
    stage: str,
    table: str | None,
    home: str | os.PathLike[str] | None,
    dataset: str | None,
) -> StageReport:
    import threading

    from pinlake.stage.loop import run_stage

    opened = _opened(home, dataset, create=True)
    return run_stage(stage, *opened, table=table, once=True, stop=threading.Event())


def _opened(
    home: str | os.PathLike[str] | None, dataset: str | None, *, create: bool
) -> tuple[Home, Dataset]:
    from pathlib import Path

    from pinlake.home import open_home

    return open_home(None if home is None else Path(home), dataset, create=create)
