"""What a stage needs to run: its lake, log and engine, opened from the settings."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Protocol

from pinlake.dataset import Dataset
from pinlake.engine.base import Engine
from pinlake.errors import LogLost, LogUnusable
from pinlake.lake import progress
from pinlake.lake.moving import check_settled
from pinlake.lake.open import open_lake
from pinlake.lake.store import Lake
from pinlake.log.base import LogReader
from pinlake.log.open import fed_reader_of, is_missing, open_reader, topics_reader_of, url_of
from pinlake.record import Kind
from pinlake.settings import KAFKA, KINESIS, Home, Settings
from pinlake.stage.clean import Clean
from pinlake.stage.connector.configuration import connector_of
from pinlake.stage.load import Load
from pinlake.stage.sink import Sink
from pinlake.stage.stream import Stream
from pinlake.stage.succession import log_name
from pinlake.stage.worker import Planner, Wanted, everything

SINK_SECONDS = 0.2
WAIT_SECONDS = 0.2
PLANS_HELD = 2
"""How much of a slow log stage stream holds: a plan is measured, and then carried out."""

CLEANING = frozenset({"clean", "stream"})


class Crew(Protocol):
    """The tables of a stage, found as they come."""

    def planners(self) -> Sequence[Planner]:
        """Return a planner for each table there is now; the same one for the same table."""
        ...


def period(stage: str, settings: Settings) -> float:
    """Return the seconds between two looks at a table."""
    if stage == "sink":
        return SINK_SECONDS
    return settings.stream.trigger_ms / 1000 if stage == "stream" else settings.batch.every_seconds


def log_url(stage: str, home: Home) -> str | None:
    """Return the log that a stage reads and may wait for, or None where it reads none."""
    if stage == "sink":
        return home.topics_url
    if stage != "stream":
        return None
    of_topics = (home.topics_url,) if home.settings.stream.topics else ()
    urls = (home.streams_url, *of_topics)
    return next(filter(_is_elsewhere, urls), home.streams_url)


def wait_for_log(url: str, stop: threading.Event, *, once: bool) -> bool:
    """Wait until there is a log to read; False where the wait was stopped.

    Kafka and Kinesis count as there: their tables are tried again until they answer. Nobody
    waits ``once``: where there is no log there is nothing to do, and a file that
    is no log raises LogUnusable.
    """
    while not (_is_elsewhere(url) or _readable(url, once=once)):
        if once or stop.wait(WAIT_SECONDS):
            return False
    return True


def check_not_lost(stage: str, home: Home, url: str) -> None:
    """Raise LogLost where a stage finds no log at a URL, and its plans tell of one there."""
    held = {kind for kind in Kind if url_of(home, kind) == url}
    for _, _, plan in progress.newest(open_lake(home), stage):
        if progress.is_of_query(plan):
            continue
        if any(log_name(stage, key).kind in held for key in plan.ranges):
            raise LogLost(url=url, stage=stage)


@contextmanager
def open_crew(
    stage: str, home: Home, dataset: Dataset, table: str | None, *, accept_loss: bool = False
) -> Iterator[tuple[Lake, Crew]]:
    """Open what a stage needs and give it its tables (or one); close all of it at the end."""
    lake, settings = open_lake(home), home.settings
    check_settled(lake)
    wanted = everything if table is None else table.__eq__
    with ExitStack() as opened:
        log = opened.enter_context(closing(_log(stage, home))) if log_url(stage, home) else None
        if log and is_missing(log):
            check_not_lost(stage, home, home.log_url)
        if stage == "sink":
            assert log is not None
            topics = _of_table(dataset, wanted)
            connector = connector_of(settings.sink)
            yield lake, Sink(lake, log, connector, topics, accept_loss=accept_loss)
            return
        engine = opened.enter_context(closing(_engine(stage, settings, lake, log, dataset)))
        yield (
            lake,
            _engine_crew(
                stage,
                lake=lake,
                log=log,
                engine=engine,
                dataset=dataset,
                settings=settings,
                wanted=wanted,
                source_url=home.source_url,
                accept_loss=accept_loss,
            ),
        )


def _log(stage: str, home: Home) -> LogReader:
    if stage == "sink":
        return topics_reader_of(home)
    return fed_reader_of(home, room=PLANS_HELD * home.settings.stream.plan_bytes)


def _engine_crew(
    stage: str,
    *,
    lake: Lake,
    log: LogReader | None,
    engine: Engine,
    dataset: Dataset,
    settings: Settings,
    wanted: Wanted,
    source_url: str,
    accept_loss: bool,
) -> Crew:
    if stage == "load":
        return Load(lake, engine, dataset, settings.batch.plan_bytes, wanted, source_url=source_url)
    if stage == "clean":
        return Clean(lake, engine, dataset, settings.batch.plan_bytes, wanted)
    assert log is not None
    return Stream(
        log,
        engine,
        dataset,
        settings.stream.plan_bytes,
        wanted,
        topics=settings.stream.topics,
        accept_loss=accept_loss,
    )


def _engine(
    stage: str, settings: Settings, lake: Lake, log: LogReader | None, dataset: Dataset
) -> Engine:
    if settings.engine == "spark":
        from pinlake.engine.spark.engine import SparkEngine
        from pinlake.engine.spark.session import opened

        return SparkEngine(
            lake, log, dataset.functions_sql, opened(settings.spark), settings.spark.catalog
        )
    from pinlake.engine.duckdb import DuckdbEngine

    engine = DuckdbEngine(lake, log, dataset.functions_sql)
    if stage in CLEANING:
        engine.prepare()
    return engine


def _of_table(dataset: Dataset, wanted: Wanted) -> Wanted:
    """Turn a wish for tables into one for the topics that feed them."""

    def wanted_topic(topic: str) -> bool:
        table = dataset.table_of_topic(topic)
        return wanted(table.name if table else topic)

    return wanted_topic


def _is_elsewhere(url: str) -> bool:
    return url.startswith((KAFKA, KINESIS))


def _readable(url: str, *, once: bool) -> bool:
    try:
        open_reader(url).close()
    except LogUnusable:
        if once and Path(url.partition(":///")[2]).exists():
            raise
        return False
    return True
