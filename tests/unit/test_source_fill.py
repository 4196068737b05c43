"""The sample's tables are written whole or not at all, and only over the sample's own."""

import sqlite3
import subprocess
import sys
import tracemalloc
from contextlib import closing

import pytest

from pinlake.dataset import load
from pinlake.errors import LibraryMissing, SourceFailed
from pinlake.source.database import DatabaseSource
from pinlake.source.fill import fill
from pinlake.source.sample import BLOCK, write_sample

PINTEREST = load("pinterest")
COLUMNS = {"things": {"ind": "INT", "word": "TEXT"}}


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'source.db'}"


def test_the_report_and_the_progress_count_rows(url):
    seen = []
    report = write_sample(PINTEREST, url, 2500, progress=seen.append)
    assert seen == [BLOCK, 2 * BLOCK, 2500]
    assert (report.rows, report.url, report.seed) == (2500, url, 0)
    assert report.tables == ("pinterest_data", "geolocation_data", "user_data")
    assert str(report).startswith("2500 rows each of pinterest_data")


def test_the_tables_have_the_classic_columns_and_types(url, tmp_path):
    write_sample(PINTEREST, url, 3)
    with closing(sqlite3.connect(tmp_path / "source.db")) as connection:
        found = connection.execute("SELECT name, type, pk FROM pragma_table_info('user_data')")
        assert found.fetchall() == [
            ("ind", "INTEGER", 1),
            ("first_name", "TEXT", 0),
            ("last_name", "TEXT", 0),
            ("age", "INTEGER", 0),
            ("date_joined", "DATETIME", 0),
        ]
        (moment,) = connection.execute("SELECT timestamp FROM geolocation_data").fetchone()
        assert len(moment) == len("2018-03-01 12:00:00")


def test_a_sample_replaces_the_earlier_sample(url):
    write_sample(PINTEREST, url, 30)
    write_sample(PINTEREST, url, 20, seed=1)
    with DatabaseSource(url) as source:
        assert source.count("pinterest_data") == 20


def test_a_failure_in_the_middle_leaves_the_earlier_sample(url):
    fill(url, COLUMNS, [{"things": [(0, "old")]}], seed=0, progress=lambda _: None)

    def breaking():
        yield {"things": [(0, "new")]}
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fill(url, COLUMNS, breaking(), seed=0, progress=lambda _: None)
    with DatabaseSource(url) as source:
        assert list(source.rows("things")) == [{"ind": 0, "word": "old"}]


def test_kill_9_in_the_middle_leaves_the_earlier_sample(url, tmp_path):
    write_sample(PINTEREST, url, 20)
    endless = (
        "from pinlake.dataset import load; from pinlake.source.sample import write_sample; "
        f"write_sample(load('pinterest'), {url!r}, 10**9, progress=lambda n: print(n, flush=True))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", endless], stdout=subprocess.PIPE, text=True
    ) as writer:
        while int(writer.stdout.readline()) < 120 * BLOCK:
            pass
        writer.kill()
    assert (tmp_path / "source.db").stat().st_size > 2**20
    with DatabaseSource(url) as source:
        assert source.count("user_data") == len(list(source.rows("pinterest_data"))) == 20
    write_sample(PINTEREST, url, 30)
    with DatabaseSource(url) as source:
        assert source.count("user_data") == 30


def test_a_key_that_comes_twice_is_refused_by_the_database(url):
    twice = [{"things": [(0, "a"), (0, "b")]}]
    with pytest.raises(SourceFailed, match=r"UNIQUE constraint failed: things\.ind"):
        fill(url, COLUMNS, twice, seed=0, progress=lambda _: None)


def test_memory_does_not_grow_with_the_rows(tmp_path):
    def peak(rows):
        tracemalloc.start()
        write_sample(PINTEREST, f"sqlite:///{tmp_path / str(rows)}.db", rows)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(BLOCK)
    assert peak(10 * BLOCK) < 1.5 * peak(2 * BLOCK)


def test_a_folder_that_is_not_there_is_asked_about(tmp_path):
    with pytest.raises(SourceFailed, match="does its folder exist"):
        write_sample(PINTEREST, f"sqlite:///{tmp_path / 'no' / 'source.db'}", 3)


def test_a_missing_driver_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymysql", None)
    with pytest.raises(LibraryMissing, match=r'pip install "pinlake\[mysql\]"'):
        write_sample(PINTEREST, "mysql://reader:s3cret@127.0.0.1/pinterest_data", 3)
