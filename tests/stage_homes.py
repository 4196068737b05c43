"""A small pipeline for the stages' tests: one claimed table, real log, real engine."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import duckdb

from pinlake import dataset as datasets
from pinlake.lake import objects, tables
from pinlake.lake.open import open_lake
from pinlake.log.open import open_log
from pinlake.record import LogName, Partition, Record, stream, topic
from pinlake.settings import Home, Settings, Sink, Stream
from pinlake.stage.loop import run_stage

DECLARED = """
[tables.sale]
topics = "sales"
streams = ["sale-stream", { name = "shared", partition_key = "sale*" }]
key = "ind"
[tables.sale.columns]
ind = { type = "INT", required = true }
name = { type = "STRING" }
"""
CLEAN = "SELECT ind, name FROM sale\n"
TOPIC, STREAM = topic("sales"), stream("sale-stream")


def make_home(folder: Path, **settings) -> tuple[Home, datasets.Dataset]:
    """Make a home with a data set of one table, and return both."""
    declared = folder / "shop"
    (declared / "clean").mkdir(parents=True)
    (declared / "queries").mkdir()
    (declared / "dataset.toml").write_text(DECLARED)
    (declared / "clean" / "sale.sql").write_text(CLEAN)
    (folder / "home").mkdir()
    return open_home(folder, **settings)


def open_home(folder: Path, **settings) -> tuple[Home, datasets.Dataset]:
    """Return the home that was made there, as another process does."""
    settings.setdefault("sink", Sink(flush_size=20, rotate_seconds=0.3))
    home = Home(folder / "home", Settings(**settings))
    return home, datasets.load(str(folder / "shop"))


def value(number: int) -> bytes:
    return json.dumps({"ind": number, "name": f"n{number}"}).encode()


def post(home: Home, name: LogName, values, key: bytes | None = None) -> None:
    """Append values to partition 0 of a topic or stream, made where it is missing."""
    log = open_log(home.log_url)
    try:
        if name.name not in log.names(name.kind):
            log.create(name)
        log.append(Partition(name, 0), [Record(each, key) for each in values])
    finally:
        log.close()


def once(stage: str, home: Home, dataset, table: str | None = None):
    return run_stage(stage, home, dataset, table=table, once=True, stop=threading.Event())


def rows(home: Home, table: str, columns: str = "ind") -> list[tuple]:
    """Return a table's rows, sorted; nothing where there is no table."""
    snapshot = tables.snapshot(open_lake(home), table)
    if snapshot is None:
        return []
    return sorted(tables.read(duckdb, snapshot).project(columns).fetchall())


def contents(home: Home) -> dict[str, bytes]:
    """Return every object of the lake by its key."""
    lake = open_lake(home)
    return {
        str(each.key): objects.get(lake, str(each.key))
        for name in objects.topics(lake)
        for partition in objects.partitions(lake, name)
        for each in objects.list_after(lake, name, partition, None)
    }


def follow(folder: str, stage: str, milliseconds: int) -> None:
    """Run a stage for ever at a short trigger, in a process that is to be killed."""
    home, dataset = open_home(Path(folder), stream=Stream(trigger_ms=milliseconds))
    run_stage(stage, home, dataset, table=None, once=False, stop=threading.Event())
