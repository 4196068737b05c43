"""``pinlake maintain`` as cron runs it, over a home whose stages have run."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import msgspec
import polars as pl
import pytest
from deltalake import DeltaTable

from harness.pipeline import pinlake
from pinlake.home import open_home
from pinlake.lake import tables
from pinlake.lake.open import open_lake
from pinlake.lake.progress import Plans
from pinlake.run.maintain import maintain as run_maintain
from pinlake.settings import Home, Upkeep
from stage_homes import STREAM, TOPIC, make_home, once, post, rows, value

BATCHES = 6
SIZE = 10
ALL = [(number,) for number in range(BATCHES * SIZE)]


@pytest.fixture
def pipeline(tmp_path, monkeypatch):
    """A home with a commit a batch in raw, clean and stream; clean stands at the third."""
    monkeypatch.setattr(tables, "CHECKPOINT_AT_LAST", 1)
    home, dataset = make_home(tmp_path)
    open_home(home.path, str(dataset.path), create=True)
    for batch in range(BATCHES):
        values = [value(number) for number in range(batch * SIZE, (batch + 1) * SIZE)]
        for name in (TOPIC, STREAM):
            post(home, name, values)
        for stage in ("sink", "load", "stream", *(["clean"] if batch < 3 else [])):
            once(stage, home, dataset)
    return home, dataset


def maintain(home, dataset, *, check=True):
    told = pinlake(
        "maintain", "--json", "--home", home.path, "--dataset", dataset.path, check=check
    )
    return {each["table"]: each for each in map(json.loads, told.stdout.splitlines())}


def test_maintained_tables_hold_the_same_rows_in_fewer_files(pipeline):
    home, dataset = pipeline
    lake = open_lake(home)
    before = {name: rows(home, name, "*") for name in tables.names(lake)}
    told = maintain(home, dataset)
    assert told.keys() == before.keys()
    assert told["stream/sale"]["compacted"] == BATCHES
    for name, expected in before.items():
        tables.forget(lake, name)
        assert len(tables.snapshot(lake, name).files) == 1
        assert rows(home, name, "*") == expected
        url = lake.table_url(name)
        assert sorted(pl.read_delta(url).rows(), key=repr) == sorted(expected, key=repr)
        assert len(DeltaTable(url).file_uris()) == 1


def test_what_is_maintained_already_is_left_alone(pipeline):
    home, dataset = pipeline
    maintain(home, dataset)
    told = maintain(home, dataset)
    assert all(not each["compacted"] and not each["deleted"] for each in told.values())


def test_a_lagging_clean_takes_each_row_once_from_a_maintained_raw_table(pipeline, capsys):
    home, dataset = pipeline
    assert rows(home, "clean/sale") == ALL[: 3 * SIZE]
    nothing_old = Upkeep(retention_hours=0, grace_hours=0, versions=1)
    strict = Home(home.path, msgspec.structs.replace(home.settings, upkeep=nothing_old))
    raw = open_lake(home).path("raw/sale")
    assert run_maintain(strict, dataset, json=False)
    assert "old versions let go" in capsys.readouterr().out
    assert not (raw / "_delta_log" / f"{2:020}.json").exists()
    report = once("clean", strict, dataset)
    assert (report.rows, report.duplicates) == (3 * SIZE, 0)
    assert rows(home, "clean/sale") == ALL


def test_a_stage_goes_on_without_doubling_what_was_maintained(pipeline):
    home, dataset = pipeline
    maintain(home, dataset)
    again = [value(number) for number in range(BATCHES * SIZE + 5)]
    post(home, STREAM, again)
    report = once("stream", home, dataset)
    assert (report.rows, report.duplicates) == (5, BATCHES * SIZE)
    assert rows(home, "stream/sale") == [(number,) for number in range(BATCHES * SIZE + 5)]


def test_a_table_of_a_running_stage_is_left_to_its_writer(pipeline):
    home, dataset = pipeline
    lake = open_lake(home)
    with Plans(lake, "stream", "sale").claim():
        told = maintain(home, dataset)
    assert told["stream/sale"]["busy"]
    assert len(tables.snapshot(lake, "stream/sale").files) == BATCHES
    assert told["clean/sale"]["compacted"]


def test_a_damaged_table_is_named_and_the_others_are_kept(pipeline):
    home, dataset = pipeline
    file = Path(tables.snapshot(open_lake(home), "stream/sale").files[0])
    file.write_bytes(file.read_bytes()[:-9])
    told = maintain(home, dataset, check=False)
    assert file.name in told["stream/sale"]["error"]
    assert told["clean/sale"]["compacted"]


def test_an_older_version_can_be_read_after_its_files_were_compacted(pipeline):
    home, dataset = pipeline
    lake = open_lake(home)
    maintain(home, dataset)
    old = tables.snapshot(lake, "stream/sale", 2)
    found = tables.read(duckdb, old).project("ind").fetchall()
    assert sorted(found) == ALL[: 2 * SIZE]


@pytest.mark.spark
def test_spark_reads_a_maintained_table_and_its_older_version(pipeline, spark):
    home, dataset = pipeline
    maintain(home, dataset)
    url = str(open_lake(home).path("stream/sale"))
    newest = spark.read.format("delta").load(url)
    assert sorted(map(tuple, newest.select("ind").collect())) == ALL
    older = spark.read.format("delta").option("versionAsOf", 2).load(url)
    assert sorted(map(tuple, older.select("ind").collect())) == ALL[: 2 * SIZE]
