"""Files that workers write into a table, and the commit that names them, in every store."""

import duckdb
import pytest
from deltalake import write_deltalake

import lakes
from lake_processes import SCHEMA, rows_of
from pinlake.errors import TableBroken
from pinlake.lake import delegated, tables

TABLE = "raw/race"


@pytest.fixture
def lake(place):
    lake = place.open()
    yield lake
    tables.forget(lake, TABLE)


def commit(lake, written, number=1):
    return tables.commit(
        lake, TABLE, SCHEMA, written, app_id="load/race", number=number, counts={"rows": 20}
    )


def read(lake):
    return sorted(tables.read(duckdb, tables.snapshot(lake, TABLE)).fetchall())


def parquet(lake):
    return [name for name in lake.files(TABLE) if name.endswith(".parquet")]


def test_what_was_written_is_seen_once_it_is_committed_all_at_once(lake):
    several = [delegated.write(lake, TABLE, SCHEMA, rows_of("a", number)) for number in (1, 2)]
    assert tables.head(lake, TABLE) is None
    adds = tuple(add for each in several for add in each.adds)
    done = commit(lake, tables.Written(adds))
    assert (done.version, done.found_done) == (1, False)
    assert read(lake) == sorted(("a", number) for number in (1, 2) for _ in range(10))
    assert tables.size(lake, TABLE).rows == 20


def test_a_commit_that_is_there_already_stays_as_it_is(lake):
    commit(lake, delegated.write(lake, TABLE, SCHEMA, rows_of("a", 1)))
    again = commit(lake, delegated.write(lake, TABLE, SCHEMA, rows_of("a", 1)))
    assert again.found_done
    assert len(read(lake)) == 10


def test_what_another_process_wrote_is_committed_by_this_one(lake, place):
    if lakes.urlsplit(place.url).scheme == "s3":
        lakes.Path(place.home).mkdir(exist_ok=True)
    written = delegated.write(place.open(), TABLE, SCHEMA, rows_of("b", 3))
    commit(lake, written, number=4)
    assert tables.committed(lake, TABLE, "load/race") == 4
    assert len(parquet(lake)) == 1


def test_a_table_that_needs_another_writer_is_refused_before_anything_is_written(lake):
    options = lake.storage_options
    rows = duckdb.sql("SELECT 'a' AS writer, 1 AS number")
    write_deltalake(lake.table_url(TABLE), rows, partition_by="writer", storage_options=options)
    with pytest.raises(TableBroken, match="partitions"):
        delegated.check(lake, TABLE)
