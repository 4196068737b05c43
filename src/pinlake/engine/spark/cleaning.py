"""A table's cleaning in a Spark session: its SQL, its first row of each key, what has no key."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from deltalake import Schema

from pinlake.engine import dialect, functions
from pinlake.engine.cleaning import PROVENANCE
from pinlake.lake import types
from pinlake.table import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def define(spark: SparkSession, functions_sql: str) -> None:
    """Define pinlake's functions and a data set's own in a session."""
    for statement in functions.spark_statements(functions.words(functions_sql)):
        spark.sql(statement.replace("CREATE TEMP", "CREATE OR REPLACE TEMP", 1))


def cleaned(spark: SparkSession, table: Table, batch: DataFrame) -> DataFrame:
    """Return a batch's rows cleaned, each with its provenance."""
    batch.createOrReplaceTempView(f"`{table.name}`")
    where = str(table.clean_path) or table.name
    return spark.sql(dialect.with_provenance(table.clean_sql, PROVENANCE, "spark", where))


def firsts(rows: DataFrame, key: str) -> DataFrame:
    """Return the first row of each key by topic, partition, offset and element, without these."""
    from pyspark.sql import Window
    from pyspark.sql import functions as f

    order = Window.partitionBy(f.col(_quoted(key))).orderBy(*PROVENANCE)
    numbered = rows.where(f.col(_quoted(key)).isNotNull()).withColumn(
        "_place", f.row_number().over(order)
    )
    return numbered.where("_place = 1").drop("_place", *PROVENANCE)


def without(rows: DataFrame, held: DataFrame | None, key: str) -> DataFrame:
    """Return the rows whose key a table does not hold (None: there is no table)."""
    if held is None:
        return rows
    return rows.join(held.select(_quoted(key)), key, "left_anti").select(rows.columns)


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


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"
