"""The tables are plain Delta tables: every reader reads the same rows, and the log is sound."""

from datetime import UTC

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable

from harness.delta_log import actions, assert_sound, schema_of

TABLES = [
    (f"{folder}/{table}")
    for folder in ("raw", "clean", "stream")
    for table in ("pin", "geo", "user")
]
PROVENANCE = [
    ("_topic", "string"),
    ("_partition", "integer"),
    ("_offset", "long"),
    ("_element", "integer"),
    ("_object", "string"),
    ("_rescued_data", "string"),
]
COORDINATES = [("latitude", "double"), ("longitude", "double")]


@pytest.fixture(params=TABLES)
def table(request, published_home):
    return published_home / "lake" / request.param


def test_the_delta_log_is_sound(table):
    assert_sound(table)


def test_each_commit_carries_its_plan_and_its_counts(table):
    by_version = {}
    for version, name, action in actions(table):
        by_version.setdefault(version, {})[name] = action
    for version, commit in by_version.items():
        if version > 0:
            assert commit["txn"]["appId"].endswith(f"/{table.name}")
            counts = [int(commit["commitInfo"][name]) for name in ("rows", "duplicates")]
            assert sum(counts) + int(commit["commitInfo"]["quarantined"]) > 0


@pytest.mark.parametrize("folder", ["clean", "stream"])
def test_cleaned_columns_and_types_are_the_contract(published_home, folder):
    pin, geo, user = (
        schema_of(published_home / "lake" / folder / t) for t in ("pin", "geo", "user")
    )
    texts = [
        "poster_name",
        "tag_list",
        "is_image_or_video",
        "image_src",
        "save_location",
        "category",
    ]
    assert pin == [
        ("ind", "integer"),
        ("unique_id", "string"),
        ("title", "string"),
        ("description", "string"),
        ("follower_count", "long"),
        *((name, "string") for name in texts),
    ]
    [ind, country, (name, struct), timestamp] = geo
    assert [ind, country, timestamp] == [
        ("ind", "integer"),
        ("country", "string"),
        ("timestamp", "timestamp"),
    ]
    assert name == "coordinates"
    assert [(field["name"], field["type"]) for field in struct["fields"]] == COORDINATES
    assert user == [
        ("ind", "integer"),
        ("user_name", "string"),
        ("age", "integer"),
        ("date_joined", "timestamp"),
    ]


def test_raw_tables_keep_where_each_row_came_from(published_home):
    for name in ("pin", "geo", "user"):
        assert schema_of(published_home / "lake" / "raw" / name)[-6:] == PROVENANCE


def test_deltalake_polars_and_duckdb_read_the_same_rows(table):
    by_deltalake = pl.from_arrow(DeltaTable(str(table)).to_pyarrow_table())
    by_polars = pl.read_delta(str(table))
    files = DeltaTable(str(table)).file_uris()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        by_duckdb = connection.read_parquet(files).pl()
    assert by_deltalake.height == 168
    rows = [_rows(frame) for frame in (by_deltalake, by_polars, by_duckdb)]
    assert rows[0] == rows[1] == rows[2]


@pytest.mark.spark
def test_spark_reads_the_same_rows(delta_spark, table):
    by_polars = pl.read_delta(str(table))
    by_spark = delta_spark.read.format("delta").load(str(table)).select(by_polars.columns)
    found = [_plain(row.asDict(recursive=True)) for row in by_spark.collect()]
    assert sorted(map(repr, found)) == _rows(by_polars)


def _rows(frame):
    return sorted(repr(_plain(row)) for row in frame.to_dicts())


def _plain(row):
    """Return a row with its times as UTC text, which every reader writes alike."""
    return {
        name: value.astimezone(UTC).isoformat() if hasattr(value, "astimezone") else value
        for name, value in row.items()
    }
