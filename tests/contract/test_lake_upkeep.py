"""The contract of upkeep: the same rows in fewer files, and the past as far as it is kept."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable

import lake_processes
from harness.delta_log import assert_sound
from lake_processes import SCHEMA, rows_of
from pinlake.errors import TableBroken, VersionGone
from pinlake.lake import commits, compaction, history, rewriting, tables, upkeep
from pinlake.lake.file import FileLake
from pinlake.lake.history import Keeping
from pinlake.lake.upkeep import Rules

TABLE = "raw/race"
HOUR = 3600.0
COUNT = 30
RULES = Rules(compact_after=10, keeping=Keeping(retention=10 * HOUR, grace=HOUR, versions=8))


@pytest.fixture(autouse=True)
def _checkpoints_often(monkeypatch):
    monkeypatch.setattr(tables, "CHECKPOINT_EVERY", 5)
    monkeypatch.setattr(tables, "CHECKPOINT_AT_LAST", 5)


@pytest.fixture
def lake(tmp_path):
    return FileLake(tmp_path.as_uri())


@pytest.fixture
def filled(lake):
    for number in range(1, COUNT + 1):
        commit(lake, number)
    return lake


def commit(lake, number, rows=None):
    return tables.commit(
        lake,
        TABLE,
        SCHEMA,
        rows or rows_of("a", number),
        app_id="load/race",
        number=number,
        counts={"rows": 10},
    )


def numbers(lake, version=None):
    return sorted(tables.read(duckdb, tables.snapshot(lake, TABLE, version)).fetchall())


def expected(count=COUNT):
    return sorted(("a", number) for number in range(1, count + 1) for _ in range(10))


def data_files(lake):
    return {name for name in lake.children(TABLE) if name.endswith(".parquet")}


def keep(lake, rules=RULES, needed=None, later=0.0):
    return upkeep.keep(lake, TABLE, rules, needed=needed, now=time.time() + later)


def test_small_files_become_one_and_every_reader_reads_the_same_rows(filled):
    kept = keep(filled)
    assert (kept.compacted, kept.into) == (COUNT, 1)
    tables.forget(filled, TABLE)
    url = filled.table_url(TABLE)
    assert len(tables.snapshot(filled, TABLE).files) == 1
    assert numbers(filled) == expected()
    assert sorted(map(tuple, pl.read_delta(url).rows())) == expected()
    scanned = DeltaTable(url).scan().read_all()
    assert sorted(duckdb.from_arrow(scanned).fetchall()) == expected()
    assert tables.size(filled, TABLE).rows == COUNT * 10
    assert_sound(filled.path(TABLE))


def test_too_few_small_files_stay_as_they_are(filled):
    before = tables.head(filled, TABLE).version
    few = Rules(compact_after=COUNT + 1, keeping=RULES.keeping)
    assert keep(filled, few).compacted == 0
    assert tables.head(filled, TABLE).version == before


def test_large_files_are_not_written_again():
    live = {"a": handle_file(100), "b": handle_file(51), "c": handle_file(10), "d": handle_file(9)}
    assert list(compaction.groups(live, 100, 2)) == [("c", "d")]


def test_files_of_a_class_are_rewritten_together_and_never_past_the_target():
    live = {str(place): handle_file(40) for place in range(10)}
    live["large"] = handle_file(40 * compaction.WIDTH * compaction.WIDTH)
    found = list(compaction.groups(live, 10_000_000, 10))
    assert found == [tuple(str(place) for place in range(10))]
    assert all(len(group) <= 3 for group in compaction.groups(live, 100, 10))


def handle_file(size):
    from pinlake.lake.handle import LiveFile

    return LiveFile(size, 1)


def test_a_reader_of_new_rows_sees_each_row_once_over_a_compaction(filled):
    keep(filled)
    commit(filled, COUNT + 1)
    newest = tables.head(filled, TABLE).version
    files = tables.added(filled, TABLE, None, newest)
    assert sorted(duckdb.read_parquet(list(files)).fetchall()) == expected(COUNT + 1)
    record = commits.read(filled, TABLE, COUNT + 1)
    assert record.facts["operation"] == "OPTIMIZE"
    assert not record.committed
    assert not any(file.data_change for file in (*record.files, *record.removed))


class Racing:
    """Rows that, while they are read, see something else happen to their table."""

    def __init__(self, rows, happens):
        self.rows, self.happens = rows, happens

    def __arrow_c_stream__(self, requested_schema=None):
        self.happens()
        return self.rows.__arrow_c_stream__(requested_schema)


def rewrite(lake, happens):
    snapshot = tables.snapshot(lake, TABLE)
    files = [os.path.basename(file) for file in snapshot.files]
    rows = Racing(tables.read(duckdb, snapshot), happens)
    return rewriting.replace(lake, TABLE, files, rows, {})


def test_an_append_during_a_compaction_loses_nothing(filled):
    def appended():
        tables.forget(filled, TABLE)  # as another process
        commit(filled, COUNT + 1)

    assert rewrite(filled, appended) == COUNT + 2
    assert numbers(filled) == expected(COUNT + 1)


def test_of_two_compactions_of_the_same_files_one_changes_nothing(filled):
    assert rewrite(filled, lambda: keep(filled)) is None
    assert numbers(filled) == expected()
    upkeep.sweep(filled, TABLE, RULES, time.time() + 2 * HOUR)
    assert numbers(filled) == expected()


def test_rows_that_are_fewer_than_the_log_tells_are_not_taken_for_a_compaction(filled):
    files = [os.path.basename(file) for file in tables.snapshot(filled, TABLE).files]
    before = data_files(filled)
    with pytest.raises(TableBroken, match="rows, its log tells of 300"):
        rewriting.replace(filled, TABLE, files, rows_of("a", 1), {})
    assert numbers(filled) == expected()
    assert data_files(filled) == before


def test_versions_within_the_grace_stay_and_can_be_read(filled):
    kept = keep(filled)
    assert (kept.versions, kept.deleted) == (0, 0)
    assert numbers(filled, 3) == expected(3)


MORE = COUNT + 12
"""Rows are committed up to this number once a compaction is older than what all stays."""


def compacted_long_ago(lake):
    keep(lake)
    for number in range(COUNT + 1, MORE + 1):
        commit(lake, number)
    return keep(lake, Rules(compact_after=100, keeping=RULES.keeping), later=2 * HOUR)


def test_old_versions_go_with_the_files_that_only_they_needed(filled):
    kept = compacted_long_ago(filled)
    there = history.past(filled, TABLE)
    assert there.milestones == (5,)
    assert there.first == 35
    assert (kept.versions, kept.deleted) == (34, COUNT - 5)
    assert numbers(filled, 5) == expected(5)
    for version in range(there.first, there.newest + 1):
        assert numbers(filled, version) == expected(version - 1)  # version 31 is the compaction
    with pytest.raises(VersionGone, match=r"no version 6 to read; there are: 5, 35-43"):
        tables.snapshot(filled, TABLE, 6)
    assert_opened_by_others(filled, MORE)


def test_one_old_version_an_hour_stays_until_the_retention_is_over(filled):
    compacted_long_ago(filled)
    kept = keep(filled, later=12 * HOUR)
    assert history.past(filled, TABLE).milestones == ()
    assert kept.deleted == 5
    assert numbers(filled) == expected(MORE)
    assert data_files(filled) == known_files(filled)


def test_what_was_committed_is_found_though_its_commit_is_gone(filled):
    keep(filled)
    keep(filled, later=12 * HOUR)
    assert filled.get(commits.path(TABLE, 7)) is None
    tables.forget(filled, TABLE)
    assert tables.committed(filled, TABLE, "load/race") == COUNT
    assert DeltaTable(filled.table_url(TABLE)).transaction_version("load/race") == COUNT
    assert commit(filled, 7).found_done
    assert not commit(filled, COUNT + 1).found_done
    assert numbers(filled) == expected(COUNT + 1)


def test_nothing_goes_that_a_reader_of_new_rows_has_not_passed(filled):
    keep(filled, needed=8)
    keep(filled, needed=8, later=1000 * HOUR)
    files = tables.added(filled, TABLE, 7, tables.head(filled, TABLE).version)
    rows = sorted(duckdb.read_parquet(list(files)).fetchall())
    assert rows == [row for row in expected() if row[1] > 7]
    assert history.past(filled, TABLE).first == 5


def test_a_time_finds_the_version_that_was_current_then(filled):
    made = commits.read(filled, TABLE, 12).seconds
    at = history.version_at(filled, TABLE, made)
    assert commits.read(filled, TABLE, at).seconds == made
    assert history.version_at(filled, TABLE, made + HOUR) == COUNT
    assert history.version_at(filled, TABLE, made - HOUR) is None


def test_files_that_no_version_knows_are_swept_once_they_are_old(filled):
    keep(filled)
    left = filled.path(f"{TABLE}/part-left.parquet")
    left.write_bytes(b"half a file")
    assert not upkeep.sweep(filled, TABLE, RULES, time.time())
    assert upkeep.sweep(filled, TABLE, RULES, time.time() + 2 * HOUR).swept == 1
    assert not left.exists()
    assert numbers(filled, 3) == expected(3)


def test_another_process_that_stood_still_goes_on_at_the_newest_version(filled):
    follower = tables.head(filled, TABLE)
    assert follower.version == COUNT
    from pinlake.lake import handle

    held = handle._handles.pop((filled.url, TABLE))  # as another process
    for number in range(COUNT + 1, 2 * COUNT):
        commit(filled, number)
    keep(filled)
    keep(filled, later=12 * HOUR)
    assert filled.get(commits.path(TABLE, COUNT)) is None
    handle._handles[filled.url, TABLE] = held
    assert tables.head(filled, TABLE).version > COUNT
    assert numbers(filled) == expected(2 * COUNT - 1)


@pytest.mark.parametrize("step", [1, 6, 11, 16, 21, 26, 31, 36, 41, 46])
def test_a_kill_at_any_step_of_upkeep_loses_nothing_and_leaves_nothing(lake, tmp_path, step):
    for number in range(1, COUNT + 1):
        commit(lake, number)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lake_processes", "pinlake.lake.upkeep"])
    child = context.Process(target=lake_processes.keep_until_killed, args=(str(tmp_path), step))
    child.start()
    child.join(60)
    assert child.exitcode in {0, -signal.SIGKILL}
    assert child.exitcode or step > 1
    tables.forget(lake, TABLE)
    assert numbers(lake) == expected()
    assert not commit(lake, COUNT + 1).found_done
    keep(lake, later=2 * HOUR)
    upkeep.sweep(lake, TABLE, RULES, time.time() + 2 * HOUR)
    assert numbers(lake) == expected(COUNT + 1)
    own = f"_draft-{os.getpid()}-"
    assert all(name.startswith(own) for name in lake.children(TABLE) if name.startswith("_draft"))
    assert data_files(lake) == known_files(lake)
    assert_opened_by_others(lake, COUNT + 1)


def known_files(lake):
    """Return the files that a version which can be read has, or had."""
    there = history.past(lake, TABLE)
    versions = (*there.milestones, *range(there.first, there.newest + 1))
    return {
        os.path.basename(file)
        for version in versions
        for file in tables.snapshot(lake, TABLE, version).files
    }


def assert_opened_by_others(lake, count=COUNT):
    url = lake.table_url(TABLE)
    assert sorted(map(tuple, pl.read_delta(url).rows())) == expected(count)
    assert DeltaTable(url).transaction_version("load/race") == count


def test_a_damaged_checkpoint_is_passed_over_while_the_commits_tell(filled):
    path = filled.path(commits.checkpoint(TABLE, COUNT))
    content = path.read_bytes()
    path.write_bytes(content[:2000] + bytes(400) + content[2400:])
    tables.forget(filled, TABLE)
    assert numbers(filled) == expected()
    assert commit(filled, COUNT).found_done


def test_a_damaged_checkpoint_that_alone_tells_the_state_is_named(filled):
    keep(filled)
    keep(filled, later=12 * HOUR)
    for version in commits.checkpoints(filled, TABLE):
        filled.path(commits.checkpoint(TABLE, version)).write_bytes(b"PAR1 no more PAR1")
    tables.forget(filled, TABLE)
    with pytest.raises(TableBroken, match=r"\d{20}\.checkpoint\.parquet is damaged.*copy of it"):
        tables.snapshot(filled, TABLE)


def test_a_damaged_older_commit_is_named_with_what_to_do(filled):
    for version in commits.checkpoints(filled, TABLE):
        filled.delete(commits.checkpoint(TABLE, version))
    filled.delete(commits.pointer(TABLE))
    filled.path(commits.path(TABLE, 9)).write_bytes(b'{"add":{"pa')
    tables.forget(filled, TABLE)
    with pytest.raises(TableBroken, match=r"0{19}9\.json, the commit of version 9, is torn.*copy"):
        tables.snapshot(filled, TABLE)


@pytest.mark.parametrize("damage", ["short", "end", "gone", "page"])
def test_a_damaged_file_is_named_and_compacted_into_nothing(filled, damage):
    file = tables.snapshot(filled, TABLE).files[4]
    path = filled.path(file)
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(
            {
                "short": content[:-20],
                "end": content[:-4] + bytes(4),
                "page": content[:4] + b"\xff" * 60 + content[64:],
            }[damage]
        )
    before = tables.head(filled, TABLE).version
    with pytest.raises(TableBroken, match=f"{path.name} is damaged or gone"):
        keep(filled)
    assert tables.head(filled, TABLE).version == before
