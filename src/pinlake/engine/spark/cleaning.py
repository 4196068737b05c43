"""A table's cleaning in a Spark session: its SQL, its first row of each key, what has no key."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from deltalake import Schema

from pinlake.engine import dialect, functions
from pinlake.engine.cleaning import PROVENANCE
from pinlake.lake import types
from pinlake.table import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


PROBE = "CREATE OR REPLACE TEMPORARY FUNCTION pinlake_probe() RETURNS INT RETURN 1"

Wording = Callable[[str], str]
"""Turns SQL that calls the functions into what a session runs."""


def define(spark: SparkSession, functions_sql: str) -> Wording:
    """Define pinlake's functions and a data set's own in a session, if it knows SQL functions.

    Where it does not (Sail), what calls them is to be written out, which ``Wording`` does.
    """
    text = functions.words(functions_sql)
    if not _knows_functions(spark):
        return lambda sql: functions.inline(sql, text)
    for statement in functions.spark_statements(text):
        spark.sql(statement.replace("CREATE TEMP", "CREATE OR REPLACE TEMP", 1))
    return lambda sql: sql


def _knows_functions(spark: SparkSession) -> bool:
    from pyspark.errors import IllegalArgumentException, ParseException

    try:
        spark.sql(PROBE)
    except (IllegalArgumentException, ParseException):
        return False
    return True


def cleaned(spark: SparkSession, table: Table, batch: DataFrame, worded: Wording) -> DataFrame:
    """Return a batch's rows cleaned, each with its provenance."""
    # Sail takes quotes here for a part of the name.
    batch.createOrReplaceTempView(table.name if table.name.isidentifier() else quoted(table.name))
    where = str(table.clean_path) or table.name
    return spark.sql(worded(dialect.with_provenance(table.clean_sql, PROVENANCE, "spark", where)))


def counted(rows: DataFrame, key: str) -> tuple[int, int]:
    """Return how many rows there are, and how many have a key."""
    from pyspark.sql import functions as f

    found = rows.agg(f.count(f.lit(1)), f.count(f.col(quoted(key)))).collect()
    return found[0][0], found[0][1]


def firsts(rows: DataFrame, held: DataFrame | None, key: str) -> DataFrame:
    """Return where the first row of each key is that a table does not hold (None: no table).

    First is by topic, partition, offset and element, which are the columns returned.
    """
    from pyspark.sql import functions as f

    keyed = rows.where(f.col(quoted(key)).isNotNull()).groupBy(quoted(key))
    places = keyed.agg(f.min(f.struct(*PROVENANCE)).alias("_place"))
    if held is not None:
        places = places.join(held.select(quoted(key)), key, "left_anti")
    return places.select("_place.*")


def at(rows: DataFrame, places: DataFrame) -> DataFrame:
    """Return the rows of some places, with all their columns."""
    return rows.join(places, list(PROVENANCE), "left_semi").select(*map(quoted, rows.columns))


def delta_schema(rows: DataFrame, key: str) -> Schema:
    """Return the Delta schema of rows, their key marked, all else nullable."""
    tree = _nullable(json.loads(rows.schema.json()))
    for field in tree["fields"]:
        field["metadata"] = {types.KEY: True} if field["name"] == key else {}
    return Schema.from_json(json.dumps(tree))


def _nullable(tree: Any) -> Any:
    if isinstance(tree, dict):
        changed = {name: _nullable(value) for name, value in tree.items()}
        free = ("nullable", "containsNull", "valueContainsNull")
        return changed | {name: True for name in free if name in tree}
    return [_nullable(each) for each in tree] if isinstance(tree, list) else tree


def quoted(name: str) -> str:
    """Return a name as Spark takes it, whatever is in it."""
    return f"`{name.replace('`', '``')}`"
