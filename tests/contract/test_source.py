"""Every database gives the same rows at the same offsets, and the sample is the same in each."""

import contextlib

import pytest
import sqlalchemy

from harness import database_servers
from pinlake.dataset import load
from pinlake.errors import SourceFailed, SourceTableForeign
from pinlake.source.connection import connect
from pinlake.source.database import DatabaseSource
from pinlake.source.sample import generate, source_table, write_sample

PINTEREST = load("pinterest")
ROWS = 1500


@contextlib.contextmanager
def sqlite(folder):
    yield f"sqlite:///{folder / 'source.db'}"


@pytest.fixture(scope="module", params=["sqlite", "mariadb", "postgres"])
def url(request, tmp_path_factory):
    server = {
        "sqlite": sqlite,
        "mariadb": database_servers.mariadb,
        "postgres": database_servers.postgres,
    }[request.param]
    with server(tmp_path_factory.mktemp(request.param)) as url:
        yield url


@pytest.fixture(scope="module")
def filled(url):
    """The URL of a database that holds the Pinterest sample."""
    write_sample(PINTEREST, url, 40)
    write_sample(PINTEREST, url, ROWS, seed=3)
    return url


@pytest.mark.parametrize("table", ["pin", "geo", "user"])
def test_row_offset_n_is_number_n_as_it_was_generated(filled, table):
    offsets = [1499, 0, 7, 7, 812, 1024]
    with DatabaseSource(filled) as source:
        rows = source.rows_at(source_table(PINTEREST, table), offsets)
    made = list(generate(PINTEREST, table, 0, ROWS, seed=3))
    assert [as_text(row) for row in rows] == [as_text(made[offset]) for offset in offsets]


def test_all_rows_come_in_order_and_a_reader_goes_on_where_it_stopped(filled):
    with DatabaseSource(filled) as source:
        rows = list(source.rows("geolocation_data"))
        rest = list(source.rows("geolocation_data", 700))
        assert source.count("geolocation_data") == ROWS
    assert [row["ind"] for row in rows] == list(range(ROWS))
    assert rest == rows[700:]


def test_reading_past_the_end_says_how_many_rows_there_are(filled):
    with (
        DatabaseSource(filled) as source,
        pytest.raises(SourceFailed, match=r"1500 rows and none at offset 1500.*--rows 1501"),
    ):
        source.rows_at("user_data", [3, 1500])


def test_gaps_in_the_key_leave_offsets_exact(url):
    make(
        url,
        "gaps",
        "ind INTEGER PRIMARY KEY, note VARCHAR(20)",
        [(n * n, f"n{n}") for n in range(50)],
    )
    with DatabaseSource(url) as source:
        assert [row["note"] for row in source.rows_at("gaps", [49, 0, 7])] == ["n49", "n0", "n7"]
        assert [row["note"] for row in source.rows("gaps", 47)] == ["n47", "n48", "n49"]


def test_a_key_that_starts_elsewhere_is_still_counted_from_offset_nought(url):
    make(
        url,
        "later",
        "ind INTEGER PRIMARY KEY, note VARCHAR(20)",
        [(n + 5, f"n{n}") for n in range(9)],
    )
    with DatabaseSource(url) as source:
        assert [row["note"] for row in source.rows_at("later", [0, 8])] == ["n0", "n8"]


def test_a_table_without_a_key_is_ordered_by_all_its_columns_where_the_first_repeats(url):
    make(url, "loose", "ind INTEGER, note VARCHAR(20)", [(1, "b"), (0, "z"), (1, "a"), (0, "y")])
    with DatabaseSource(url) as source:
        assert [tuple(row.values()) for row in source.rows("loose")] == [
            (0, "y"), (0, "z"), (1, "a"), (1, "b"),
        ]  # fmt: skip
        assert source.rows_at("loose", [2]) == [{"ind": 1, "note": "a"}]


def test_a_table_with_a_key_of_two_columns_is_ordered_by_both(url):
    make(url, "two_keys", "a INTEGER, b INTEGER, PRIMARY KEY (b, a)", [(1, 2), (2, 1), (1, 1)])
    with DatabaseSource(url) as source:
        assert [tuple(row.values()) for row in source.rows("two_keys")] == [(1, 1), (2, 1), (1, 2)]


def test_an_empty_table_has_no_rows(url):
    make(url, "no_rows", "ind INTEGER PRIMARY KEY", [])
    with DatabaseSource(url) as source:
        assert list(source.rows("no_rows")) == []
        assert source.rows_at("no_rows", []) == []
        with pytest.raises(SourceFailed, match="0 rows and none at offset 0"):
            source.rows_at("no_rows", [0])


def test_a_missing_table_is_named_with_what_to_do(url):
    with (
        DatabaseSource(url) as source,
        pytest.raises(SourceFailed, match="no table 'absent': make it with `pinlake sample`"),
    ):
        list(source.rows("absent"))


def test_a_table_that_no_sample_wrote_is_left_as_it_is(url):
    engine = connect(url)
    with engine.begin() as connection:
        for table in ("pinterest_data", "geolocation_data", "user_data", "pinlake_sample"):
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {table}")
    make(url, "geolocation_data", "ind INTEGER PRIMARY KEY, mine VARCHAR(9)", [(1, "yes")])
    with pytest.raises(
        SourceTableForeign, match="'geolocation_data' that `pinlake sample` did not"
    ):
        write_sample(PINTEREST, url, 5)
    with DatabaseSource(url) as source:
        assert source.rows_at("geolocation_data", [0]) == [{"ind": 1, "mine": "yes"}]
    assert not sqlalchemy.inspect(engine).has_table("pinterest_data")
    engine.dispose()


def make(url, table, columns, rows):
    """Make a table by the database's own SQL."""
    engine = connect(url)
    mark = "?" if engine.dialect.paramstyle == "qmark" else "%s"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {table}")
        connection.exec_driver_sql(f"CREATE TABLE {table} ({columns})")
        if rows:
            marks = ", ".join([mark] * len(rows[0]))
            connection.exec_driver_sql(f"INSERT INTO {table} VALUES ({marks})", rows)
    engine.dispose()


def as_text(row):
    """A row as the producer sends it: times are their text."""
    return {name: str(value) for name, value in row.items()}
