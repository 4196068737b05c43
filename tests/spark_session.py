"""A local Spark 4 as Databricks sets it up: ANSI on, UTC, Delta where its jars can be had."""

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from harness.s3_server import KEYS

DELTA = "io.delta:delta-spark_2.13:4.0.0"
IVY = Path(__file__).parents[1] / ".cache" / "ivy"
LOCAL = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.shuffle.partitions": "2",
    "spark.databricks.delta.snapshotPartitions": "2",
}
WITH_DELTA = {
    "spark.jars.packages": DELTA,
    "spark.jars.ivy": str(IVY),
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}


def java_is_there():
    return bool(shutil.which("java") or os.environ.get("JAVA_HOME"))


def start():
    """Return a session on two cores; without Delta where its jars cannot be fetched."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    with _keys_of_workers():
        try:
            return _session(LOCAL | WITH_DELTA)
        except Exception:  # noqa: BLE001 - spark-submit ends in many ways when Ivy finds no jars
            return _session(LOCAL)


@contextlib.contextmanager
def _keys_of_workers():
    """Have the workers find credentials where AWS's tools look: they inherit what is set now."""
    before = {name: os.environ.get(name) for name in KEYS}
    os.environ.update(KEYS)
    yield
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


def has_delta(session):
    return "Delta" in session.conf.get("spark.sql.extensions", "")


def _session(configuration):
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").appName("pinlake tests")
    for name, value in configuration.items():
        builder = builder.config(name, value)
    warehouse = tempfile.mkdtemp(prefix="pinlake-warehouse-")
    session = builder.config("spark.sql.warehouse.dir", warehouse).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session
