"""The cleaned tables and the questions of the data set, as a Spark Declarative Pipeline.

Runs on Databricks, and on Spark 4.1 or later by ``spark-pipelines run``. What is declared
follows from dataset.toml and the SQL beside it; PINLAKE_* say which data set and which lake.
"""

from __future__ import annotations

from typing import Any

from pyspark import pipelines
from pyspark.sql import DataFrame, SparkSession

from pinlake import dataset, settings
from pinlake.engine.spark.catalog import Catalog
from pinlake.engine.spark.pipeline import Declared, declared


def declare(each: Declared) -> None:
    """Declare a dataset, with its expectations where the module knows some (Databricks')."""

    def rows() -> DataFrame:
        return SparkSession.active().sql(each.sql)

    flow: Any = rows
    expected = {"expect_all": each.expect, "expect_all_or_fail": each.expect_or_fail}
    for kind, constraints in expected.items():
        if constraints and hasattr(pipelines, kind):
            flow = getattr(pipelines, kind)(dict(constraints))(flow)
    pipelines.materialized_view(name=each.name, comment=each.comment)(flow)


def main() -> None:
    """Declare everything of the data set that the settings name."""
    home = settings.read()
    tables = dataset.load(home.settings.dataset or "pinterest")
    catalog = Catalog("", home.lake_url)
    for each in declared(tables, {name: catalog.name_of(f"raw/{name}") for name in tables.tables}):
        declare(each)


main()
