"""The findings of quality over tables of any kind of row, counted by hand, and the same on Spark."""

from datetime import UTC, datetime

import msgspec
import pytest

import lakehouse
from pinlake.errors import SqlRefused, TableMissing
from pinlake.query.lake import OpenLake
from pinlake.query.quality import findings
from pinlake.settings import Home
from pinlake.table import Expectation

DOUBLED = "CREATE TEMPORARY FUNCTION doubled(n BIGINT) RETURNS BIGINT RETURN n * 2;"
DAYS = """
SELECT * FROM (VALUES
  (TIMESTAMPTZ '2018-03-01 12:00:00+00', true), (TIMESTAMPTZ '2017-03-01 12:00:00+00', false),
  (NULL::TIMESTAMPTZ, NULL)
) AS days("a `day`", good)
"""
EXPECTED = {
    "pin": [
        # condition, rows that do not meet it, the lowest keys of them
        ("category IS NOT NULL", 0, ()),
        ("follower_count >= 0", 1, (2,)),
        ("follower_count IS NULL OR follower_count >= 0", 0, ()),
        ("category = 'art' -- and nothing else", 1, (3,)),
        ("poster_name RLIKE '^[^\\n]*\"quoted\"[^\\n]*\\\\z'", 2, (2, 3)),
        ("NOT (follower_count > 0)", 3, (1, 2, 3)),
        ("doubled(ind) > 2 AND blank_to_null(category) IS NOT NULL", 1, (1,)),
        ("Pin.ind = 2 OR `IND` = 3", 1, (1,)),
        ("NULL > 1", 3, (1, 2, 3)),
    ],
    "geo": [
        ("coordinates.latitude BETWEEN -90 AND 90", 1, (2,)),
        ("coordinates.longitude BETWEEN -180 AND 180", 2, (2, 3)),
        ("geo.coordinates IS NOT NULL", 1, (2,)),
        ("`timestamp` >= '2019-01-01'", 2, (1, 3)),
        ("country LIKE 'Lao%'", 2, (1, 3)),
    ],
    "many": [
        ("n < 5", 995, (5, 6, 7)),
        ("n < 1000", 0, ()),
        ("CASE WHEN n > 990 THEN false ELSE true END", 9, (991, 992, 993)),
    ],
    "days": [
        ("good", 2, (datetime(2017, 3, 1, 12, tzinfo=UTC),)),
        ("`a ``day``` IS NOT NULL", 1, ()),
    ],
    "none": [("n > 0", 0, ())],
}  # fmt: skip
KEYS = {"pin": "ind", "geo": "ind", "many": "n", "days": "a `day`", "none": "n"}
ROWS = {"pin": 3, "geo": 3, "many": 1000, "days": 3, "none": 0}


def expecting(dataset, conditions):
    """Return a data set whose tables expect such conditions."""
    tables = {
        name: msgspec.structs.replace(
            dataset.tables["pin"],
            name=name,
            key=KEYS.get(name, "ind"),
            expectations=tuple(
                Expectation(f"e{number}", text, "fail" if number % 2 else "warn", number + 1)
                for number, text in enumerate(given)
            ),
        )
        for name, given in conditions.items()
    }
    return msgspec.structs.replace(dataset, tables=tables, functions_sql=DOUBLED)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    made = lakehouse.home(tmp_path_factory.mktemp("quality") / "home")
    for name, sql in {
        "pin": lakehouse.PIN,
        "geo": lakehouse.GEO,
        "many": "SELECT range AS n FROM range(999, -1, -1)",
        "days": DAYS,
        "none": "SELECT range AS n FROM range(0)",
    }.items():
        lakehouse.write_table(made, f"clean/{name}", sql)
    lakehouse.write_table(made, "stream/pin", f"{lakehouse.PIN} WHERE ind > 1")
    return made


@pytest.fixture(params=["duckdb", pytest.param("spark", marks=pytest.mark.spark)])
def opened(request, home):
    """Return what opens the lake for the engine, with a data set of such conditions."""
    if request.param == "spark":
        assert request.getfixturevalue("spark").getActiveSession()
    settings = msgspec.structs.replace(home.settings, engine=request.param)

    def opened(conditions):
        dataset = expecting(lakehouse.dataset(home.path), conditions)
        return OpenLake(Home(home.path, settings), dataset)

    return opened


def counted(lake, table, source="clean"):
    found = findings(lake, lake.dataset.tables[table], source)
    return [(each.constraint, each.failed, each.examples) for each in found], found


@pytest.mark.parametrize("table", EXPECTED)
def test_rows_that_do_not_meet_an_expectation_are_counted_exactly(opened, table):
    with opened({table: [each[0] for each in EXPECTED[table]]}) as lake:
        found, whole = counted(lake, table)
    assert found == EXPECTED[table]
    assert {(each.table, each.rows, each.key) for each in whole} == {
        (f"clean/{table}", ROWS[table], KEYS[table])
    }
    assert [each.action for each in whole][:2] == ["warn", "fail"][: len(whole)]


def test_the_stream_tables_are_looked_at_by_their_own_rows(opened):
    with opened({"pin": ["category = 'art'"]}) as lake:
        [found] = findings(lake, lake.dataset.tables["pin"], "stream")
    assert (found.table, found.rows, found.failed, found.examples) == ("stream/pin", 2, 1, (3,))
    assert found.percent == 50.0


def test_a_table_that_is_not_made_yet_is_missing(opened):
    with opened({"later": ["true"]}) as lake, pytest.raises(TableMissing, match="clean/later"):
        counted(lake, "later")


@pytest.mark.parametrize(
    ("conditions", "line", "reason"),
    [
        (["true", "ind > 0) IS TRUE OR (true"], 2, "e1: "),
        (["true", "ind IN (SELECT ind FROM geo)"], 2, "e1: .*looks at other rows"),
        (["true", "gone IS NULL"], 1, "clean/pin cannot be asked its expectations: .*gone"),
    ],
)
def test_a_condition_that_cannot_be_asked_is_told_with_file_and_line(
    opened, conditions, line, reason
):
    with opened({"pin": conditions}) as lake, pytest.raises(SqlRefused, match=reason) as caught:
        counted(lake, "pin")
    assert (caught.value.where, caught.value.line) == (
        str(lake.dataset.path / "dataset.toml"),
        line,
    )
