"""Every function that data-set SQL may call: (expression, input, value) on DuckDB, Spark and Python."""

from datetime import UTC, datetime

import pytest

from pinlake.engine import agreement, dialect, functions
from reference import words
from sql_engines import DuckEngine, SparkEngine


def at(*fields):
    return datetime(*fields, tzinfo=UTC)


def same(*texts):
    return {text: text for text in texts}


def nothing(*texts):
    return dict.fromkeys(texts)


WORDS = {
    "blank_to_null": {
        **nothing(None, "", " ", "\t", "\r\n", " \t\r\n "),
        **same("E", " x", "x ", "\u00a0", "\u3000", "\v", "\x00", " \x00", "\n.", "!", '"', "é", "😀", " 李"),
    },
    "whole_number": {
        "9": 9, "+7": 7, "-5": -5, "007": 7, "0": 0, "-0": 0, "00000000000000000000012": 12,
        "2147483647": 2147483647, "-2147483648": -2147483648,
        **nothing(None, "", " ", "9.5", "9.", "1e3", "9\n", " 9", "9 ", "+", "-", "--1", "2147483648",
                  "-2147483649", "9" * 30, "１２", "٣", "NaN", "0x1", "1_000", "1,000", "9\x00", "T12"),
    },
    "abbreviated_number": {
        "0": 0, "9": 9, "9k": 9_000, "9K": 9_000, "124k": 124_000, "8M": 8_000_000, "8m": 8_000_000,
        "2b": 2_000_000_000, "2B": 2_000_000_000, "1.5k": 1500, "1.2345k": 1234, "9.5": 9, "0.9": 0,
        "0.9999999999": 0, "1.9999999999k": 1999, "0.0009k": 0, "1.23456789012345B": 1_234_567_890,
        "000000000000000007": 7, "0k": 0, "1" * 18: int("1" * 18), "9" * 18: int("9" * 18),
        "9223372036.854775807B": 2**63 - 1, "9223372036854775.807k": 2**63 - 1, "1." + "9" * 40: 1,
        **nothing(None, "", " ", "k", ".5k", ".5", "1.", "1.k", "1..5", "9 k", "9kk", "9k ", " 9k", "9k\n", "9\n",
                  "1" * 19, "0" * 18 + "1", "1" * 19 + ".5k", "9223372036.854775808B", "9" * 18 + "B", "-9", "+9",
                  "1e3", "1,000", "１２", "٣k", "9\u212a", "9g", "NaN", "User Info Error", "9\x00k"),
    },
    "utc_timestamp": {
        "2018-03-01 12:00:00": at(2018, 3, 1, 12), "2018-03-01T12:00:00": at(2018, 3, 1, 12),
        "2018:03:01 12:00:00": at(2018, 3, 1, 12), "2020-02-29 23:59:59": at(2020, 2, 29, 23, 59, 59),
        "2000-02-29 00:00:00": at(2000, 2, 29), "1969-12-31 23:59:59": at(1969, 12, 31, 23, 59, 59),
        "1582-10-10 00:00:00": at(1582, 10, 10), "0001-01-01 00:00:00": at(1, 1, 1),
        "9999-12-31 23:59:59": at(9999, 12, 31, 23, 59, 59), "2021-03-28 02:30:00": at(2021, 3, 28, 2, 30),
        **nothing(None, "", " ", "T12", "12:00:00", "2018-03-01", "2018", "now", "today", "epoch", "infinity",
                  "2018-03-01 24:00:00", "2018-03-01 12:00:60", "2018-03-01 12:60:00", "2018-03-01 25:00:00",
                  "2019-02-29 00:00:00", "1900-02-29 00:00:00", "2018-02-30 00:00:00", "2018-04-31 00:00:00",
                  "2018-13-01 00:00:00", "2018-00-01 00:00:00", "2018-01-00 00:00:00", "0000-01-01 00:00:00",
                  "2018-03-01 12:00:00.5", "2018-03-01T12:00:00Z", "2018-03-01 12:00:00+00:00",
                  "2018-03-01 12:00:00 UTC", "2018-03-01 12:00:00\n", " 2018-03-01 12:00:00",
                  "2018-03-01  12:00:00", "2018:03:01T12:00:00", "2018-03:01 12:00:00", "2018/03/01 12:00:00",
                  "2018-03-01\t12:00:00", "2018-3-1 12:00:00", "２018-03-01 12:00:00", "-018-03-01 12:00:00",
                  "2018-03-01t12:00:00", "12018-03-01 12:00:00", "1520000000"),
    },
}  # fmt: skip

