"""Statements: the tables they name, and the cache of their translations."""

import subprocess
import sys

import pytest

import lakehouse
from pinlake.query import statement
from pinlake.query.statement import Reference

SQL = "SELECT ind FROM pin"


def read(sql):
    return statement.read(sql, "SQL").references


@pytest.mark.parametrize(
    ("sql", "references"),
    [
        ("SELECT 1 AS one", []),
        ("SELECT * FROM pin p JOIN user u ON p.ind = u.ind", ["pin", "user"]),
        ("SELECT * FROM pin WHERE ind IN (SELECT ind FROM stream.pin)", ["pin", "stream.pin"]),
        ("SELECT * FROM pin UNION ALL SELECT * FROM raw.`a.b`", ["pin", "raw.a.b"]),
        ("WITH a AS (SELECT * FROM pin) SELECT * FROM a", ["pin"]),
        ("SELECT (SELECT max(ind) FROM user) AS top FROM geo", ["geo", "user"]),
        ("SELECT explode(array(1, 2)) AS n", []),
    ],
)
def test_a_statement_names_the_tables_it_reads(sql, references):
    found = [f"{each.schema}.{each.name}".lstrip(".") for each in read(sql)]
    assert sorted(found) == references


@pytest.mark.parametrize(
    ("reference", "table"),
    [
        (Reference("", "pin"), "stream/pin"),
        (Reference("clean", "pin"), "clean/pin"),
        (Reference("raw", "0abc12345678.pin"), "raw/0abc12345678.pin"),
        (Reference("quarantine", "load_pin"), "quarantine/load/pin"),
        (Reference("quarantine", "stream__unrouted"), "quarantine/stream/_unrouted"),
        (Reference("quarantine", "load_a_b"), "quarantine/load/a_b"),
    ],
)
def test_a_reference_means_a_table(reference, table):
    assert reference.table("stream") == table


def test_a_cached_statement_is_the_statement(tmp_path):
    first = statement.read_cached(SQL, "SQL", "", tmp_path)
    assert statement.read_cached(SQL, "SQL", "", tmp_path) == first == statement.read(SQL, "SQL")
    assert len(list(tmp_path.iterdir())) == 1


def test_another_text_or_other_words_have_an_entry_of_their_own(tmp_path):
    words = "CREATE TEMPORARY FUNCTION twice(n INT) RETURNS INT RETURN n * 2;"
    statement.read_cached(SQL, "SQL", "", tmp_path)
    statement.read_cached(SQL + " -- again", "SQL", "", tmp_path)
    statement.read_cached(SQL, "SQL", words, tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_torn_entry_is_written_again(tmp_path):
    first = statement.read_cached(SQL, "SQL", "", tmp_path)
    [entry] = tmp_path.iterdir()
    whole = entry.read_bytes()
    entry.write_bytes(whole[: len(whole) // 2])
    assert statement.read_cached(SQL, "SQL", "", tmp_path) == first
    assert entry.read_bytes() == whole


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    assert statement.read_cached(SQL, "SQL", "", blocked) == statement.read(SQL, "SQL")


def test_a_question_asked_before_needs_no_sql_parser(tmp_path):
    lake = lakehouse.small_lake(tmp_path, top="SELECT max(ind) AS top FROM pin")
    assert lake.ask("top").rows() == [(3,)]
    script = (
        "import sys, pathlib, lakehouse\n"
        "from pinlake.query.lake import OpenLake\n"
        "from pinlake.settings import Home\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "known = lakehouse.dataset(path, top='SELECT max(ind) AS top FROM pin')\n"
        "print(OpenLake(Home(path), known).ask('top').rows(), 'sqlglot' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=lakehouse.FOLDER,
    )
    assert done.stdout == "[(3,)] False\n"


def test_the_line_of_an_engines_message_is_that_of_the_name_it_holds():
    sql = "SELECT ind,\n  foo\nFROM pin"
    assert statement.line_of(sql, 'Referenced column "foo" not found') == 2
    assert statement.line_of(sql, "Scalar Function with name foo does not exist!") == 2
    assert statement.line_of(sql, "something else") == 1
