"""Asking a lake: named questions, SQL, whole tables, and what is refused."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest

import lakehouse
import pinlake
from pinlake.errors import HomeMissing, QuestionUnknown, SqlRefused, TableMissing
from pinlake.query.lake import OpenLake
from pinlake.settings import Home

HOW_MANY = """-- How many per category?
SELECT category, count(*) AS n
FROM pin
GROUP BY category
ORDER BY category"""


@pytest.fixture
def lake(tmp_path):
    return lakehouse.small_lake(tmp_path, how_many=HOW_MANY)


def test_a_question_is_answered_by_its_name(lake):
    answer = lake.ask("how_many")
    assert answer.rows() == [("art", 2), ("travel", 1)]
    assert [(column.name, column.type) for column in answer.columns] == [
        ("category", "STRING"),
        ("n", "BIGINT"),
    ]


def test_unqualified_names_are_tables_of_the_source_that_is_asked(lake):
    lakehouse.write_table(lake.home, "stream/pin", "SELECT * FROM (" + lakehouse.PIN + ") LIMIT 1")
    assert lake.ask("SELECT count(*) AS n FROM pin", source="clean").rows() == [(3,)]
    assert lake.ask("SELECT count(*) AS n FROM pin", source="stream").rows() == [(4,)]


def test_every_folder_of_the_lake_is_a_schema(lake):
    sql = """
    SELECT (SELECT count(*) FROM clean.pin) AS clean, (SELECT count(*) FROM stream.geo) AS stream,
           (SELECT count(*) FROM quarantine.load_pin) AS quarantine,
           (SELECT count(*) FROM raw.`0abc12345678.pin`) AS raw
    """
    assert lake.ask(sql).rows() == [(3, 3, 2, 3)]


def test_a_table_named_with_its_schema_qualifies_its_columns(lake):
    assert lake.ask("SELECT max(clean.pin.ind) AS top FROM clean.pin").rows() == [(3,)]


def test_table_names_may_differ_in_case_as_in_spark(lake):
    assert lake.ask("SELECT count(*) AS n FROM Clean.PIN AS p").rows() == [(3,)]


def test_a_common_table_expression_hides_a_table_and_may_read_it(lake):
    sql = "WITH pin AS (SELECT * FROM pin WHERE ind < 3) SELECT count(*) AS n FROM pin"
    assert lake.ask(sql).rows() == [(2,)]


def test_sql_is_sparks(lake):
    sql = "SELECT CAST(year(`timestamp`) AS INT) AS y FROM geo WHERE country RLIKE '^Alb'"
    assert lake.ask(sql).rows() == [(2018,)]


def test_the_words_of_cleaning_may_be_used_in_sql(lake):
    sql = "SELECT abbreviated_number('9k') AS n, utc_timestamp('2018:03:01 12:00:00') AS at"
    assert lake.ask(sql).rows() == [(9000, datetime(2018, 3, 1, 12, tzinfo=UTC))]


def test_an_answer_keeps_the_versions_it_was_asked_at(lake):
    answer = lake.ask("SELECT count(*) AS n FROM pin")
    lakehouse.write_table(lake.home, "clean/pin", lakehouse.PIN)
    assert answer.rows() == [(3,)]
    assert lake.ask("SELECT count(*) AS n FROM pin").rows() == [(6,)]


def test_a_whole_table_is_an_answer(lake):
    answer = lake.table("clean/geo")
    assert [column.type for column in answer.columns] == [
        "INT",
        "STRING",
        "STRUCT<latitude: DOUBLE, longitude: DOUBLE>",
        "TIMESTAMP",
    ]
    assert answer.rows()[0] == (
        1,
        "Albania",
        {"latitude": -89.98, "longitude": 1.5},
        datetime(2018, 3, 1, 12, tzinfo=UTC),
    )


def test_a_described_table_tells_version_rows_and_columns(lake):
    lakehouse.write_table(lake.home, "clean/pin", lakehouse.PIN)
    state = lake.describe("clean/pin")
    assert (state.version, state.rows) == (1, 6)
    assert [column.name for column in state.columns] == [
        "ind",
        "category",
        "poster_name",
        "follower_count",
    ]


def test_tables_and_questions_are_listed(lake):
    assert lake.tables() == [
        "clean/geo",
        "clean/pin",
        "quarantine/load/pin",
        "raw/0abc12345678.pin",
        "stream/geo",
        "stream/pin",
    ]
    assert [question.title for question in lake.questions().values()] == ["how many"]


def test_an_unknown_question_names_those_there_are(lake):
    with pytest.raises(QuestionUnknown, match="'how_much'; there are: how_many"):
        lake.ask("how_much")


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ("SELECT * FROM user", "clean/user"),
        ("SELECT * FROM raw.pin", "raw/pin"),
        ("SELECT * FROM quarantine.stream__unrouted", "quarantine/stream/_unrouted"),
    ],
)
def test_a_missing_table_is_named_with_those_there_are(lake, sql, table):
    with pytest.raises(TableMissing, match=f"no table '{table}'.*clean/geo, clean/pin"):
        lake.ask(sql)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("DELETE FROM pin", "SQL:1: .*DELETE"),
        ("CREATE TABLE t AS SELECT 1 AS a", "SQL:1: .*CREATE"),
        ("COPY pin TO '/tmp/x'", "SQL:1: "),
        ("SELECT 1 AS a; SELECT 2 AS b", "SQL:1: .*2 statements"),
        ("SELECT ind\nFROM pin\nWHERE ((ind = 1", "SQL:3: "),
        ("SELECT ind,\n  nothing\nFROM pin", 'SQL:2: .*"nothing"'),
        ("SELECT ind,\n  no_such(ind)\nFROM pin", "SQL:2: .*no_such"),
        ("SELECT *\nFROM hive.pin", "SQL:2: there is no schema 'hive'"),
        ("SELECT *\nFROM spark.clean.pin", "SQL:2: .*'spark.clean'"),
        ("SELECT ind,\n  ind\nFROM pin", "SQL:1: 2 columns are called 'ind'"),
        ("SELECT * FROM read_text('/etc/hostname')", "SQL:1: .*[Pp]ermission"),
    ],
)
def test_what_is_no_select_over_the_tables_is_refused_with_its_line(lake, sql, message):
    with pytest.raises(SqlRefused, match=message):
        lake.ask(sql)


def test_a_value_that_the_engine_refuses_while_reading_is_refused_too(lake):
    answer = lake.ask("SELECT follower_count + 9223372036854775807 AS more\nFROM pin")
    with pytest.raises(SqlRefused, match=r"SQL:\d: Out of Range"):
        answer.rows()


def test_a_python_variable_is_no_table(lake):
    geolocations = [1]
    with pytest.raises(TableMissing):
        lake.ask("SELECT * FROM geolocations")
    assert geolocations


def test_a_lake_without_a_home_is_refused(tmp_path):
    home = Home(tmp_path / "nowhere")
    with pytest.raises(HomeMissing, match="nowhere"):
        OpenLake(home, lakehouse.dataset(tmp_path))
    with pytest.raises(HomeMissing, match="nowhere"):
        pinlake.open(tmp_path / "nowhere")
    assert not home.path.exists()


def test_an_empty_table_has_columns_and_no_rows(tmp_path):
    made = lakehouse.home(tmp_path)
    lakehouse.write_table(made, "clean/pin", "SELECT * FROM (" + lakehouse.PIN + ") LIMIT 0")
    lake = OpenLake(made, lakehouse.dataset(tmp_path))
    assert lake.table("clean/pin").rows() == []
    assert lake.describe("clean/pin").rows == 0
    assert lake.ask("SELECT max(ind) AS top FROM pin").rows() == [(None,)]


def test_importing_the_package_loads_no_library():
    script = (
        "import sys, pinlake; print(sorted({'duckdb','deltalake','sqlglot'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_question_of_the_embedded_engine_loads_nothing_of_spark(lake):
    script = (
        "import sys, pathlib; from pinlake.dataset import load; from pinlake.settings import Home;"
        "from pinlake.query.lake import OpenLake;"
        "home = Home(pathlib.Path(sys.argv[1]));"
        "OpenLake(home, load('pinterest')).ask('SELECT ind FROM pin').rows();"
        "print(sorted(name for name in sys.modules if 'spark' in name and 'sqlglot' not in name))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(lake.home.path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
