"""Spark SQL made ready for an engine: translation, provenance columns, functions."""

import pytest

from pinlake import dataset
from pinlake.engine import dialect, functions
from pinlake.errors import SqlRefused

PROVENANCE = ("_topic", "_partition", "_offset", "_element")


def refusal(act, *arguments):
    with pytest.raises(SqlRefused) as caught:
        act(*arguments)
    return caught.value


def test_names_are_quoted_for_duckdb_reserves_some_that_spark_does_not(duck):
    duck.execute('CREATE TABLE "user" AS SELECT 1 AS "timestamp", 2 AS "order"')
    assert duck.sql(dialect.to_duckdb("SELECT `timestamp`, `order` FROM `user`")).fetchall() == [
        (1, 2)
    ]


def test_our_utc_timestamp_is_not_taken_for_mysqls_clock():
    assert "CURRENT" not in dialect.to_duckdb("SELECT utc_timestamp(a) AS t FROM x")


def test_groups_in_a_replacement_are_written_as_re2_wants_them(duck):
    sql = r"SELECT regexp_replace('ab', '(a)(b)', '$2\\$<$1>\\\\') AS v"
    assert duck.sql(dialect.to_duckdb(sql)).fetchall() == [("b$<a>\\",)]


def test_a_null_sorts_first_as_in_spark(duck):
    sql = "SELECT v FROM (VALUES ('b'), (NULL), ('a')) AS t(v) ORDER BY v"
    assert duck.sql(dialect.to_duckdb(sql)).fetchall() == [(None,), ("a",), ("b",)]


@pytest.mark.parametrize(
    ("sql", "line", "reason"),
    [
        ("SELECT 1; SELECT 2", 1, "these are 2 statements"),
        ("", 1, "these are 0 statements"),
        ("-- nothing", 1, "these are 0 statements"),
        ("DROP TABLE pin", 1, "this is DROP"),
        ("INSERT INTO pin VALUES (1)", 1, "this is INSERT"),
        ("SELECT a\nFROM pin\nWHERE (a", 3, "the bracket ( is not closed"),
        ("SELECT 'a\nFROM pin", 1, "Error tokenizing"),
        ("SELECT a\nFROM pin\nGROUP a", 3, ""),
    ],
)
def test_what_is_no_single_select_is_refused_with_its_line(sql, line, reason):
    error = refusal(dialect.to_duckdb, sql, "mine.sql")
    assert (error.where, error.line) == ("mine.sql", line)
    assert reason in error.reason


@pytest.mark.parametrize("table", ["pin", "geo", "user"])
def test_provenance_is_added_and_the_text_itself_stays(table):
    sql = dataset.load("pinterest").tables[table].clean_sql
    widened = dialect.with_provenance(sql, PROVENANCE, "spark")
    added = ", _topic, _partition, _offset, _element "
    assert widened.replace(added, "") == sql
    assert widened.index(added) + len(added) == widened.index("FROM `")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM t",
        "select a from t",
        "SELECT\n  trim(BOTH ' ' FROM a) AS a -- from here\nFROM t",
        "SELECT /* FROM */ a, ' FROM ' AS b, [1, 2][0] AS c FROM t -- FROM",
        "SELECT CASE WHEN extract(YEAR FROM date '2018-01-01') = 1 THEN a END AS a FROM t",
        "SELECT a FROM`t`",
    ],
)
def test_the_outermost_from_is_found(duck, sql):
    duck.execute("CREATE TABLE t AS SELECT 'x' AS a, 1 AS _topic, 2 AS _offset")
    relation = duck.sql(dialect.with_provenance(sql, ("_topic", "_offset"), "duckdb"))
    assert relation.columns[-2:] == ["_topic", "_offset"]
    assert relation.fetchall()[0][-2:] == (1, 2)


def test_no_columns_to_add_changes_nothing():
    assert dialect.with_provenance("SELECT a FROM t", (), "spark") == "SELECT a FROM t"


def test_a_select_without_from_is_refused():
    assert (
        "FROM" in refusal(dialect.with_provenance, "SELECT 1", PROVENANCE, "spark", "x.sql").reason
    )


OWN = """
-- Twice a text.
CREATE TEMPORARY FUNCTION doubled(c STRING) RETURNS STRING RETURN concat(c, c);
CREATE TEMPORARY FUNCTION tidy_or(c STRING, other STRING) RETURNS STRING
RETURN coalesce(blank_to_null(c), other) -- the first that says something
"""


def test_spark_gets_the_functions_as_they_are_written():
    doubled, tidy_or = functions.spark_statements(OWN)
    assert (
        doubled == "CREATE TEMPORARY FUNCTION doubled(c STRING) RETURNS STRING RETURN concat(c, c)"
    )
    assert tidy_or in OWN
    assert tidy_or.endswith("\nRETURN coalesce(blank_to_null(c), other)")


def test_a_data_sets_own_functions_may_call_the_shipped_ones(duck):
    functions.define(duck, OWN)
    sql = dialect.to_duckdb("SELECT tidy_or(' ', doubled('a')) AS v, tidy_or('x', 'y') AS w")
    assert duck.sql(sql).fetchall() == [("aa", "x")]


def test_macros_can_be_made_again_on_the_same_connection(duck):
    for _ in range(2):
        functions.define(duck)


def test_a_function_is_held_to_the_type_it_promises(duck):
    own = "CREATE TEMPORARY FUNCTION size_of(c STRING) RETURNS INT RETURN length(c)"
    for macro in functions.duckdb_macros(own):
        duck.execute(macro)
    assert str(duck.sql("SELECT size_of('abc') AS v").types[0]) == "INTEGER"


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("doubled('a')", "aa"),
        ("doubled(doubled('a'))", "aaaa"),
        ("tidy_or(concat(' ', ' '), doubled(substring('abc', 2)))", "bcbc"),
        ("concat(doubled('c'), DOUBLED( -- twice, (really)\n 'c' ), ')')", "cccc)"),
        ("tidy_or('(', ',') || tidy_or(' ', 'doubled(x)')", "(doubled(x)"),
        ("'doubled(1)'", "doubled(1)"),
    ],
)
def test_calls_are_written_out_where_an_engine_has_no_functions(duck, call, value):
    inlined = functions.inline(f"SELECT {call} AS v", functions.words(OWN))
    assert duck.sql(dialect.to_duckdb(inlined)).fetchall() == [(value,)]


def test_text_without_calls_is_not_touched_by_inlining():
    sql = "SELECT doubled, tidy_or AS `doubled` -- doubled(x)\nFROM t"
    assert functions.inline(sql, functions.words(OWN)) == sql


def test_a_call_with_the_wrong_number_of_arguments_is_refused():
    assert (
        "takes 2 arguments"
        in refusal(functions.inline, "SELECT tidy_or('a')", functions.words(OWN)).reason
    )


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("\nSELECT 1", 2, "CREATE TEMPORARY FUNCTION name"),
        ("CREATE TEMPORARY FUNCTION f(c STRING) RETURN c", 1, "RETURNS TYPE"),
        (
            "\n\nCREATE TEMPORARY FUNCTION lower(c STRING) RETURNS STRING RETURN c",
            3,
            "lower already",
        ),
        (
            "CREATE TEMPORARY FUNCTION f(c STRING) RETURNS STRING\nRETURN (c",
            2,
            "the bracket ( is not closed",
        ),
    ],
)
def test_what_is_no_function_is_refused_with_its_line(text, line, reason):
    error = refusal(functions.read, text, "functions.sql")
    assert (error.where, error.line) == ("functions.sql", line)
    assert reason in error.reason
