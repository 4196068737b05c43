"""Load from a source: exactly once whatever kills it, and beside the objects of topics."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sqlite3
from pathlib import Path

import pytest

from lake_processes import KillingLake
from pinlake import dataset as datasets
from pinlake.errors import SourceChanged
from pinlake.lake.open import open_lake
from pinlake.lake.progress import Plans
from pinlake.settings import Batch, Home, Settings, Sink
from pinlake.source import files, rows
from pinlake.stage import start
from pinlake.stage.load_source import SourceLoad
from pinlake.stage.status import status
from stage_homes import once, post
from stage_homes import rows as rows_of

COUNT = 40
DECLARED = """
[tables.part]
from = { source = "file", path = "parts/*.csv" }
topics = "parts"
key = "ind"
[tables.part.columns]
ind = { type = "INT", required = true }
name = { type = "STRING" }
[tables.bill]
from = { source = "database" }
source = "bills"
key = "ind"
[tables.bill.columns]
ind = { type = "INT", required = true }
name = { type = "STRING" }
"""


def make_home(folder):
    declared = folder / "shop"
    (declared / "clean").mkdir(parents=True)
    (declared / "parts").mkdir()
    (declared / "dataset.toml").write_text(DECLARED)
    for table in ("part", "bill"):
        (declared / "clean" / f"{table}.sql").write_text(f"SELECT ind, name FROM {table}\n")
    for name, numbers in (("a", range(COUNT // 2)), ("b", range(COUNT // 2, COUNT))):
        lines = "".join(f"{number},n{number}\n" for number in numbers)
        (declared / "parts" / f"{name}.csv").write_text(f"ind,name\n{lines}junk\nx,y\n")
    (folder / "home").mkdir()
    with sqlite3.connect(folder / "home" / "source.db") as connection:
        connection.execute("CREATE TABLE bills (ind INTEGER PRIMARY KEY, name TEXT)")
        connection.executemany(
            "INSERT INTO bills VALUES (?, ?)", [(number, f"n{number}") for number in range(COUNT)]
        )
    connection.close()


def open_home(folder):
    files.STRETCH_BYTES, rows.STRETCH_ROWS = 100, 15
    settings = Settings(batch=Batch(plan_bytes=150), sink=Sink(flush_size=5, rotate_seconds=0.1))
    return Home(folder / "home", settings), datasets.load(str(folder / "shop"))


@pytest.fixture(autouse=True)
def small_stretches(monkeypatch):
    monkeypatch.setattr(files, "STRETCH_BYTES", 100)
    monkeypatch.setattr(rows, "STRETCH_ROWS", 15)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("template")
    make_home(folder)
    return folder


@pytest.fixture(scope="module")
def processes():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lake_processes", "stage_homes", "pinlake.stage.start"])
    return context


def load_until_killed(folder, steps):
    home, dataset = open_home(Path(folder))
    start.open_lake = lambda _home: KillingLake(folder + "/home/lake", steps)
    once("load", home, dataset)


def die(processes, folder, steps):
    child = processes.Process(target=load_until_killed, args=(str(folder), steps))
    child.start()
    child.join(60)
    assert child.exitcode in {0, -signal.SIGKILL}
    return child.exitcode != 0


def copied(template, tmp_path):
    """Copy a home with its files' times, which are part of a plan's fingerprint."""
    return Path(shutil.copytree(template, tmp_path / "copy"))


@pytest.mark.parametrize("points", [(n,) for n in range(1, 90, 14)] + [(3, 12)], ids=str)
def test_a_load_killed_at_a_step_has_each_row_once_after_its_next_run(
    processes, template, tmp_path, points
):
    folder = copied(template, tmp_path)
    killed = [die(processes, folder, point) for point in points]
    assert killed[0]
    home, dataset = open_home(folder)
    once("load", home, dataset)
    for table in ("part", "bill"):
        assert rows_of(home, f"raw/{table}") == [(number,) for number in range(COUNT)]
    assert [reason for (reason,) in rows_of(home, "quarantine/load/part", "reason")] == [
        *["1 fields where the header has 2"] * 2,
        *["column ind is not a whole number: x"] * 2,
    ]


def test_many_plans_take_what_one_would(template, tmp_path):
    folder = copied(template, tmp_path)
    home, dataset = open_home(folder)
    report = once("load", home, dataset)
    assert (report.rows, report.quarantined) == (2 * COUNT, 4)
    assert report.steps == 9
    assert once("load", home, dataset).steps == 0
    once("clean", home, dataset)
    assert rows_of(home, "clean/part") == [(number,) for number in range(COUNT)]


def test_every_place_of_a_file_is_in_raw_or_in_quarantine_once(template, tmp_path):
    home, dataset = open_home(copied(template, tmp_path))
    once("load", home, dataset)
    raw = rows_of(home, "raw/part", "_topic, _offset, _element")
    bad = rows_of(home, "quarantine/load/part", "topic, CAST(position AS BIGINT), element")
    assert sorted(raw + bad) == [
        (f"file:parts/{name}.csv", line, 0) for name in "ab" for line in range(2, COUNT // 2 + 4)
    ]


def test_a_table_takes_its_files_and_its_topic(template, tmp_path):
    from pinlake.record import topic

    home, dataset = open_home(copied(template, tmp_path))
    post(home, topic("parts"), [b'{"ind": %d, "name": "t"}' % n for n in range(COUNT, COUNT + 7)])
    once("sink", home, dataset)
    once("load", home, dataset)
    assert rows_of(home, "raw/part") == [(number,) for number in range(COUNT + 7)]
    post(home, topic("parts"), [b'{"ind": 99}'])
    (dataset.path / "parts" / "c.csv").write_text("ind\n100\n")
    once("sink", home, dataset)
    assert once("load", home, dataset).rows == 2
    assert rows_of(home, "raw/part")[-2:] == [(99,), (100,)]


def test_a_file_may_go_when_it_was_loaded(template, tmp_path):
    home, dataset = open_home(copied(template, tmp_path))
    once("load", home, dataset)
    (dataset.path / "parts" / "b.csv").unlink()
    assert once("load", home, dataset).steps == 0
    (dataset.path / "parts" / "c.csv").write_text("ind\n100\n")
    assert once("load", home, dataset).rows == 1


def test_a_file_that_changed_between_plan_and_commit_stops_its_table_alone(template, tmp_path):
    home, dataset = open_home(copied(template, tmp_path))
    planned = SourceLoad(dataset.tables["part"], dataset.path, "", 10**6).next(None)
    assert Plans(open_lake(home), "load", "part").put(planned.plan)
    path = dataset.path / "parts" / "a.csv"
    then = path.stat().st_mtime_ns
    path.write_text(path.read_text().replace("n1", "m1"))
    os.utime(path, ns=(then, then + 10**9))
    with pytest.raises(SourceChanged, match=r"a\.csv is not what it was"):
        once("load", home, dataset)
    assert rows_of(home, "raw/part") == []
    assert len(rows_of(home, "raw/bill")) == COUNT


def test_status_counts_the_files_and_rows_that_are_left(template, tmp_path):
    home, dataset = open_home(copied(template, tmp_path))

    def lags():
        found = {each.table: each for each in status(home, dataset) if each.stage == "load"}
        return {name: (each.lag, each.unit) for name, each in found.items()}

    assert lags() == {"part": (2, "files"), "bill": (COUNT, "rows")}
    once("load", home, dataset)
    assert lags() == {"part": (0, "files"), "bill": (0, "rows")}
    (home.path / "source.db").unlink()
    assert lags()["bill"] == (None, "rows")


def test_files_without_a_row_are_done_too(template, tmp_path):
    home, dataset = open_home(copied(template, tmp_path))
    for name, text in (("0", ""), ("1", "ind,name\n"), ("2", "ind\njunk,1\n"), ("c", "\n\n")):
        (dataset.path / "parts" / f"{name}.csv").write_text(text)
    report = once("load", home, dataset, "part")
    assert (report.rows, report.quarantined) == (COUNT, 5)
    assert once("load", home, dataset, "part").steps == 0
    (dataset.path / "parts" / "0.csv").write_text("ind\n77\n")
    assert once("load", home, dataset, "part").rows == 1
