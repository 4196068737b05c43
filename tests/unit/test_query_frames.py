"""The same answer through rows, Arrow, pandas, polars and DuckDB."""

import sys
from datetime import UTC, datetime

import duckdb
import nanoarrow
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import lakehouse
from pinlake.errors import LibraryMissing, SqlRefused

SQL = """
SELECT pin.ind, category, follower_count, country, coordinates, `timestamp`, ind = 1 AS first
FROM pin JOIN geo USING (ind) ORDER BY ind
"""
ROWS = [
    (
        1,
        "art",
        9000,
        "Albania",
        {"latitude": -89.98, "longitude": 1.5},
        datetime(2018, 3, 1, 12, tzinfo=UTC),
        True,
    ),
    (
        2,
        "art",
        None,
        "Lao People's Democratic Republic",
        None,
        datetime(2019, 7, 9, 0, 0, 1, tzinfo=UTC),
        False,
    ),
    (3, "travel", 9223372036854775807, None, {"latitude": 0.0, "longitude": None}, None, False),
]


@pytest.fixture
def answer(tmp_path):
    return lakehouse.small_lake(tmp_path).ask(SQL)


def test_rows(answer):
    assert answer.rows() == ROWS
    assert answer.rows() == ROWS


def test_arrow(answer):
    table = answer.to_arrow()
    assert [tuple(row.values()) for row in table.to_pylist()] == ROWS
    assert table.schema.field("timestamp").type == pa.timestamp("us", "UTC")
    assert table.schema.field("ind").type == pa.int32()
    assert table.schema.field("follower_count").type == pa.int64()
    assert table.schema.field("coordinates").type == pa.struct(
        [("latitude", pa.float64()), ("longitude", pa.float64())]
    )


def test_pandas(answer):
    frame = answer.to_pandas()
    found = [
        tuple(None if value is pd.NA or value is pd.NaT else value for value in row)
        for row in frame.itertuples(index=False, name=None)
    ]
    assert found == ROWS
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "ind": "Int32",
        "category": "string",
        "follower_count": "Int64",
        "country": "string",
        "coordinates": "object",
        "timestamp": "datetime64[us, UTC]",
        "first": "boolean",
    }


def test_polars(answer):
    frame = answer.to_polars()
    assert [row[:4] + row[5:] for row in frame.rows()] == [row[:4] + row[5:] for row in ROWS]
    assert frame.schema["timestamp"] == pl.Datetime("us", "UTC")
    assert frame.schema["follower_count"] == pl.Int64
    assert frame.schema["coordinates"] == pl.Struct(
        {"latitude": pl.Float64, "longitude": pl.Float64}
    )


def test_duckdb_in_a_session_of_the_answers_own(answer):
    relation = answer.to_duckdb()
    assert relation.fetchall() == ROWS
    assert relation.filter("ind > 1").count("*").fetchall() == [(2,)]


def test_duckdb_in_a_connection_of_the_users(answer):
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        assert answer.to_duckdb(connection).fetchall() == ROWS


def test_any_arrow_library_takes_an_answer_as_it_is(answer):
    assert pa.table(answer).num_rows == 3
    assert len(pl.DataFrame(answer)) == 3
    assert sum(len(batch) for batch in nanoarrow.ArrayStream(answer)) == 3
    with duckdb.connect() as connection:
        connection.register("asked", answer)
        assert connection.sql("SELECT count(*) FROM asked AS a, asked AS b").fetchall() == [(9,)]


def test_answers_are_read_side_by_side(answer):
    for mine, other in zip(answer.iterate(), answer.iterate(), strict=True):
        assert mine == other


@pytest.mark.parametrize(
    ("method", "library", "extra"),
    [
        ("to_arrow", "pyarrow", "pandas"),
        ("to_pandas", "pandas", "pandas"),
        ("to_polars", "polars", "polars"),
    ],
)
def test_a_missing_library_names_the_extra_that_brings_it(
    answer, monkeypatch, method, library, extra
):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(LibraryMissing, match=rf'{library}: pip install "pinlake\[{extra}\]"'):
        getattr(answer, method)()


def test_its_repr_tells_the_columns(answer):
    assert repr(answer).startswith("<Answer SQL: ind INT, category STRING, follower_count BIGINT")


@pytest.mark.parametrize("method", ["rows", "to_arrow", "to_pandas", "to_polars"])
def test_a_value_that_the_engine_refuses_is_the_same_error_in_every_form(tmp_path, method):
    lake = lakehouse.small_lake(tmp_path)
    answer = lake.ask("SELECT follower_count + 9223372036854775807 AS more FROM pin")
    with pytest.raises(SqlRefused, match="SQL:1: Out of Range"):
        getattr(answer, method)()
