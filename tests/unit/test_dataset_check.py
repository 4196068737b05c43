"""SQL of data sets that engines would answer differently is refused, with its line."""

import shutil
from pathlib import Path

import pytest

from pinlake import dataset
from pinlake.engine import check, functions
from pinlake.errors import SqlRefused

SHOP = Path("clean/shop.sql")
LINE_TWO = "SELECT\n{}\nFROM `shop`"


def refusal(act, *arguments):
    with pytest.raises(SqlRefused) as caught:
        act(*arguments)
    return caught.value


@pytest.fixture
def copied(tmp_path):
    """Return a function that changes one file of a copy of the Pinterest data set and loads it."""
    folder = shutil.copytree(dataset.load("pinterest").path, tmp_path / "mine")

    def change(name, old, new):
        text = (folder / name).read_text() if (folder / name).exists() else old
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))
        return dataset.load(str(folder))

    return change


@pytest.mark.parametrize("name", sorted(dataset.shipped()))
def test_shipped_data_sets_are_without_fault(name):
    assert check.check_dataset(dataset.load(name)) == []


def test_the_words_of_cleaning_obey_the_rules_they_spare_others(tmp_path):
    check.check_functions(functions.words(), tmp_path / "functions.sql")


@pytest.mark.parametrize(
    ("sql", "line", "reason"),
    [
        ("SELECT a\nFROM shop\nWHERE a", 3, "WHERE is refused"),
        ("SELECT a\nFROM shop\nGROUP BY a", 3, "GROUP BY is refused"),
        ("SELECT a\nFROM shop\nORDER BY a", 3, "ORDER BY is refused"),
        ("SELECT DISTINCT a\nFROM shop", 1, "DISTINCT is refused"),
        ("SELECT a FROM shop LIMIT 1", 1, "LIMIT is refused"),
        ("SELECT a FROM shop OFFSET 1", 1, "OFFSET is refused"),
        ("SELECT a FROM shop HAVING a", 1, "HAVING is refused"),
        ("SELECT a\nFROM shop\nJOIN geo ON geo.a = shop.a", 3, "a join is refused"),
        ("SELECT a\nFROM shop,\ngeo", 3, "a join is refused"),
        ("SELECT a FROM shop LATERAL VIEW explode(a) AS b", 1, "LATERAL VIEW is refused"),
        ("WITH x AS (SELECT 1 AS a) SELECT a FROM shop", 1, "WITH is refused"),
        ("SELECT a FROM shop UNION ALL SELECT a FROM shop", 1, "this is a UNION"),
        ("SELECT a\nFROM geo", 2, "FROM `shop`, and from nowhere else"),
        ("SELECT a\nFROM other.shop", 2, "FROM `shop`"),
        ("SELECT a FROM (SELECT a FROM shop)", 1, "FROM `shop`"),
        ("SELECT a FROM shop TABLESAMPLE (1 ROWS)", 1, "FROM `shop`"),
        ("SELECT a FROM shop VERSION AS OF 3", 1, "FROM `shop`"),
        ("SELECT 1 AS a", 1, "FROM `shop`"),
        ("DELETE FROM shop", 1, "one SELECT is wanted"),
        ("SELECT a FROM shop; SELECT a FROM shop", 1, "one SELECT is wanted"),
        ("SELECT a\n  b c\nFROM shop", 2, ""),
    ],
)
def test_a_cleaning_that_is_not_one_row_wise_select_of_its_table_is_refused(sql, line, reason):
    error = refusal(check.check_cleaning, sql, SHOP)
    assert (error.where, error.line) == (str(SHOP), line)
    assert reason in error.reason


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("sum(a) OVER () AS a", "looks at other rows"),
        ("concat(a, b) OVER (ORDER BY a) AS a", "looks at other rows"),
        ("max(a) AS a", "looks at other rows"),
        ("(SELECT 1) AS a", "looks at other rows"),
        ("a IN (SELECT 1) AS a", "looks at other rows"),
        ("*", "name the columns"),
        ("shop.*", "name the columns"),
        ("a + 1", "has no name"),
        ("a AS _topic", "pinlake's own"),
        ("a, b AS A", "two columns A"),
        ("CAST(a AS INT) AS a", "CAST of input throws on Spark"),
        ("CAST(trim(a) AS STRING) AS a", "CAST of input throws on Spark"),
        ("a::INT AS a", "CAST of input throws on Spark"),
        ("int(a) AS a", "CAST of input throws on Spark"),
        ("to_timestamp(a) AS a", "CAST of input throws on Spark"),
        ("to_date(a) AS a", "to_date() is not known to be the same"),
        ("try_cast(a AS INT) AS a", "read text differently"),
        ("try_cast(concat(a, b) AS BIGINT) AS a", "read text differently"),
        ("try_cast(a AS TIMESTAMP) AS a", "read text differently"),
        ("try_cast(a AS DATE) AS a", "read text differently"),
        ("try_cast(a AS DOUBLE) AS a", "read text differently"),
        ("try_cast(try_cast(a AS DECIMAL(9, 2)) AS INT) AS a", "read text differently"),
        (
            "CASE WHEN a RLIKE '[0-9]' THEN try_cast(try_cast(a AS DECIMAL(9, 2)) AS INT) END AS a",
            "floor() it first",
        ),
        ("CASE WHEN b THEN try_cast(a AS INT) END AS a", "read text differently"),
        (
            "CASE WHEN a RLIKE '^[0-9]+\\\\z' THEN 1 ELSE try_cast(a AS INT) END AS a",
            "read text differently",
        ),
        (
            "try_to_timestamp(a, 'yyyy') AS a",
            "try_to_timestamp() is no function that every engine has",
        ),
        ("blank_to_nul(a) AS a", "did you mean blank_to_null()?"),
        ("rand() AS a", "not known to be the same"),
        ("uuid() AS a", "not known to be the same"),
        ("current_timestamp() AS a", "not known to be the same"),
        ("now() AS a", "no function that every engine has"),
        ("explode(a) AS a", "not known to be the same"),
        ("reverse(a) AS a", "not known to be the same"),
        ("lower(a) AS a", "differs outside of ASCII"),
        ("trim(a) AS a", "differs outside of ASCII"),
        ("substring(a, 0, 2) AS a", "counts characters from 1"),
        ("left(a, -1) AS a", "0 or more characters"),
        ("a RLIKE b AS a", "a text in quotes"),
        ("a RLIKE 'x$' AS a", "lets a newline follow"),
        ("regexp_replace(a, 'x$', '') AS a", "lets a newline follow"),
        ("regexp_extract(a, 'x.y', 0) AS a", "differs on line ends"),
        ("a RLIKE '\\\\s' AS a", "name the characters in brackets"),
        ("a RLIKE '(?i)x' AS a", "flags and look-around"),
        ("a RLIKE '(?=x)' AS a", "flags and look-around"),
    ],
)
def test_an_expression_that_engines_answer_differently_is_refused(expression, reason):
    error = refusal(check.check_cleaning, LINE_TWO.format(expression), SHOP)
    assert reason in error.reason
    assert error.line in {1, 2}