TEXT = {
    "coalesce(c, 'z')": {None: "z", "": "", "a": "a"},
    "ifnull(c, 'z')": {None: "z", "": ""},
    "nullif(c, 'abc')": {**nothing(None, "abc"), **same("", "ABC", "abc ", "\u00a0")},
    "concat(c, '-', c)": {None: None, "": "-", "é": "é-é"},
    "c || 'x'": {None: None, "a\x00": "a\x00x"},
    "concat_ws('-', c, 'x')": {None: "x", "": "-x", "a": "a-x"},
    "startswith(c, 'a')": {None: None, "": False, "abc": True, "Abc": False},
    "endswith(c, 'c')": {None: None, "": False, "abc": True, "abc\n": False},
    "contains(c, 'b')": {None: None, "": False, "abc": True, "ABC": False},
    "CAST(instr(c, 'b') AS INT)": {None: None, "": 0, "ab": 2, "😀b": 2, "x": 0},
    "CAST(length(c) AS INT)": {None: None, "": 0, "😀": 1, "e\u0301": 2, " x\n": 3},
    "substring(c, 2)": {None: None, "": "", "abc": "bc", "😀é": "é"},
    "substring(c, 1, 2)": {None: None, "a": "a", "abc": "ab", "😀éx": "😀é"},
    "substring(c, -2, 2)": {None: None, "abc": "bc", "a": "a"},
    "left(c, 2)": {None: None, "": "", "😀bc": "😀b"},
    "right(c, 2)": {None: None, "": "", "ab😀": "b😀"},
    "lpad(c, 3, '0')": {None: None, "": "000", "7": "007", "1234": "123"},
    "rpad(c, 3, '0')": {None: None, "": "000", "7": "700", "1234": "123"},
    "replace(c, 'a', 'bb')": {None: None, "": "", "aAa": "bbAbb"},
    "translate(c, 'ab', 'xy')": {None: None, "cab": "cxy", "AB": "AB"},
    "split_part(c, '-', 2)": {None: None, "a-b-c": "b", "a": "", "": ""},
    "regexp_replace(c, '^Local save in ', '')": {
        None: None, "Local save in /d": "/d", "Local save in Local save in /d": "Local save in /d",
        **same(" Local save in /d", "x\nLocal save in /d", "local save in /d", ""),
    },
    "regexp_replace(c, '([a-z])([0-9])', '$2\\\\$<$1>')": {None: None, "a1b2": "1$<a>2$<b>", "A1": "A1"},
    "regexp_extract(c, '([0-9]+)([a-z]?)', 2)": {None: None, "12k": "k", "12": "", "x": ""},
    "regexp_extract(c, '([0-9]+)')": {None: None, "a12b": "12", "１２": "", "": ""},
    "regexp_extract(c, '[0-9]+', 0)": {None: None, "a12b34": "12"},
    "c RLIKE '^[0-9]+\\\\z'": {None: None, "1": True, "1\n": False, "": False, "１": False, "1\x00": False},
    "c RLIKE '[^ \\\\t\\\\r\\\\n]'": {None: None, "": False, " \t\r\n": False, "\u00a0": True, "\x00": True},
    "c LIKE 'a%'": {None: None, "a\nb": True, "A": False, "": False},
    "c IN ('abc', '9')": {None: None, "abc": True, "ABC": False, "9 ": False},
    "c NOT IN ('abc', '9')": {None: None, "abc": False, "": True},
    "c >= '!'": {None: None, "": False, " ": False, "!": True, "\u00a0": True, "\x00": False, "😀": True},
    "c BETWEEN 'a' AND 'b'": {None: None, "a": True, "b": True, "ba": False, "B": False, "ä": False},
    "c <=> 'abc'": {None: False, "abc": True},
    "greatest(c, 'b')": {None: "b", "a": "b", "ä": "ä", "B": "b"},
    "least(c, 'b')": {None: "b", "a": "a", "ä": "b", "B": "B"},
    "CASE WHEN c = 'a' THEN 1 WHEN c IS NULL THEN 2 END": {"a": 1, None: 2, "b": None},
    "CASE c WHEN 'a' THEN 1 ELSE 0 END": {"a": 1, None: 0, "A": 0},
    "if(c = 'a' AND NOT c = 'b' OR c = 'z', 1, 2)": {"a": 1, "z": 1, None: 2, "b": 2},
    "CASE WHEN c RLIKE '^[A-Za-z]+\\\\z' THEN lower(c) END": {"aBC": "abc", "İ": None, "\u212a": None},
    "CASE WHEN c RLIKE '^[a-z]+\\\\z' THEN upper(c) END": {"abc": "ABC", "ß": None},
    "CASE WHEN c RLIKE '^[ a-z]+\\\\z' THEN trim(c) END": {" a b ": "a b", "\u00a0": None, "\ta": None},
    "CASE WHEN c RLIKE '^[0-9]+\\\\z' THEN try_cast(c AS BIGINT) END": {"12": 12, "9.5": None, "9" * 19: None},
    "struct(c, 1 AS one)": {None: {"c": None, "one": 1}, "a": {"c": "a", "one": 1}},
}  # fmt: skip

