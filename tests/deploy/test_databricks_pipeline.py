"""The declarative pipeline makes of the raw tables what stage clean makes, and answers the questions."""

import importlib.util
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import duckdb
import pytest

import spark_session
from asking import ask
from harness.pipeline import run_stages
from pinlake import dataset
from pinlake.engine.spark.pipeline import declared
from pinlake.lake import tables
from pinlake.lake.file import FileLake
from spark_homes import filled

FILE = Path(__file__).parents[2] / "deploy" / "databricks" / "pipeline" / "tables.py"
DATASET = dataset.load("pinterest")
SPEC = """
name: pinlake
storage: {folder}/storage
libraries:
  - glob:
      include: pipeline/**
"""


def test_every_table_and_question_is_declared_with_the_expectations_of_the_data_set():
    found = declared(DATASET, {name: f"raw.{name}" for name in DATASET.tables})
    assert [each.name for each in found] == [*DATASET.tables, *DATASET.questions]
    for each in found[: len(DATASET.tables)]:
        expected = {one.name: one for one in DATASET.tables[each.name].expectations}
        assert expected.keys() == each.expect.keys() | each.expect_or_fail.keys()
        for action, held in (("warn", each.expect), ("fail", each.expect_or_fail)):
            for name, constraint in held.items():
                assert (expected[name].action, expected[name].constraint) == (action, constraint)
    for each in found:
        assert "blank_to_null(" not in each.sql, "a pipeline defines no functions"


def test_on_databricks_each_table_has_its_expectations_below_the_dataset(monkeypatch):
    """The names are Databricks' own, which open-source Spark has not: a stand-in notes the calls."""
    called = []

    def noting(kind):
        def decorator(*constraints, **named):
            return lambda flow: called.append((kind, named.get("name") or constraints[0])) or flow

        return decorator

    pipelines = ModuleType("pyspark.pipelines")
    for kind in ("expect_all", "expect_all_or_fail", "materialized_view"):
        setattr(pipelines, kind, noting(kind))
    monkeypatch.setitem(sys.modules, "pyspark.pipelines", pipelines)
    monkeypatch.setattr("pyspark.pipelines", pipelines, raising=False)
    runpy.run_path(str(FILE))
    for table in DATASET.tables.values():
        at = called.index(("materialized_view", table.name))
        assert called[at - 2 : at] == [
            (kind, {e.name: e.constraint for e in table.expectations if e.action == action})
            for kind, action in (("expect_all", "warn"), ("expect_all_or_fail", "fail"))
        ]


@pytest.mark.spark
@pytest.mark.release
@pytest.mark.timeout(900)
def test_it_runs_on_open_source_spark_and_equals_the_cleaned_tables_and_answers(
    real_rows, tmp_path
):
    if importlib.util.find_spec("pyspark.pipelines") is None:
        pytest.skip(
            "pipelines are part of Spark from 4.1 on: script/spark-versions 4.1.4 runs this"
        )
    home = filled(tmp_path / "home", real_rows)
    run_stages(home, "load", "clean")
    lake = FileLake((home / "lake").as_uri())
    run_pipeline(tmp_path, lake.url)
    for name in DATASET.tables:
        assert rows(tmp_path, name) == cleaned(lake, name), name
    for name in DATASET.questions:
        assert len(rows(tmp_path, name)) == len(ask(home, name)), name


def run_pipeline(folder, lake_url):
    """Run the pipeline into a warehouse in a folder, with Delta's jars."""
    (folder / "spark-pipeline.yml").write_text(SPEC.format(folder=folder.as_uri()))
    shutil.copytree(FILE.parent, folder / "pipeline")  # it takes relative names alone
    (folder / "conf").mkdir()
    configuration = spark_session.LOCAL | spark_session.WITH_DELTA | spark_session._of_version()
    configuration["spark.sql.warehouse.dir"] = (folder / "warehouse").as_uri()
    configuration["spark.sql.parquet.outputTimestampType"] = "TIMESTAMP_MICROS"
    lines = "".join(f"{name} {value}\n" for name, value in configuration.items())
    (folder / "conf" / "spark-defaults.conf").write_text(lines)
    programs = Path(sys.executable).parent
    done = subprocess.run(
        [programs / "spark-pipelines", "run", "--spec", folder / "spark-pipeline.yml"],
        cwd=folder,
        env=os.environ
        | {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "SPARK_CONF_DIR": str(folder / "conf"),
            "PINLAKE_LAKE": lake_url,
        },
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"


def rows(folder, name):
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.read_parquet(f"{folder}/warehouse/{name}/*.parquet")
        return sorted(map(repr, found.fetchall()))


def cleaned(lake, name):
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = tables.read(connection, tables.snapshot(lake, f"clean/{name}"))
        return sorted(map(repr, found.fetchall()))
