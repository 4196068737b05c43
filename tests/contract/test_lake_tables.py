"""The contract of tables: commits exactly once, durable, readable by any Delta reader."""

from __future__ import annotations

import json
import multiprocessing
from collections import Counter

import duckdb
import pytest
from deltalake import DeltaTable, Field, Schema
from deltalake.schema import ArrayType, PrimitiveType, StructType

import lake_processes
from lake_processes import SCHEMA, rows_of
from pinlake.errors import ColumnsChanged, SettingInvalid, TableBroken
from pinlake.lake import commits, handle, tables
from pinlake.lake.file import FileLake

WIDE = Schema(
    [
        Field("ind", PrimitiveType("integer"), nullable=False),
        Field("place", StructType([Field("latitude", PrimitiveType("double"))])),
        Field("tags", ArrayType(PrimitiveType("string"), contains_null=True)),
        Field("at", PrimitiveType("timestamp")),
        Field("price", PrimitiveType("decimal(10,2)")),
    ]
)
WIDE_ROW = """SELECT 1::INT AS ind, {'latitude': 1.5::DOUBLE} AS place, ['a'] AS tags,
    TIMESTAMPTZ '2026-01-02 03:04:05+00' AS at, 1.25::DECIMAL(10, 2) AS price"""


@pytest.fixture
def lake(place):
    return place.open()


def opened(lake, table="raw/race"):
    """Return a table as any reader of Delta opens it."""
    return DeltaTable(lake.table_url(table), storage_options=lake.storage_options)


def commit(lake, number, rows=None, *, table="raw/race", app_id="load/race", schema=SCHEMA):
    return tables.commit(
        lake, table, schema, rows, app_id=app_id, number=number, counts={"rows": number}
    )


def count(lake, table="raw/race"):
    return tables.read(duckdb, tables.snapshot(lake, table)).aggregate("count(*)").fetchall()[0][0]


def test_a_table_that_is_missing_has_no_snapshot_no_head_and_no_commits(lake):
    assert tables.snapshot(lake, "raw/none") is None
    assert tables.head(lake, "raw/none") is None
    assert tables.size(lake, "raw/none") is None
    assert tables.committed(lake, "raw/none", "load/none") is None


def test_the_first_commit_makes_the_table_at_the_lowest_protocol(lake):
    assert commit(lake, 1, rows_of("a", 1)) == tables.Commit(1, found_done=False)
    delta = opened(lake)
    assert delta.protocol().min_reader_version == 1
    assert delta.protocol().min_writer_version == 2
    assert [field.nullable for field in delta.schema().fields] == [False, False]


def test_a_number_that_was_committed_is_found_done_and_adds_nothing(lake):
    commit(lake, 1, rows_of("a", 1))
    commit(lake, 2, rows_of("a", 2))
    for number in (1, 2):
        assert commit(lake, number, rows_of("b", number)).found_done
    assert count(lake) == 20


def test_another_process_finds_the_commits_of_this_one_done(lake):
    commit(lake, 1, rows_of("a", 1))
    tables.forget(lake, "raw/race")
    assert commit(lake, 1, rows_of("b", 1)).found_done
    assert tables.committed(lake, "raw/race", "load/race") == 1


def test_applications_count_apart(lake):
    commit(lake, 5, rows_of("a", 1))
    assert not commit(lake, 1, rows_of("b", 1), app_id="other").found_done
    assert tables.committed(lake, "raw/race", "load/race") == 5
    assert tables.committed(lake, "raw/race", "other") == 1
    assert tables.committed(lake, "raw/race", "third") is None


@pytest.mark.parametrize("rows", [None, rows_of("a", 1, count=0)])
def test_a_commit_without_rows_is_its_number_alone(lake, rows):
    assert not commit(lake, 3, rows).found_done
    assert tables.committed(lake, "raw/race", "load/race") == 3
    assert tables.snapshot(lake, "raw/race").files == ()
    assert opened(lake).transaction_version("load/race") == 3


def test_the_counts_stand_in_the_delta_log(lake):
    commit(lake, 7, rows_of("a", 7))
    assert opened(lake).history(1)[0]["rows"] == "7"


