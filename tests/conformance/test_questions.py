"""The ten questions: DuckDB, Spark and plain Python give the same rows, and the published answers."""

import pytest

from pinlake import dataset
from reference import dirty_rows, pinterest
from sql_engines import DuckEngine, SparkEngine

PINTEREST = dataset.load("pinterest")
QUESTIONS = sorted(pinterest.ANSWERS)
CLEAN = {
    "pin": {"ind": "INT", "title": "STRING", "follower_count": "BIGINT", "poster_name": "STRING", "category": "STRING"},
    "geo": {"ind": "INT", "country": "STRING", "timestamp": "TIMESTAMP"},
    "user": {"ind": "INT", "user_name": "STRING", "age": "INT", "date_joined": "TIMESTAMP"},
}  # fmt: skip
TYPES = {
    "post_year": "int",
    "category_count": "bigint",
    "follower_count": "bigint",
    "median_follower_count": "bigint",
    "number_users_joined": "bigint",
}
COLUMNS = {
    "most_popular_category_by_country": ["country", "category", "category_count"],
    "category_posts_by_year": ["post_year", "category", "category_count"],
    "most_popular_category_by_year": ["post_year", "category", "category_count"],
    "most_followed_user_by_country": ["country", "poster_name", "follower_count"],
    "country_of_most_followed_user": ["country", "poster_name", "follower_count"],
    "most_popular_category_by_age_group": ["age_group", "category", "category_count"],
    "median_followers_by_age_group": ["age_group", "median_follower_count"],
    "users_joined_by_year": ["post_year", "number_users_joined"],
    "median_followers_by_joining_year": ["post_year", "median_follower_count"],
    "median_followers_by_joining_year_and_age_group": [
        "post_year",
        "age_group",
        "median_follower_count",
    ],
}


def clean_tables(raw):
    return {
        table: pinterest.first_of_each(filter(None, (pinterest.clean(table, row) for row in rows)))
        for table, rows in raw.items()
    }


@pytest.fixture(scope="session")
def real(real_rows):
    return clean_tables(real_rows)


@pytest.fixture(scope="session")
def dirty():
    return clean_tables(dirty_rows.make(seed=11, count=5000))


def loaded(engine, tables):
    for name, rows in tables.items():
        engine.load(name, CLEAN[name], [{c: row[c] for c in CLEAN[name]} for row in rows])
    return engine


def agrees(engine, tables, question):
    columns, rows = engine.ask(PINTEREST.questions[question].sql)
    assert columns == [(name, TYPES.get(name, "string")) for name in COLUMNS[question]]
    assert rows == pinterest.answer(question, tables)
    return rows


@pytest.fixture
def duck_on_real(duck, real):
    return loaded(DuckEngine(duck), real)


@pytest.fixture
def duck_on_dirty(duck, dirty):
    return loaded(DuckEngine(duck), dirty)


@pytest.fixture(scope="module")
def spark_on_real(spark, real):
    return loaded(SparkEngine(spark), real)


@pytest.fixture(scope="module")
def spark_on_dirty(spark, dirty):
    return loaded(SparkEngine(spark), dirty)


def test_the_data_set_ships_exactly_the_ten_questions():
    assert sorted(PINTEREST.questions) == QUESTIONS


@pytest.mark.parametrize("question", QUESTIONS)
def test_duckdb_answers_over_real_rows_as_the_reference_does(duck_on_real, real, question):
    assert agrees(duck_on_real, real, question)


@pytest.mark.parametrize("question", QUESTIONS)
def test_duckdb_answers_over_dirty_rows_as_the_reference_does(duck_on_dirty, dirty, question):
    assert agrees(duck_on_dirty, dirty, question)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_over_empty_tables_has_no_rows_and_the_same_columns(duck, question):
    empty = {"pin": [], "geo": [], "user": []}
    assert agrees(loaded(DuckEngine(duck), empty), empty, question) == []


@pytest.mark.spark
@pytest.mark.parametrize("question", QUESTIONS)
def test_spark_answers_over_dirty_rows_as_the_reference_does(spark_on_dirty, dirty, question):
    assert agrees(spark_on_dirty.in_front(), dirty, question)


@pytest.mark.spark
@pytest.mark.parametrize("question", QUESTIONS)
def test_spark_answers_over_real_rows_as_the_reference_does(spark_on_real, real, question):
    assert agrees(spark_on_real.in_front(), real, question)


def test_the_most_popular_categories_of_each_year_are_the_published_ones(duck_on_real):
    assert duck_on_real.ask(PINTEREST.questions["most_popular_category_by_year"].sql)[1] == [
        (2017, "christmas", 2),
        (2018, "art", 6),
        (2019, "diy-and-crafts", 6),
        (2020, "travel", 5),
        (2021, "quotes", 4),
        (2021, "tattoos", 4),
        (2022, "beauty", 7),
    ]


def test_the_most_popular_categories_of_each_age_group_are_the_published_ones(duck_on_real):
    assert duck_on_real.ask(PINTEREST.questions["most_popular_category_by_age_group"].sql)[1] == [
        ("18-24", "christmas", 12),
        ("25-35", "art", 7),
        ("36-50", "diy-and-crafts", 5),
        ("+50", "beauty", 3),
        ("+50", "education", 3),
    ]


def test_the_most_followed_user_lives_where_it_was_published(duck_on_real):
    _, rows = duck_on_real.ask(PINTEREST.questions["country_of_most_followed_user"].sql)
    assert [(country, followers) for country, _, followers in rows] == [
        ("American Samoa", 8_000_000)
    ]


def test_the_most_popular_categories_by_country_are_as_many_as_published(duck_on_real):
    _, rows = duck_on_real.ask(PINTEREST.questions["most_popular_category_by_country"].sql)
    assert len(rows) == 124
    assert len({country for country, *_ in rows}) == 95


def test_people_who_joined_are_fewer_than_their_posts(duck_on_real):
    _, rows = duck_on_real.ask(PINTEREST.questions["users_joined_by_year"].sql)
    posts = [(2015, 66), (2016, 76), (2017, 26)]
    assert [year for year, _ in rows] == [2015, 2016, 2017]
    assert all(people <= count for (_, people), (_, count) in zip(rows, posts, strict=True))


def test_medians_over_the_first_131_rows_are_the_published_lower_ones(duck, real_rows):
    first = clean_tables({table: rows[:131] for table, rows in real_rows.items()})
    engine = loaded(DuckEngine(duck), first)
    by_year = engine.ask(PINTEREST.questions["median_followers_by_joining_year"].sql)[1]
    by_age = engine.ask(PINTEREST.questions["median_followers_by_age_group"].sql)[1]
    assert by_year == [(2015, 92_000), (2016, 27_000), (2017, 6_000)]
    assert by_age == [("18-24", 92_000), ("25-35", 42_000), ("36-50", 6_000), ("+50", 5_000)]
