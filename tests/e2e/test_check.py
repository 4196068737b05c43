"""`pinlake check` finds each kind of mistake in a data set as one error with file and line."""

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from harness.pipeline import pinlake
from pinlake.cli.main import app

LIBRARY = Path(__file__).parents[1] / "library"
TOML, LOAN, BOOK = "dataset.toml", "clean/loan.sql", "clean/book.sql"
WHILE = '"days > 0 AND days <= 100"'
TITLES, WORDS = "queries/loans_by_title.sql", "functions.sql"


class Mistake(NamedTuple):
    """One change to a data set: a text of a file for another, and what must be said of it."""

    file: str
    old: str | None
    new: str
    line: int
    said: str
    where: str = ""


def expectation(old, new, line, said):
    return Mistake(TOML, old, new, line, said)


def loan(old, new, line, said):
    return Mistake(LOAN, old, new, line, said)


MISTAKES = [
    # dataset.toml
    Mistake(TOML, 'key        = "loan_id"', "key        =", 9, "this is no TOML"),
    Mistake(TOML, "[tables.book]\n", "[tables.loan]\n", 19, "this is no TOML"),
    Mistake(TOML, "topics     =", "topic      =", 7, "no key 'topic', the nearest is 'topics'"),
    Mistake(TOML, "[tables.book]", "[table.book]", 19, "no key 'table', the nearest is 'tables'"),
    Mistake(TOML, 'order = ["loan"]', 'order = ["loans"]', 4, "no table 'loans', the nearest is 'loan'"),
    Mistake(TOML, 'order = ["loan"]', 'order = ["book"]', 4, "neither topics nor streams"),
    Mistake(TOML, 'order = ["loan"]', "first = -1", 4, "0 <= first <= last"),
    Mistake(TOML, 'order = ["loan"]', "sleep_seconds = [-1]", 4, "pauses of 0 s or more"),
    Mistake(TOML, "[producer]", "rows = 0\n[producer]", 3, "Expected `int` >= 1"),
    Mistake(TOML, 'type = "BIGINT"', 'type = "LONG"', 13, "type is 'LONG', which is none of 'STRING', 'INT'"),
    Mistake(TOML, 'pages  = { type = "INT" }', "pages  = {}", 26, "missing required field `type`"),
    Mistake(TOML, 'required = true, aliases = ["id"]', 'required = "always"', 13, "none of 'present', true, false"),
    Mistake(TOML, 'key  = "isbn"', "", 19, "missing required field `key`"),
    Mistake(TOML, "loan_id = {", "_loan_id = {", 13, "pinlake's own"),
    Mistake(TOML, 'aliases = ["id"]', 'aliases = ["id", "id"]', 13, "'id' names the column 'loan_id' already"),
    Mistake(TOML, 'aliases = ["id"]', 'aliases = ["ISBN"]', 14, "'isbn' names the column 'loan_id' already"),
    Mistake(TOML, "tables.book", "tables.a-book", 19, "'a-book' is no table name"),
    Mistake(TOML, '"loans",', '"loans/*",', 7, "'loans/*' is no pattern of a name"),
    Mistake(TOML, '"{id}.loan"', '"{user}.loan"', 7, "is no pattern of a name"),
    Mistake(TOML, 'partition_key = "loan*"', 'partition_key = "loan?"', 8, "no partition-key pattern"),
    Mistake(TOML, 'partition_key = "loan*"', 'partition = "loan*"', 8, "the nearest is 'partition_key'"),
    Mistake(TOML, 'key  = "isbn"', 'key  = "isbn"\ntopics = "loans"', 22, "'loans' feeds 'loan' already"),
    Mistake(TOML, 'key  = "isbn"', 'key  = "isbn"\nstreams = "library-events"', 22, "tell them apart by keys"),
    Mistake(TOML, 'source = "file"', 'source = "files"', 20, "no source 'files', the nearest is 'file'"),
    Mistake(TOML, 'source = "file", ', "", 20, "`from` says no source: it is one of file, database"),
    Mistake(TOML, "path =", "paths =", 20, "no key 'paths', the nearest is 'path'"),
    Mistake(TOML, ', path = "books/*.csv"', "", 20, "is no pattern of files"),
    Mistake(TOML, "books/*.csv", "books/*.txt", 20, "does not tell the format"),
    Mistake(TOML, "*.csv", '*.csv", format = "xml', 20, "format is 'xml', which is none of 'csv', 'jsonl'"),
    Mistake(TOML, "*.csv", '*.csv", delimiter = "ab', 20, "delimiter is one character"),
    Mistake(TOML, 'source = "file", path = "books/*.csv"', 'source = "database", path = "x"', 20, "'path'"),
    Mistake(TOML, None, "", 1, "missing required field `tables`"),
    Mistake(TOML, None, "tables = 5", 1, "Expected `object`, got `int`"),
    Mistake(TOML, None, "# \xff", 1, "this is not UTF-8"),
    # names that dataset.toml and the SQL must agree on
    Mistake(TOML, 'key        = "loan_id"', 'key        = "loan"', 1, "no column is called loan, which dataset.toml names as the key; there is loan_id", LOAN),
    Mistake(TOML, 'event_time = "lent_at"', 'event_time = "lent"', 1, "names as the event_time", LOAN),
    Mistake(TOML, 'event_time = "lent_at"', 'event_time = "reader"', 5, "reader is STRING, and the event_time must be one of TIMESTAMP, DATE", LOAN),
    loan("loan_id,", "struct(loan_id, isbn) AS loan_id,", 3, "the key must be one of INT"),
    Mistake(LOAN, None, None, 6, "clean/loan.sql is missing", TOML),
    Mistake("clean/loans.sql", "", "SELECT 1", 1, "no table 'loans', the nearest is 'loan'"),
    Mistake("clean/reader.sql", "", "SELECT 1", 1, "no table 'reader'"),
    # cleaning
    loan("isbn,", "isbnn,", 4, "isbnn"),
    loan("  days", "  CAST(days AS STRING) AS days", 7, "CAST of input throws on Spark"),
    loan("  days", "  days::STRING AS days", 7, "CAST of input throws on Spark"),
    loan("  days", "  try_cast(reader AS INT) AS days", 7, "the engines read text differently"),
    loan("  days", "  try_cast(lent_at AS TIMESTAMP) AS days", 7, "the engines read text differently"),
    loan("utc_timestamp(lent_at)", "try_to_timestamp(lent_at)", 6, "try_to_timestamp() is no function that every engine has"),
    loan("utc_timestamp(lent_at)", "utc_timestmp(lent_at)", 6, "did you mean utc_timestamp()?"),
    loan("blank_to_null(reader)", "reverse(reader)", 5, "reverse() is not known to be the same on every engine"),
    loan("blank_to_null(reader)", "lower(reader)", 5, "lower() differs outside of ASCII"),
    loan("blank_to_null(reader)", "CASE WHEN reader RLIKE '^a$' THEN reader END", 5, "write \\\\z"),
    loan("blank_to_null(reader)", "reader RLIKE '[a'", 5, "missing ]"),
    loan("blank_to_null(reader)", "reader RLIKE isbn", 5, "a regexp must be a text in quotes"),
    loan("  days", "  days * 1.5 AS days", 7, "DECIMAL"),
    loan("  days", "  days / 2", 7, "has no name: put AS name behind it"),
    loan("  days", "  days, reader AS Days", 7, "there are two columns Days"),
    loan("  days", "  days AS _days", 7, "pinlake's own"),
    loan("  days", "  *", 7, "name the columns"),
    loan("  days", "  max(days) AS days", 7, "looks at other rows"),
    loan("  days", "  sum(days) OVER () AS days", 7, "looks at other rows"),
    loan("  days", "  (SELECT 1) AS days", 7, "looks at other rows"),
    loan("FROM `loan`", "FROM `loan`\nWHERE days > 1", 9, "WHERE is refused: a cleaning makes one row of each row"),
    loan("FROM `loan`", "FROM `loan`\nGROUP BY 1", 9, "GROUP BY is refused"),
    loan("FROM `loan`", "FROM `loan`\nHAVING days > 1", 9, "HAVING is refused"),
    loan("FROM `loan`", "FROM `loan`\nQUALIFY days > 1", 9, "QUALIFY is refused"),
    loan("FROM `loan`", "FROM `loan`\nORDER BY days", 9, "ORDER BY is refused"),
    loan("FROM `loan`", "FROM `loan`\nLIMIT 5", 9, "LIMIT is refused"),
    loan("FROM `loan`", "FROM `loan`\nJOIN book ON true", 9, "a join is refused"),
    loan("FROM `loan`", "FROM `loan`\nUNION ALL SELECT 1", 3, "this is a UNION"),
    loan("FROM `loan`", "FROM `book`", 8, "the rows come FROM `loan`"),
    loan("FROM `loan`", "FROM `loan`;\nSELECT 1", 9, "one SELECT is wanted, these are 2 statements"),
    loan("SELECT\n", "SELECT DISTINCT\n", 2, "DISTINCT is refused"),
    loan("SELECT\n", "SELEC\n", 2, "this one with SELEC"),
    loan("  isbn,", "  isbn", 5, ""),
    loan("blank_to_null(reader)", "blank_to_null(reader", 5, "the bracket ( is not closed"),
    loan("blank_to_null(reader)", "nullif(reader, 'x)", 5, ""),
    loan("FROM `loan`", "", 3, "FROM `loan`"),
    Mistake(LOAN, None, "", 1, "one SELECT is wanted, these are 0 statements"),
    Mistake(LOAN, None, "DELETE FROM loan", 1, "one SELECT is wanted, this is DELETE"),
    Mistake(LOAN, None, "SELECT loan_id\nFROM loan -- \xff", 2, "this is not UTF-8"),
    # the data set's own functions
    Mistake(WORDS, "replace(c, ' g', '')", "reverse(c)", 3, "reverse() is not known"),
    Mistake(WORDS, "CREATE TEMPORARY FUNCTION", "CREATE FUNCTION", 2, "CREATE TEMPORARY FUNCTION"),
    Mistake(WORDS, "grams(c", "gram(c", 6, "did you mean gram()?", BOOK),
    Mistake(WORDS, "THEN try_cast", "THEN cast", 3, "CAST of input"),
    Mistake(WORDS, "END;", "END FROM x;", 2, "CREATE TEMPORARY FUNCTION"),
    # questions
    Mistake(TITLES, "FROM `loan` AS", "FROM `loans` AS", 3, "loans"),
    Mistake(TITLES, "book.title, CAST", "book.titel, CAST", 2, "titel"),
    Mistake(TITLES, "-- How often was each book lent?\n", "", 1, "the first line must be the question's title"),
    Mistake(TITLES, "ORDER BY loans DESC, title", "", 6, "rows come in a fixed order: end it with ORDER BY"),
    Mistake(TITLES, "CAST(count(*) AS BIGINT)", "sum(loan.days)", 2, "loans is HUGEINT on DuckDB"),
    Mistake(TITLES, "CAST(count(*) AS BIGINT)", "avg(loan.days)", 2, "avg() is not known"),
    Mistake(TITLES, "ORDER BY loans DESC, title", "ORDER BY loans DESC, title;\nSELECT 1", 8, "these are 2 statements"),
    Mistake(TITLES, "GROUP BY book.title", "", 2, "GROUP BY"),
    Mistake("queries/two words.sql", "", "-- T\nSELECT 1 AS a ORDER BY a", 1, "'two words' is no name of a question"),
    # the sample
    Mistake("sample.py", "", "COLUMNS = {}\n", 1, "it has no post"),
    Mistake("sample.py", "", "COLUMNS = {}\npost = print\n", 1, "COLUMNS has no table"),
    Mistake("sample.py", "", "COLUMNS = {'loans': {}}\npost = print\n", 1, "COLUMNS has a table 'loans'"),
    Mistake("sample.py", "", "COLUMNS = {}\ndef post(number, rng)\n", 2, "expected ':'"),
    # expectations
    expectation("lent_for_a_while =", "for-a-while =", 30, "'for-a-while' is no name of an expectation"),
    expectation("lent_for_a_while =", "'' =", 30, "'' is no name of an expectation"),
    expectation(WHILE, '""', 30, "lent_for_a_while has no condition"),
    expectation(WHILE, '" "', 30, "lent_for_a_while has no condition"),
    expectation(WHILE, "5", 30, "Expected `object`, got `int`"),
    expectation(WHILE, "{}", 30, "missing required field `constraint`"),
    expectation('action = "fail"', 'action = ""', 31, "action is '', which is none of 'warn', 'fail'"),
    expectation('action = "fail"', 'action = "drop"', 31, "action is 'drop', which is none of 'warn', 'fail'"),
    expectation('action = "fail"', 'actions = "fail"', 31, "no key 'actions', the nearest is 'action'"),
    expectation("[tables.loan.expectations]", "[tables.loan.expectation]", 29, "no key 'expectation', the nearest is 'expectations'"),
    expectation("[tables.loan.expectations]", "[tables.loans.expectations]", 29, "missing required field `key`"),
    expectation(WHILE, '"days > 0; SELECT 1"', 30, "one condition is wanted, and nothing else"),
    expectation(WHILE, '"days > 0;"', 30, "one condition is wanted"),
    expectation(WHILE, '"-- days > 0"', 30, "one condition is wanted"),
    expectation(WHILE, '"days > 0, true"', 30, "one condition is wanted"),
    expectation(WHILE, '"days > 0 AS met"', 30, "one condition is wanted"),
    expectation(WHILE, '"days > 0 FROM loan"', 30, "one condition is wanted"),
    expectation(WHILE, '"true UNION SELECT true"', 30, "one condition is wanted"),
    expectation(WHILE, '"DISTINCT days > 0"', 30, "one condition is wanted"),
    expectation(WHILE, '"*"', 30, "one condition is wanted"),
    expectation(WHILE, '"true) IS TRUE OR (true"', 30, "lent_for_a_while: "),
    expectation(WHILE, '"days >"', 30, "lent_for_a_while: "),
    expectation(WHILE, '"(days > 0"', 30, "the bracket ( is not closed"),
    expectation(WHILE, '"(SELECT true)"', 30, "one condition is wanted"),
    expectation(WHILE, '"isbn IN (SELECT isbn FROM book)"', 30, "looks at other rows: an expectation judges each row by itself"),
    expectation(WHILE, '"EXISTS (SELECT 1 FROM book)"', 30, "looks at other rows"),
    expectation(WHILE, '"count(*) > 1"', 30, "count() looks at other rows"),
    expectation(WHILE, '"max(days) > 1"', 30, "looks at other rows"),
    expectation(WHILE, '"row_number() OVER (ORDER BY days) > 1"', 30, "looks at other rows"),
    expectation(WHILE, '"lent_at < current_timestamp()"', 30, "not known to be the same on every engine"),
    expectation(WHILE, '"CAST(reader AS INT) > 0"', 30, "CAST of input throws on Spark"),
    expectation(WHILE, '"lower(reader) = reader"', 30, "lower() differs outside of ASCII"),
    expectation(WHILE, '"reader RLIKE \'a$\'"', 30, "lent_for_a_while: $ as an end"),
    expectation(WHILE, '"grms(\'1 g\') > 0"', 30, "did you mean grams()?"),
    expectation(WHILE, '"dayz > 0"', 30, 'lent_for_a_while: Binder Error: Referenced column "dayz" not found'),
    expectation(WHILE, '"_offset >= 0"', 30, '"_offset" not found'),
    expectation(WHILE, '"book.pages > 0"', 30, '"book" not found'),
    expectation(WHILE, '"reader > 5"', 30, "Cannot compare values of type VARCHAR"),
    expectation(WHILE, '"days"', 30, "it is INTEGER, and a condition is BOOLEAN"),
    expectation(WHILE, '"\'yes\'"', 30, "it is VARCHAR, and a condition is BOOLEAN"),
    expectation(WHILE, '"""\ndays > 0\nAND dayz > 1"""', 30, '"dayz" not found'),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(LIBRARY, tmp_path / "library"))