def test_rows_come_back_with_their_types(lake):
    commit(lake, 1, duckdb.sql(WIDE_ROW), table="clean/wide", schema=WIDE)
    read = tables.read(duckdb, tables.snapshot(lake, "clean/wide"))
    assert read.fetchall() == duckdb.sql(WIDE_ROW).fetchall()
    assert read.types == duckdb.sql(WIDE_ROW).types


def test_a_table_without_rows_reads_as_an_empty_relation_of_its_types(lake):
    commit(lake, 1, None, table="clean/wide", schema=WIDE)
    read = tables.read(duckdb, tables.snapshot(lake, "clean/wide"))
    assert read.fetchall() == []
    assert (read.columns, read.types) == (
        duckdb.sql(WIDE_ROW).columns,
        duckdb.sql(WIDE_ROW).types,
    )


def test_a_null_in_a_column_that_must_not_be_null_is_refused_and_nothing_is_committed(lake):
    commit(lake, 1, rows_of("a", 1))
    with pytest.raises(Exception, match="failed validation"):
        commit(lake, 2, duckdb.sql("SELECT NULL::VARCHAR AS writer, 1::BIGINT AS number"))
    assert tables.committed(lake, "raw/race", "load/race") == 1
    assert count(lake) == 10


def test_another_schema_than_the_table_has_is_refused(lake):
    commit(lake, 1, rows_of("a", 1))
    with pytest.raises(ColumnsChanged, match="writer VARCHAR, number BIGINT"):
        commit(lake, 2, duckdb.sql(WIDE_ROW), schema=WIDE)


def test_rows_of_other_columns_than_the_schema_are_refused(lake):
    with pytest.raises(ColumnsChanged):
        commit(lake, 1, duckdb.sql("SELECT 'a' AS writer"))


def test_an_older_version_is_read_as_it_was(lake):
    commit(lake, 1, rows_of("a", 1))
    commit(lake, 2, rows_of("a", 2))
    old = tables.snapshot(lake, "raw/race", 1)
    assert tables.read(duckdb, old).aggregate("count(*)").fetchall() == [(10,)]
    assert old.table_id == tables.head(lake, "raw/race").table_id


def test_added_names_the_files_of_the_versions_in_between(lake):
    for number in (1, 2, 3):
        commit(lake, number, rows_of("a", number))
    files = tables.added(lake, "raw/race", 1, 3)
    lake.fetch(files)
    rows = duckdb.read_parquet(list(files)).aggregate("number, count(*)", "number").fetchall()
    assert sorted(rows) == [(2, 10), (3, 10)]
    assert len(tables.added(lake, "raw/race", None, 3)) == 3
    assert tables.added(lake, "raw/race", 3, 3) == []


def test_a_compaction_and_a_deletion_add_no_rows(lake):
    for number in (1, 2, 3):
        commit(lake, number, rows_of("a", number))
    delta = opened(lake)
    delta.optimize.compact()
    delta.delete("number = 1")
    assert tables.added(lake, "raw/race", 3, delta.version()) == []
    assert not commit(lake, 4, rows_of("a", 4)).found_done
    assert count(lake) == 30


def test_a_commit_that_is_gone_says_so(lake):
    commit(lake, 1, rows_of("a", 1))
    commit(lake, 2, rows_of("a", 2))
    lake.delete(commits.path("raw/race", 1))
    with pytest.raises(TableBroken, match="version 1"):
        tables.added(lake, "raw/race", None, 2)


def test_names_are_the_tables_of_every_folder(lake):
    for table in ("raw/a.b", "clean/c", "stream/d", "quarantine/load/e"):
        commit(lake, 1, None, table=table)
    lake.put("raw/not-a-table/notes.txt", b"")
    assert tables.names(lake) == ["clean/c", "quarantine/load/e", "raw/a.b", "stream/d"]


