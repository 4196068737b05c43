"""A local Spark 4 as Databricks sets it up: ANSI on, UTC, Delta and Kafka where the jars can be had."""

import contextlib
import importlib.metadata
import os
import shutil
import sys
import tempfile
from pathlib import Path

from harness.s3_server import KEYS
from pinlake.engine.spark.session import BROUGHT

IVY = Path(__file__).parents[1] / ".cache" / "ivy"
KAFKA = "org.apache.spark:spark-sql-kafka-0-10_2.13"
TOKENS = "org.apache.spark:spark-token-provider-kafka-0-10_2.13"
JARS = {"4.0": ("4.0.0", "4.0.0"), "4.1": ("4.3.0", "4.1.2"), "4.2": ("4.3.0", "4.2.0")}
"""Which Delta and which Kafka connector go with a version of Spark."""
DELTA_VERSION, KAFKA_VERSION = JARS.get(importlib.metadata.version("pyspark")[:3], JARS["4.0"])
DELTA = f"io.delta:delta-spark_2.13:{DELTA_VERSION}"
PACKAGES = f"{DELTA},{KAFKA}:{KAFKA_VERSION}"
TOKENS_JAR = IVY / "jars" / "org.apache.spark_spark-token-provider-kafka-0-10_2.13-4.0.0.jar"
"""Where a registry lacks the newer ones: it serves Spark 4.1 and 4.2 as well."""
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
    "spark.jars.packages": PACKAGES,
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
            return _session(LOCAL | WITH_DELTA | _of_version())
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


def _of_version():
    """Return what else a session of this version of Spark needs."""
    if KAFKA_VERSION == "4.0.0" or not TOKENS_JAR.exists():
        return {"spark.jars.excludes": BROUGHT}
    return {"spark.jars.excludes": f"{BROUGHT},{TOKENS}", "spark.jars": str(TOKENS_JAR)}


def _session(configuration):
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").appName("pinlake tests")
    for name, value in configuration.items():
        builder = builder.config(name, value)
    warehouse = tempfile.mkdtemp(prefix="pinlake-warehouse-")
    session = builder.config("spark.sql.warehouse.dir", warehouse).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session