def mistaken(folder, mistake):
    """Make the mistake in a copy of the data set."""
    path = folder / mistake.file
    if mistake.new is None:
        path.unlink()
        return
    old = path.read_text() if path.exists() else ""
    if mistake.old:
        assert mistake.old in old
    new = old.replace(mistake.old, mistake.new, 1) if mistake.old else mistake.new
    path.write_text(new, encoding="latin-1" if "\xff" in new else "utf-8")


def check(folder, *options):
    return CliRunner().invoke(app, ["check", str(folder), *options])


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda each: f"{each.file}: {each.new}"[:60])
def test_a_mistake_is_one_error_with_file_and_line(folder, mistake):
    mistaken(folder, mistake)
    done = check(folder, "--json")
    assert done.exit_code == 1, done.output
    found = [json.loads(line) for line in done.stdout.splitlines()]
    where = [(str(Path(each["file"]).relative_to(folder)), each["line"]) for each in found]
    assert where == [(mistake.where or mistake.file, mistake.line)], found
    assert mistake.said in found[0]["reason"]


def test_a_data_set_without_a_mistake_says_so(folder):
    done = check(folder)
    assert (done.exit_code, done.stdout.strip()) == (0, f"{folder}: nothing to mend")


def test_mistakes_in_several_files_are_all_said(folder):
    for mistake in (
        loan("isbn,", "CAST(isbn AS INT) AS isbn,", 4, ""),
        Mistake(BOOK, "pages,", "*,", 5, ""),
    ):
        mistaken(folder, mistake)
    assert [line.partition(": ")[0] for line in check(folder).stdout.splitlines()] == [
        f"{folder / LOAN}:4",
        f"{folder / BOOK}:5",
    ]


def test_a_file_that_cannot_be_read_is_said(folder):
    (folder / LOAN).unlink()
    (folder / LOAN).mkdir()
    done = check(folder, "--json")
    assert json.loads(done.stdout)["file"] == str(folder / LOAN)
    assert "cannot be read" in done.stdout


@pytest.mark.parametrize("number", [3, 41])
def test_the_command_prints_one_line_and_exits_with_one(folder, number):
    mistaken(folder, MISTAKES[number])
    done = pinlake("check", folder, check=False)
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (1, 1, "")
    where = MISTAKES[number].where or MISTAKES[number].file
    assert done.stdout.startswith(f"{folder / where}:{MISTAKES[number].line}: ")


def test_a_folder_without_a_data_set_is_said(tmp_path):
    done = pinlake("check", tmp_path, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "pass a folder with a dataset.toml" in done.stderr


def test_a_data_set_with_a_mistake_does_not_run(folder, tmp_path):
    mistaken(folder, MISTAKES[2])
    done = pinlake("load", "--once", "--dataset", folder, "--home", tmp_path / "home", check=False)
    assert done.returncode == 1
    assert "the nearest is 'topics'" in done.stderr.splitlines()[-1]