NUMBERS = {
    ("CAST(floor(c) AS BIGINT)", "DOUBLE"): {1.9: 1, -1.1: -2, 0.0: 0, None: None},
    ("try_cast(floor(c * 1.5) AS BIGINT)", "BIGINT"): {3: 4, -3: -5, None: None},
    ("greatest(c, 2)", "INT"): {None: 2, 1: 2, 3: 3},
    ("CAST(year(c) AS INT)", "TIMESTAMP"): {at(2017, 12, 31, 23, 59, 59): 2017, at(2018, 1, 1): 2018, None: None},
    ("CAST(month(c) AS INT)", "TIMESTAMP"): {at(2017, 12, 31, 23, 59, 59): 12, at(2018, 1, 1): 1},
    ("CAST(day(c) AS INT)", "TIMESTAMP"): {at(2017, 12, 31, 23, 59, 59): 31, at(2020, 2, 29): 29},
}  # fmt: skip

GROUPS = {
    "count(*)": 7,
    "count(n)": 5,
    "count(DISTINCT n)": 4,
    "CAST(sum(n) AS BIGINT)": 17,
    "min(n)": -3,
    "max(n)": 10,
    "try_cast(percentile_disc(0.5) WITHIN GROUP (ORDER BY n) AS BIGINT)": 4,
    "max(c)": "ä",
    "min(c)": "",
}
GROUPED = [(4, "a"), (4, "Z"), (2, "ä"), (10, ""), (-3, "z"), (None, None), (None, "B")]
WINDOWS = {
    "CAST(rank() OVER (ORDER BY n DESC) AS INT)": [6, 6, 5, 4, 2, 2, 1],
    "CAST(dense_rank() OVER (ORDER BY n) AS INT)": [1, 1, 2, 3, 4, 4, 5],
    "CAST(row_number() OVER (ORDER BY n, c) AS INT)": [1, 2, 3, 4, 5, 6, 7],
}

