"""Comparing the two routes of a table."""

import pytest

import lakehouse
from pinlake.errors import ColumnsChanged, TableMissing
from pinlake.query.compare import differences
from pinlake.query.lake import OpenLake


@pytest.fixture
def lake(tmp_path):
    return lakehouse.small_lake(tmp_path)


def test_equal_rows_in_any_order_are_equal(tmp_path):
    home = lakehouse.home(tmp_path)
    lakehouse.write_table(home, "clean/pin", lakehouse.PIN + " ORDER BY ind")
    lakehouse.write_table(home, "stream/pin", lakehouse.PIN + " ORDER BY ind DESC")
    difference = differences(OpenLake(home, lakehouse.dataset(tmp_path)), "pin")
    assert difference.equal
    assert (difference.clean_rows, difference.stream_rows) == (3, 3)


def test_nulls_and_structs_compare_equal(lake):
    assert differences(lake, "geo").equal


def test_a_row_that_only_one_side_has_is_counted_and_shown(lake):
    lakehouse.write_table(
        lake.home,
        "stream/pin",
        "SELECT 4 AS ind, 'art' AS category, 'x' AS poster_name, 1::BIGINT AS follower_count",
    )
    difference = differences(lake, "pin")
    assert not difference.equal
    assert (difference.only_clean, difference.only_stream) == (0, 1)
    assert list(difference.stream_examples) == [
        {"ind": 4, "category": "art", "poster_name": "x", "follower_count": 1}
    ]


def test_a_row_that_is_there_twice_on_one_side_is_a_difference(lake):
    lakehouse.write_table(lake.home, "clean/pin", f"SELECT * FROM ({lakehouse.PIN}) WHERE ind = 1")
    difference = differences(lake, "pin")
    assert (difference.only_clean, difference.only_stream) == (1, 0)
    assert difference.clean_examples[0]["ind"] == 1


def test_at_most_three_examples_are_kept(lake):
    lakehouse.write_table(
        lake.home,
        "clean/pin",
        "SELECT (100 + i)::INTEGER AS ind, 'a' AS category, NULL::VARCHAR AS poster_name, i AS follower_count FROM range(50) AS r(i)",
    )
    difference = differences(lake, "pin")
    assert difference.only_clean == 50
    assert len(difference.clean_examples) == 3


def test_tables_of_other_columns_are_not_compared(tmp_path):
    home = lakehouse.home(tmp_path)
    lakehouse.write_table(home, "clean/pin", "SELECT 1 AS ind")
    lakehouse.write_table(home, "stream/pin", "SELECT 1::BIGINT AS ind")
    with pytest.raises(ColumnsChanged, match=r"ind BIGINT.*ind INT"):
        differences(OpenLake(home, lakehouse.dataset(tmp_path)), "pin")


def test_a_route_that_has_not_written_is_missing(tmp_path):
    home = lakehouse.home(tmp_path)
    lakehouse.write_table(home, "clean/pin", lakehouse.PIN)
    with pytest.raises(TableMissing, match="stream/pin"):
        differences(OpenLake(home, lakehouse.dataset(tmp_path)), "pin")
