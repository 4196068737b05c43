"""The streaming queries of a data set's tables, side by side, on what the settings name."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Literal

import msgspec

from pinlake.dataset import Dataset
from pinlake.engine.routes import Routes, routes
from pinlake.errors import PinlakeError, SettingInvalid, SparkFailed, TableMissing
from pinlake.log.open import streams_reader_of, topics_reader_of
from pinlake.record import Kind
from pinlake.settings import KAFKA, KINESIS, Home
from pinlake.stage.loop import StageReport
from pinlake.stage.micro_batches import Batches, table_of
from pinlake.table import UNROUTED

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.streaming import StreamingQuery

Format = Literal["", "kinesis", "kafka"]
PAUSE = 0.2
STARTING = ("Initializing sources", "Getting offsets from")
"""What Spark says of a query until its source has answered for the first time."""
READ_FROM = {"kafka.isolation.level": "read_committed", "startingOffsets": "earliest"}


def run(
    spark: SparkSession,
    home: Home,
    dataset: Dataset,
    table: str | None = None,
    *,
    source: Format = "",
    trigger: str = "",
) -> StageReport:
    """Run a query for each table that something feeds (or one) until all have ended.

    One that fails stops the others, and its reason is raised. ``pinlake.stream_tables`` tells
    more.
    """
    records = _Records(spark, home, source)
    fed = [each for each in records.routes(dataset) if table in {None, each.table.name}]
    if table is not None and not fed:
        raise TableMissing(table=table, lake=home.lake_url, known=", ".join(dataset.tables))
    batches = [Batches(home, dataset, table_of(dataset, each.table.name, home)) for each in fed]
    with _stopped() as queries:
        for each, into in zip(fed, batches, strict=True):
            queries.append(into.start(records.of(each), triggered(trigger, home)))
            _await_source(queries[-1])
        _await(queries)
    counts = [msgspec.structs.astuple(each.report)[1:] for each in batches]
    return StageReport("stream", *map(sum, zip(*counts, strict=True)))


def triggered(text: str, home: Home) -> Mapping[str, object]:
    """Return what Spark's ``trigger`` takes for a setting's text: availableNow, or a period."""
    if text.casefold() == "availablenow":
        return {"availableNow": True}
    return {"processingTime": text or f"{home.settings.stream.trigger_ms} milliseconds"}


class _Records:
    """What the settings name, as streaming DataFrames from the oldest record on."""

    def __init__(self, spark: SparkSession, home: Home, source: str) -> None:
        self._spark, self._home = spark, home
        topics = source == "kafka" or (not source and home.settings.stream.topics)
        self._kind = Kind.TOPIC if topics else Kind.STREAM
        name, scheme = ("topics", KAFKA) if topics else ("streams", KINESIS)
        url = home.topics_url if topics else home.streams_url
        if source not in {"", "kafka", "kinesis"} or not url.startswith(scheme):
            reason = (
                "a streaming query reads streams of Kinesis (streams = "
                f"'{KINESIS}<region>'), or topics of Kafka (topics = '{KAFKA}<host>:<port>', and "
                "stream.topics or the source kafka); stage stream reads every log"
            )
            raise SettingInvalid(where="settings", name=name, value=source or url, reason=reason)

    def routes(self, dataset: Dataset) -> list[Routes]:
        """Return the tables of the data set that something feeds, and what."""
        opened = topics_reader_of if self._kind is Kind.TOPIC else streams_reader_of
        with closing(opened(self._home)) as log:
            names = log.names(self._kind)
        found = routes(dataset, *((), names) if self._kind is Kind.TOPIC else (names,))
        known = {*dataset.tables, UNROUTED}
        return [each for each in found if each.table.name in known]

    def of(self, fed: Routes) -> DataFrame:
        """Return the records of all that feeds a table."""
        names = ",".join(each.log_name.name for each in fed.feeds)
        kafka = self._kind is Kind.TOPIC
        options = self._kafka(names) if kafka else self._kinesis(names)
        reader = self._spark.readStream.format("kafka" if kafka else "kinesis")
        return reader.options(**options).load()

    def _kinesis(self, names: str) -> Mapping[str, str]:
        if "DATABRICKS_RUNTIME_VERSION" not in os.environ:  # which has a source of that name
            from pinlake.engine.spark.kinesis.source import register

            register(self._spark)
        settings = self._home.settings.kinesis
        if settings.session_token:
            reason = "a query takes none: leave keys out, and the cluster's own role signs in"
            raise SettingInvalid(
                where="settings", name="kinesis.session_token", value="***", reason=reason
            )
        options = {
            "streamName": names,
            "region": self._home.streams_url.removeprefix(KINESIS).strip("/"),
            "initialPosition": "trim_horizon",
            "endpointUrl": settings.endpoint,
            "awsAccessKey": settings.access_key,
            "awsSecretKey": settings.secret_key,
        }
        return {name: value for name, value in options.items() if value}

    def _kafka(self, names: str) -> Mapping[str, str]:
        from pinlake.engine.spark.kafka_options import translated
        from pinlake.log.kafka.connection import connection

        found = translated(connection(self._home.topics_url, self._home.settings.kafka))
        if found.untranslated:
            reason = f"{found.told}; give pinlake.stream a DataFrame of your own"
            raise SettingInvalid(where="settings", name="kafka", value="***", reason=reason)
        return {**found.kafka, **READ_FROM, "subscribe": names}


@contextmanager
def _stopped() -> Iterator[list[StreamingQuery]]:
    """Stop every query that was started, however the block ends."""
    queries: list[StreamingQuery] = []
    try:
        yield queries
    finally:
        for each in queries:
            each.stop()


def _await_source(query: StreamingQuery) -> None:
    """Return once a query's source answers: Spark gives the Python process of one ten seconds.

    Many at once would be too slow to start on a small machine.
    """
    while query.isActive and query.status["message"].startswith(STARTING):
        time.sleep(PAUSE)


def _await(queries: Sequence[StreamingQuery]) -> None:
    """Return once every query has ended; raise the reason of the first that failed."""
    while True:
        active = [each for each in queries if each.isActive]
        for each in queries:
            if each not in active and (error := each.exception()):
                raise _told(each, error)
        if not active:
            return
        _wait(active[0])


def _wait(query: StreamingQuery) -> None:
    try:
        query.awaitTermination(PAUSE)
    except Exception as error:  # noqa: BLE001 whatever ended the query
        raise _told(query, error) from None


def _told(query: StreamingQuery, error: Exception) -> PinlakeError:
    from pinlake.engine.spark.failures import reason

    return SparkFailed(reason=f"{query.name}: {reason(str(error))}")