CASES = [(f"{word}(c)", "STRING", cases) for word, cases in WORDS.items()]
CASES += [(expression, "STRING", cases) for expression, cases in TEXT.items()]
CASES += [(*key, cases) for key, cases in NUMBERS.items()]
IDS = [expression for expression, *_ in CASES]
ORDERED = "n ASC NULLS FIRST, c ASC NULLS FIRST"


def values(engine, expression, kind, inputs):
    rows = [{"i": i, "c": value} for i, value in enumerate(inputs)]
    engine.load("t", {"i": "INT", "c": kind}, rows)
    return [row[0] for row in engine.ask(f"SELECT {expression} AS v FROM t ORDER BY i")[1]]


def answers_over_groups(engine):
    rows = [{"n": n, "c": c} for n, c in GROUPED]
    engine.load("t", {"n": "BIGINT", "c": "STRING"}, rows)
    grouped = {each: engine.ask(f"SELECT {each} AS v FROM t")[1][0][0] for each in GROUPS}
    windows = {
        each: [row[0] for row in engine.ask(f"SELECT {each} AS v FROM t ORDER BY {ORDERED}")[1]]
        for each in WINDOWS
    }
    order = [row[0] for row in engine.ask("SELECT c FROM t ORDER BY c")[1]]
    return grouped, windows, order


@pytest.fixture
def duck_engine(duck):
    return DuckEngine(duck)


@pytest.fixture(scope="module")
def spark_engine(spark):
    return SparkEngine(spark)


@pytest.mark.parametrize(("expression", "kind", "cases"), CASES, ids=IDS)
def test_duckdb_gives_the_value(duck_engine, expression, kind, cases):
    assert values(duck_engine, expression, kind, cases) == list(cases.values())


@pytest.mark.spark
@pytest.mark.parametrize(("expression", "kind", "cases"), CASES, ids=IDS)
def test_spark_gives_the_value(spark_engine, expression, kind, cases):
    assert values(spark_engine, expression, kind, cases) == list(cases.values())


@pytest.mark.parametrize("word", WORDS)
def test_plain_python_gives_the_value(word):
    python = getattr(words, word)
    assert {text: python(text) for text in WORDS[word]} == WORDS[word]


@pytest.mark.parametrize("word", WORDS)
def test_a_word_means_the_same_where_it_is_written_out(duck_engine, word):
    written_out = functions.inline(f"{word}(c)", functions.words())
    assert word not in written_out
    assert values(duck_engine, written_out, "STRING", WORDS[word]) == list(WORDS[word].values())


@pytest.mark.spark
@pytest.mark.parametrize("word", WORDS)
def test_spark_without_functions_gives_the_value(spark_engine, word):
    written_out = functions.inline(f"{word}(c)", functions.words())
    assert values(spark_engine, written_out, "STRING", WORDS[word]) == list(WORDS[word].values())


def test_duckdb_groups_ranks_and_orders_by_bytes_with_null_first(duck_engine):
    assert answers_over_groups(duck_engine) == (
        GROUPS,
        WINDOWS,
        [None, "", "B", "Z", "a", "z", "ä"],
    )


@pytest.mark.spark
def test_spark_groups_ranks_and_orders_by_bytes_with_null_first(spark_engine):
    assert answers_over_groups(spark_engine) == (
        GROUPS,
        WINDOWS,
        [None, "", "B", "Z", "a", "z", "ä"],
    )


def test_the_table_covers_every_word_and_every_function_that_check_lets_pass():
    assert {function.name for function in functions.read(functions.words())} == WORDS.keys()
    expressions = [*IDS, *GROUPS, *WINDOWS]
    seen = {
        type(node) for each in expressions for node in dialect.select(f"SELECT {each} AS v").walk()
    }
    allowed = {*agreement.ROW_WISE, *agreement.AGGREGATES, *agreement.GUARDED}
    assert {kind.__name__ for kind in allowed - seen} == set()
