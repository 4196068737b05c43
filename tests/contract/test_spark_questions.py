"""Questions with engine = "spark": the answers, types and errors of the embedded engine, on a Spark session."""

import io

import msgspec
import pytest

import lakehouse
from pinlake.dataset import load
from pinlake.errors import AsOfRefused, QuestionUnknown, SqlRefused, TableMissing
from pinlake.query.format import write
from pinlake.query.lake import OpenLake
from pinlake.settings import Home, Settings

pytestmark = [pytest.mark.spark, pytest.mark.slow]
QUESTIONS = sorted(load("pinterest").questions)
SQL = [
    "SELECT ind, country, coordinates, `timestamp` FROM geo ORDER BY ind LIMIT 20",
    "SELECT max(clean.pin.ind) AS top FROM clean.pin",
    "SELECT Pin.category, count(*) AS n FROM PIN GROUP BY ALL ORDER BY n DESC, category",
    "SELECT p.ind, g.country FROM stream.pin AS p JOIN clean.geo g USING (ind) ORDER BY p.ind",
    "WITH pin AS (SELECT * FROM pin WHERE ind < 30), other AS (FROM pin) SELECT count(*) AS n FROM other",
    "SELECT topic, `partition`, position, element, reason, bytes FROM quarantine.load_pin ORDER BY position",
    f"SELECT count(*) AS n FROM (SELECT * FROM clean.geo) x CROSS JOIN raw.`pin` -- {lakehouse.USER}",
    "SELECT abbreviated_number('9k') AS n, utc_timestamp('2018:03:01 12:00:00') AS at",
    "SELECT ind,\n  tag_list\nFROM pin\nWHERE ind IN (SELECT ind FROM geo)\nORDER BY ind",
    ("SELECT CAST(1.5 AS DECIMAL(10, 2)) AS d, DATE '2020-01-31' AS day, NULL AS nothing, X'00FF' AS b,"
    " array(1, 2) AS list, map('a', 1) AS pairs, true AS yes, CAST(1 AS TINYINT) AS t"),
    "SELECT user_name FROM user WHERE ind < 0",
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A home whose tables hold posts with dirt, and a later version of each."""
    return lakehouse.posted_home(tmp_path_factory.mktemp("questions") / "home", 200)


@pytest.fixture(scope="module")
def embedded(made):
    with OpenLake(*made) as lake:
        yield lake


@pytest.fixture(scope="module")
def on_spark(made, delta_spark):
    assert delta_spark.getActiveSession()  # a lake takes the session that is there
    with OpenLake(with_spark(made[0]), made[1]) as lake:
        yield lake


def with_spark(home):
    return Home(home.path, msgspec.structs.replace(home.settings, engine="spark"))


def printed(lake, question, form, **seen):
    out = io.StringIO()
    write(lake.ask(question, **seen), form, out)
    return out.getvalue()


def answered(lake, question, **seen):
    answer = lake.ask(question, **seen)
    return answer.columns, answer.rows()


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_has_the_embedded_answer_by_both_routes(embedded, on_spark, question):
    for source in ("clean", "stream"):
        expected = answered(embedded, question, source=source)
        assert answered(on_spark, question, source=source) == expected
        assert expected[1]


@pytest.mark.parametrize("sql", SQL)
def test_any_sql_has_the_embedded_answer_in_every_format(embedded, on_spark, sql):
    assert answered(on_spark, sql) == answered(embedded, sql)
    for form in ("table", "json", "csv"):
        assert printed(on_spark, sql, form) == printed(embedded, sql, form)


@pytest.mark.parametrize(
    ("expression", "in_duckdb", "in_spark"),
    [
        ("sum(ind)", "DECIMAL(38,0)", "BIGINT"),
        ("sum(1.5)", "DECIMAL(38,1)", "DECIMAL(12,1)"),
        ("max(1.5 * 2)", "DECIMAL(12,1)", "DECIMAL(4,1)"),
        ("max(year(DATE '2020-01-01'))", "BIGINT", "INT"),
        ("max(length('é'))", "BIGINT", "INT"),
        ("max(size(array(1)))", "BIGINT", "INT"),
        ("max(5 DIV 2)", "INT", "BIGINT"),
        ("max(ceil(2))", "DOUBLE", "BIGINT"),
        ("percentile(ind, 0.5)", "DOUBLE", "DOUBLE"),
    ],
)
def test_these_types_follow_from_the_engine_and_their_values_are_the_same(
    embedded, on_spark, expression, in_duckdb, in_spark
):
    answers = [lake.ask(f"SELECT {expression} AS x FROM pin") for lake in (embedded, on_spark)]
    assert [answer.columns[0].type for answer in answers] == [in_duckdb, in_spark]
    assert answers[0].rows() == answers[1].rows()


def test_data_frames_are_the_embedded_ones(embedded, on_spark):
    question = "SELECT * FROM geo ORDER BY ind"
    found, expected = on_spark.ask(question), embedded.ask(question)
    assert found.to_arrow().equals(expected.to_arrow())
    assert found.to_pandas().equals(expected.to_pandas())
    assert found.to_polars().equals(expected.to_polars())
    assert found.to_duckdb().count("*").fetchall() == expected.to_duckdb().count("*").fetchall()


@pytest.fixture
def small(tmp_path, delta_spark):
    assert delta_spark.getActiveSession()
    lake = lakehouse.small_lake(tmp_path)
    with OpenLake(with_spark(lake.home), lake.dataset) as opened:
        yield opened


def test_an_answer_keeps_its_versions_and_as_of_finds_older_ones(small):
    count = "SELECT count(*) AS n FROM pin"
    before = small.ask(count)
    lakehouse.write_table(small.home, "clean/pin", lakehouse.PIN)
    assert before.rows() == [(3,)]
    assert small.ask(count).rows() == [(6,)]
    assert small.ask(count, as_of=0).rows() == [(3,)]
    assert before.rows() == [(3,)]
    with pytest.raises(AsOfRefused):
        small.ask("SELECT 1 AS one FROM pin, geo", as_of=0)


@pytest.mark.parametrize(
    ("sql", "error", "message"),
    [
        ("how_much", QuestionUnknown, "'how_much'"),
        ("SELECT * FROM user", TableMissing, "no table 'clean/user'.*clean/geo, clean/pin"),
        ("SELECT *\nFROM hive.pin", SqlRefused, "SQL:2: there is no schema 'hive'"),
        ("SELECT *\nFROM parquet.`/tmp/x`", SqlRefused, "SQL:2: there is no schema 'parquet'"),
        ("SELECT ind,\n  nothing\nFROM pin", SqlRefused, "SQL:2: .*`nothing`"),
        ("SELECT ind,\n  clean.pin.nothing\nFROM clean.pin", SqlRefused, "SQL:2: .*`nothing`"),
        ("SELECT ind,\n  no_such(ind)\nFROM pin", SqlRefused, "SQL:2: .*no_such"),
        ("SELECT ind\nFROM pin\nWHERE ((ind = 1", SqlRefused, "SQL:3: .*not closed"),
        ("DELETE FROM pin", SqlRefused, "SQL:1: .*DELETE"),
        ("SELECT ind,\n  ind\nFROM pin", SqlRefused, "SQL:1: 2 columns are called 'ind'"),
        ("SELECT\n reflect('java.lang.System', 'lineSeparator') AS x", SqlRefused, "SQL:2: .*tables"),
        ("SELECT * FROM\n IDENTIFIER('clean.pin')", SqlRefused, "SQL:2: .*tables"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(small, sql, error, message):
    with pytest.raises(error, match=message) as caught:
        small.ask(sql)
    assert "SQLSTATE" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_value_that_spark_refuses_while_reading_is_refused_too(small):
    answer = small.ask("SELECT follower_count\n + 9223372036854775807 AS more\nFROM pin")
    with pytest.raises(SqlRefused, match=r"SQL:1: .*overflow"):
        answer.rows()
    with pytest.raises(SqlRefused, match="overflow"):
        answer.to_arrow()


def test_no_view_of_the_users_own_session_is_read_or_changed(small, delta_spark):
    delta_spark.sql("SELECT 42 AS ind").createOrReplaceTempView("pin")
    assert small.ask("SELECT count(*) AS n FROM pin").rows() == [(3,)]
    assert delta_spark.sql("SELECT * FROM pin").collect()[0][0] == 42
    with pytest.raises(TableMissing):
        small.ask("SELECT * FROM things")


def test_what_is_fresh_is_the_embedded_engines(made):
    count = "SELECT count(*) AS n FROM pin"
    with OpenLake(*made) as one, OpenLake(with_spark(made[0]), made[1]) as other:
        assert other.ask(count, fresh=True).rows() == one.ask(count, fresh=True).rows()


def test_an_answer_outlives_a_reading_and_a_lake_is_closed_twice(made, delta_spark):
    lake = OpenLake(with_spark(made[0]), made[1])
    answer = lake.ask("SELECT ind FROM pin ORDER BY ind")
    assert list(answer.iterate()) == answer.rows()
    lake.close()
    lake.close()
    assert delta_spark.range(1).count() == 1  # a session that was there is left running
    assert Settings().engine == "duckdb"
