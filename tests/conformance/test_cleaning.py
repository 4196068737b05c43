"""The cleaning SQL of the Pinterest data set: DuckDB, Spark and plain Python make the same rows."""

import pytest

from pinlake import dataset
from reference import dirty_rows, pinterest
from sql_engines import DuckEngine, SparkEngine

TABLES = ("pin", "geo", "user")
CONTRACT = {
    "pin": "ind int, unique_id string, title string, description string, follower_count bigint, "
    "poster_name string, tag_list string, is_image_or_video string, image_src string, "
    "save_location string, category string",
    "geo": "ind int, country string, coordinates struct<latitude:double,longitude:double>, timestamp timestamp",
    "user": "ind int, user_name string, age int, date_joined timestamp",
}


@pytest.fixture(scope="session")
def pinterest_tables():
    return dataset.load("pinterest").tables


@pytest.fixture(scope="session")
def dirty():
    return dirty_rows.make(seed=7, count=5000)


def cleaned(engine, table, rows):
    columns = {column.name: column.type for column in table.columns}
    engine.load(table.name, columns, rows)
    return engine.ask(table.clean_sql)


def expected(table, rows):
    return [tuple(pinterest.clean(table, row).values()) for row in rows]


@pytest.mark.parametrize("table", TABLES)
def test_duckdb_cleans_real_rows_as_the_reference_does(duck, pinterest_tables, real_rows, table):
    columns, rows = cleaned(DuckEngine(duck), pinterest_tables[table], real_rows[table])
    assert rows == expected(table, real_rows[table])
    assert ", ".join(" ".join(column) for column in columns) == CONTRACT[table]


@pytest.mark.parametrize("table", TABLES)
def test_duckdb_cleans_dirty_rows_as_the_reference_does(duck, pinterest_tables, dirty, table):
    _, rows = cleaned(DuckEngine(duck), pinterest_tables[table], dirty[table])
    assert rows == expected(table, dirty[table])


@pytest.mark.spark
@pytest.mark.parametrize("table", TABLES)
def test_spark_cleans_real_rows_as_the_reference_does(spark, pinterest_tables, real_rows, table):
    columns, rows = cleaned(SparkEngine(spark), pinterest_tables[table], real_rows[table])
    assert rows == expected(table, real_rows[table])
    assert ", ".join(" ".join(column) for column in columns) == CONTRACT[table]


@pytest.mark.spark
@pytest.mark.parametrize("table", TABLES)
def test_spark_cleans_dirty_rows_as_the_reference_does(spark, pinterest_tables, dirty, table):
    _, rows = cleaned(SparkEngine(spark), pinterest_tables[table], dirty[table])
    assert rows == expected(table, dirty[table])


def test_dirty_rows_reach_every_outcome_of_every_column(dirty):
    """A column that came out all NULL, or never NULL, would prove nothing."""
    for table in TABLES:
        cleaned_rows = [pinterest.clean(table, row) for row in dirty[table]]
        for column in cleaned_rows[0].keys() - {"ind", "coordinates"}:
            values = [row[column] for row in cleaned_rows]
            assert values.count(None) > 50, (table, column)
            assert len({value for value in values if value is not None}) > 3 or column in {
                "tag_list",
                "image_src",
                "is_image_or_video",
            }
