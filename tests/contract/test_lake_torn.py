"""What a power cut may leave in a table, and what opening it makes of that."""

from __future__ import annotations

import duckdb
import pytest
from deltalake import DeltaTable

from lake_processes import SCHEMA, rows_of
from pinlake.lake import commits, tables
from pinlake.lake.file import FileLake

TABLE = "raw/race"


@pytest.fixture
def lake(tmp_path):
    made = FileLake(tmp_path.as_uri())
    for number in (1, 2, 3):
        commit(made, number)
    tables.forget(made, TABLE)
    return made


def commit(lake, number):
    return tables.commit(
        lake,
        TABLE,
        SCHEMA,
        rows_of("a", number),
        app_id="load/race",
        number=number,
        counts={"rows": 10},
    )


def count(lake):
    return tables.read(duckdb, tables.snapshot(lake, TABLE)).aggregate("count(*)").fetchall()[0][0]


def newest_commit(lake):
    return lake.path(commits.path(TABLE, 3))


@pytest.mark.parametrize("kept", [0, 1, 20, 400, -30, -1])
def test_a_torn_newest_commit_is_set_aside_and_its_plan_commits_again(lake, kept):
    path = newest_commit(lake)
    path.write_bytes(path.read_bytes()[:kept])
    assert tables.head(lake, TABLE).version == 2
    assert count(lake) == 20
    assert not path.with_name(path.name + ".torn").exists(), "a reader has written into the lake"
    assert commit(lake, 3) == tables.Commit(3, found_done=False)
    assert path.with_name(path.name + ".torn").exists()
    assert count(lake) == 30
    assert DeltaTable(lake.table_url(TABLE)).version() == 3


def test_a_commit_whose_last_line_end_alone_is_missing_is_whole(lake):
    path = newest_commit(lake)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert tables.head(lake, TABLE).version == 3
    assert commit(lake, 3).found_done


@pytest.mark.parametrize("damage", ["missing", "short", "empty", "end"])
def test_a_newest_commit_whose_file_is_torn_is_set_aside_too(lake, damage):
    (file,) = commits.read(lake, TABLE, 3).added
    path = lake.path(f"{TABLE}/{file.path}")
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(
            {"short": content[:-7], "empty": b"", "end": content[:-4] + bytes(4)}[damage]
        )
    assert count(lake) == 20
    assert not commit(lake, 3).found_done
    assert count(lake) == 30


def test_an_earlier_torn_commit_is_not_taken_for_the_newest(lake):
    path = lake.path(commits.path(TABLE, 2))
    path.write_bytes(b"{")
    with pytest.raises(Exception, match="version 2"):
        tables.added(lake, TABLE, 0, 3)
    assert path.exists()


def test_a_table_whose_first_commit_is_torn_is_made_again(tmp_path):
    lake = FileLake((tmp_path / "new").as_uri())
    lake.put(commits.path(TABLE, 0), b'{"protocol":')
    assert tables.snapshot(lake, TABLE) is None
    assert not commit(lake, 1).found_done
    assert count(lake) == 10


@pytest.mark.parametrize("what", ["checkpoint", "pointer"])
def test_a_torn_checkpoint_is_set_aside_and_the_commits_tell_the_state(lake, what):
    DeltaTable(lake.table_url(TABLE)).create_checkpoint()
    names = {"checkpoint": f"{3:020}.checkpoint.parquet", "pointer": "_last_checkpoint"}
    path = lake.path(f"{TABLE}/_delta_log/{names[what]}")
    path.write_bytes(path.read_bytes()[:50])
    assert count(lake) == 30
    assert commit(lake, 3).found_done


def test_a_whole_table_is_left_as_it_is(lake):
    before = sorted(path.name for path in lake.path(f"{TABLE}/_delta_log").glob("0*"))
    assert count(lake) == 30
    assert sorted(path.name for path in lake.path(f"{TABLE}/_delta_log").glob("0*")) == before