def test_a_table_that_another_process_rebuilt_is_opened_anew(lake):
    commit(lake, 1, rows_of("a", 1))
    commit(lake, 2, rows_of("a", 2))
    before = tables.head(lake, "raw/race")
    lake.delete_tree("raw/race")
    other = handle.Handle(lake, "raw/race")
    other.create(SCHEMA)
    after = tables.head(lake, "raw/race")
    assert (after.version, after.table_id == before.table_id) == (0, False)
    assert not commit(lake, 1, rows_of("b", 1)).found_done


def test_commits_of_another_writer_are_seen_without_opening_anew(lake):
    commit(lake, 1, rows_of("a", 1))
    other = handle.Handle(lake, "raw/race")
    other.newest()
    commit(lake, 2, rows_of("a", 2))
    assert other.newest().version == 2
    assert other.committed("load/race") == 2


def test_a_table_with_features_of_another_writer_is_not_appended_to(lake):
    commit(lake, 1, rows_of("a", 1))
    delta = opened(lake)
    delta.alter.set_table_properties({"delta.enableChangeDataFeed": "true"})
    with pytest.raises(TableBroken, match="features"):
        commit(lake, 2, rows_of("a", 2))


def test_a_partitioned_table_is_read_with_its_partition_column(lake):
    rows = duckdb.sql("SELECT 1::BIGINT AS number, 'x' AS part")
    from deltalake import write_deltalake

    write_deltalake(
        lake.table_url("clean/foreign"),
        rows,
        partition_by=["part"],
        storage_options=lake.storage_options,
    )
    read = tables.read(duckdb, tables.snapshot(lake, "clean/foreign"))
    assert read.fetchall() == [(1, "x")]


def test_the_size_of_a_table_is_told_by_its_log(lake):
    commit(lake, 1, rows_of("a", 1))
    commit(lake, 2, rows_of("a", 2))
    size = tables.size(lake, "raw/race")
    assert (size.version, size.rows, size.files) == (2, 20, 2)
    assert size.bytes == sum(tables.added_bytes(lake, "raw/race", version) for version in (1, 2))


def test_a_table_stays_readable_past_its_checkpoints(lake, monkeypatch):
    monkeypatch.setattr(tables, "CHECKPOINT_AT_LAST", 100)
    for number in range(1, 206):
        commit(lake, number, rows_of("a", number, count=1))
    pointer = json.loads(lake.get("raw/race/_delta_log/_last_checkpoint"))
    assert pointer["version"] == 200
    tables.forget(lake, "raw/race")
    assert count(lake) == 205
    assert tables.committed(lake, "raw/race", "load/race") == 205


def test_a_path_with_spaces_and_letters_of_any_script_works(tmp_path):
    lake = FileLake((tmp_path / "my läke 湖").as_uri())
    commit(lake, 1, rows_of("a", 1))
    assert count(lake) == 10
    assert duckdb.read_parquet(list(tables.added(lake, "raw/race", None, 1))).fetchall()


@pytest.mark.parametrize("name", ["a[1]", "a%20b", "a*", "a^b"])
def test_a_path_that_deltalake_cannot_open_is_refused_at_once(tmp_path, name):
    with pytest.raises(SettingInvalid, match="must not hold"):
        FileLake((tmp_path / name).as_uri())


def test_a_lake_elsewhere_than_on_disk_is_refused():
    with pytest.raises(SettingInvalid, match="file://"):
        FileLake("s3://bucket/prefix")


@pytest.mark.parametrize("shared", [True, False])
def test_processes_that_race_commit_each_number_of_an_application_once(lake, place, shared):
    context = multiprocessing.get_context("forkserver")
    start, found = context.Event(), context.Queue()
    processes = [
        context.Process(
            target=lake_processes.race,
            args=(place, writer, "app" if shared else writer, start, found, 15),
        )
        for writer in ("a", "b")
    ]
    for process in processes:
        process.start()
    start.set()
    own = dict(found.get(timeout=60) for _ in processes)
    for process in processes:
        process.join()
    rows = tables.read(duckdb, tables.snapshot(lake, "raw/race")).fetchall()
    expected = {(writer, number): 10 for writer, numbers in own.items() for number in numbers}
    assert Counter(rows) == expected
    assert sum(map(len, own.values())) == (15 if shared else 30)
