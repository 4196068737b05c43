"""A database's values arrive as JSON that says the same; rows are told apart by any kind of key."""

import contextlib
import json
import urllib.parse

import pytest

from pinlake.errors import SourceFailed
from pinlake.source.connection import connect
from pinlake.source.feed import open_feed
from pinlake.source.rows import DatabaseFeed
from pinlake.table import DatabaseOrigin, Table

MARIADB = [
    ("DATETIME", "'2018-03-01 12:00:00'", "2018-03-01 12:00:00"),
    ("DATETIME", "'0000-00-00 00:00:00'", "0000-00-00 00:00:00"),
    ("DATE", "'0000-00-00'", "0000-00-00"),
    ("DATE", "'2024-02-29'", "2024-02-29"),
    ("TIME", "'-101:02:03'", "-101:02:03"),
    ("DECIMAL(30,10)", "12345678901234567890.0123456789", "12345678901234567890.0123456789"),
    ("TINYINT(1)", "TRUE", 1),
    ("BIGINT UNSIGNED", "18446744073709551615", 2**64 - 1),
    ("BIGINT", "-9223372036854775808", -(2**63)),
    ("DOUBLE", "0.1", 0.1),
    ("BLOB", "x'00ff27'", "AP8n"),
    ("JSON", "'{\"a\": [1, null]}'", '{"a": [1, null]}'),
    ("TEXT CHARACTER SET utf8mb4", "'\U0001f600 é \x00'", "\U0001f600 é \x00"),
    ("VARCHAR(9) CHARACTER SET latin1", "'é'", "é"),
    ("ENUM('a','b')", "'b'", "b"),
    ("INT", "NULL", None),
]
POSTGRES = [
    ("TIMESTAMP", "'2018-03-01 12:00:00'", "2018-03-01 12:00:00"),
    ("TIMESTAMPTZ", "'2018-03-01 14:00:00+02'", "2018-03-01 12:00:00"),
    ("TIMESTAMPTZ", "'infinity'", "infinity"),
    ("TIMESTAMP", "'-infinity'", "-infinity"),
    ("DATE", "'0044-03-15 BC'", "0044-03-15 BC"),
    ("INTERVAL", "'1 month'", "1 mon"),
    ("NUMERIC", "12345678901234567890.0123456789", "12345678901234567890.0123456789"),
    ("NUMERIC", "'NaN'", "NaN"),
    ("FLOAT8", "'NaN'", "NaN"),
    ("FLOAT8", "'-Infinity'", "-Infinity"),
    ("FLOAT8[]", "'{1.5,NaN}'", [1.5, "NaN"]),
    ("BOOLEAN", "TRUE", True),
    ("BYTEA", "'\\x00ff27'", "AP8n"),
    ("JSONB", "'{\"a\": [1, null]}'", '{"a": [1, null]}'),
    ("TEXT[]", "'{a,NULL}'", ["a", None]),
    ("TIMESTAMP[]", "'{infinity,2018-03-01 12:00:00}'", ["infinity", "2018-03-01 12:00:00"]),
    ("UUID", "'8c5bd0a4-8bd1-4a35-9ee6-7c4f2b5ff3ec'", "8c5bd0a4-8bd1-4a35-9ee6-7c4f2b5ff3ec"),
    ("TEXT", "'\U0001f600 é'", "\U0001f600 é"),
    ("INT", "NULL", None),
]
KEYS = {
    "text": ("k VARCHAR(20) PRIMARY KEY", lambda n: f"'k''{n * 7919 % 100}é'"),
    "two columns": ("k VARCHAR(20), n INT, PRIMARY KEY (k, n)", lambda n: f"'k{n % 3}', {n}"),
    "time": ("k TIMESTAMP PRIMARY KEY", lambda n: f"'2024-01-01 00:00:{n % 60}'"),
    "decimal": ("k DECIMAL(9,2) PRIMARY KEY", lambda n: f"{n * n}.25"),
    "unique alone": ("k INT, note INT", lambda n: f"{n * 3}, 1"),
}


def run(url, *statements):
    engine = connect(url)
    with engine.begin() as connection:
        for each in statements:
            connection.exec_driver_sql(each.replace("%", "%%"))
    engine.dispose()


def read_all(url, size=10**9):
    """Return every row of the table t, in the stretches of one plan after another."""
    table = Table("t", origin=DatabaseOrigin(), source_table="t")
    feed, done, found = open_feed(table, None, url), None, []
    ((piece, end),) = feed.ends().items()
    while done := feed.next(piece, end, done, size):
        with contextlib.closing(DatabaseFeed("t", url)) as another:
            found += [json.loads(value) for value in another.read(done).values]
    feed.close()
    return found


def one_of_each(cases):
    columns = ", ".join(f"c{n} {kind}" for n, (kind, _, _) in enumerate(cases))
    values = ", ".join(value for _, value, _ in cases)
    return f"CREATE TABLE t (id INT PRIMARY KEY, {columns})", f"INSERT INTO t VALUES (1, {values})"


def test_mariadbs_values_say_what_they_said(mariadb):
    run(mariadb, "SET sql_mode = ''", *one_of_each(MARIADB))
    (row,) = read_all(mariadb)
    assert list(row.values())[1:] == [expected for _, _, expected in MARIADB]


def test_postgres_values_say_what_they_said(postgres):
    run(postgres, *one_of_each(POSTGRES))
    (row,) = read_all(postgres)
    assert list(row.values())[1:] == [expected for _, _, expected in POSTGRES]


def test_a_timestamp_of_mariadb_is_utc_whatever_the_servers_zone(mariadb):
    run(
        mariadb,
        "SET GLOBAL time_zone = '+05:00'",
        "CREATE TABLE t (id INT PRIMARY KEY, at TIMESTAMP)",
        "SET time_zone = '+05:00'",
        "INSERT INTO t VALUES (1, '2018-03-01 17:00:00')",
    )
    assert read_all(mariadb) == [{"id": 1, "at": "2018-03-01 12:00:00"}]


@pytest.mark.parametrize("database", ["mariadb", "postgres"])
@pytest.mark.parametrize("key", KEYS)
def test_rows_of_any_key_come_once_over_many_stretches(request, database, key):
    url = request.getfixturevalue(database)
    columns, value = KEYS[key]
    run(
        url,
        f"CREATE TABLE t ({columns})",
        *(f"INSERT INTO t VALUES ({value(n)})" for n in range(40)),
    )
    found = read_all(url, size=120)
    assert len({json.dumps(row) for row in found}) == len(found) == 40


@pytest.mark.parametrize("database", ["mariadb", "postgres"])
def test_a_table_whose_rows_no_key_tells_apart_is_refused(request, database):
    url = request.getfixturevalue(database)
    run(url, "CREATE TABLE t (k INT, v INT)", "INSERT INTO t VALUES (1, 1), (1, 2)")
    with pytest.raises(SourceFailed, match="no primary key and its first column k repeats"):
        read_all(url)


@pytest.mark.parametrize("database", ["mariadb", "postgres"])
def test_a_wrong_password_is_told_without_it(request, database):
    parts = urllib.parse.urlsplit(request.getfixturevalue(database))
    wrong = parts._replace(netloc=parts.netloc.replace("s3cret", "wr0ng")).geturl()
    with pytest.raises(SourceFailed, match="check user and password") as refused:
        read_all(wrong)
    assert "wr0ng" not in str(refused.value)