@pytest.mark.parametrize(
    "expression",
    [
        "a",
        "a AS b, shop.c AS `d e`",
        "blank_to_null(nullif(a, 'x')) AS a",
        "struct(a, b) AS a",
        "CASE WHEN a RLIKE '^[A-Z]+\\\\z' THEN lower(a) END AS a",
        "CASE WHEN b AND a RLIKE '^[0-9]+\\\\z' THEN try_cast(concat(a, '0') AS INT) END AS a",
        "CAST(length(a) AS INT) AS a",
        "try_cast(a AS STRING) AS a",
        "a RLIKE '[.$][$.]\\\\.\\\\$(?:x|y)[^\\\\s]' AS a",
        "a + 1 AS a",
        "NULL AS a",
    ],
)
def test_an_expression_that_is_known_to_agree_passes(expression):
    check.check_cleaning(LINE_TWO.format(expression), SHOP)


def test_a_cleaning_may_call_the_data_sets_own_functions():
    own = "CREATE TEMPORARY FUNCTION mine(c STRING) RETURNS STRING RETURN concat(c, c)"
    check.check_cleaning("SELECT mine(a) AS a FROM shop", SHOP, own)
    assert "mine()" in refusal(check.check_cleaning, "SELECT mine(a) AS a FROM shop", SHOP).reason


@pytest.mark.parametrize(
    ("sql", "line", "reason"),
    [
        ("SELECT a\nFROM shop\n", 2, "ORDER BY"),
        ("SELECT avg(a) AS a\nFROM shop\nORDER BY a", 1, "avg() is not known"),
        ("SELECT\n  CAST(a AS INT) AS a\nFROM shop ORDER BY a", 2, "CAST of input"),
        ("SELECT a FROM shop\nWHERE a RLIKE 'x$'\nORDER BY a", 2, "newline"),
        ("INSERT INTO shop VALUES (1)", 1, "one SELECT"),
    ],
)
def test_a_question_that_engines_answer_differently_is_refused(sql, line, reason):
    error = refusal(check.check_question, sql, Path("queries/q.sql"))
    assert (error.where, error.line) == ("queries/q.sql", line)
    assert reason in error.reason


def test_each_file_with_a_fault_is_named(copied):
    copied("clean/pin.sql", "index AS ind", "CAST(index AS INT) AS ind")
    held = copied("queries/users_joined_by_year.sql", "ORDER BY post_year", "")
    faults = check.check_dataset(held)
    assert [(Path(fault.where).name, fault.line) for fault in faults] == [
        ("pin.sql", 3),
        ("users_joined_by_year.sql", 9),
    ]


@pytest.mark.parametrize(
    ("name", "old", "new", "where", "line", "reason"),
    [
        ("clean/pin.sql", "blank_to_null(category)", "blank_to_null(kategory)", "pin.sql", 21, "kategory"),
        ("clean/user.sql", "  age,", "  age + 1 AS years,", "median", 0, "age"),
        ("clean/user.sql", "  age,", "  age + 1 AS years,", "dataset.toml", 78, "age_is_plausible: "),
        ("clean/user.sql", "ind,", "ind AS id,", "user.sql", 1, "key"),
        ("clean/user.sql", "AS date_joined", "AS joined", "user.sql", 1, "event_time"),
        ("clean/user.sql", "  age,", "  age * 1.5 AS age,", "user.sql", 5, "age is DECIMAL"),
        ("queries/users_joined_by_year.sql", "FROM `user`", "FROM `users`", "users_joined_by_year.sql", 4, "users"),
        (
            "queries/users_joined_by_year.sql",
            "count(*)",
            "sum(age)",
            "users_joined_by_year.sql",
            7,
            "number_users_joined is HUGEINT",
        ),
        ("functions.sql", "", "CREATE TEMPORARY FUNCTION f(c STRING) RETURNS STRING\nRETURN reverse(c)", "functions.sql", 2, "reverse()"),
    ],
)  # fmt: skip
def test_a_rehearsal_finds_what_reading_cannot(copied, name, old, new, where, line, reason):
    faults = check.check_dataset(copied(name, old, new))
    found = [fault for fault in faults if where in str(fault.where)]
    assert found
    assert reason in str(found[0].reason)
    assert not line or found[0].line == line
