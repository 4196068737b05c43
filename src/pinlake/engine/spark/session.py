"""A Spark session: the one that is there, one behind a Connect address, or one of our own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from pinlake.engine.spark import connect, failures
from pinlake.errors import LibraryMissing
from pinlake.settings import Spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DELTA = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # Delta reads a table's log by 50 tasks; a small table's is read sooner by two.
    "spark.databricks.delta.snapshotPartitions": "2",
}
BROUGHT = "org.apache.hadoop:hadoop-client-api,org.apache.hadoop:hadoop-client-runtime"
"""What packages ask for and Spark has itself, in its own version."""
LOCAL = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    # Two hundred, Spark's own, take seconds of a small step; a local master has few cores.
    "spark.sql.shuffle.partitions": "8",
}
"""A local master listens to this machine alone."""
MEANING = {"spark.sql.ansi.enabled": "true", "spark.sql.session.timeZone": "UTC"}
"""What a data set's SQL is written for (Spark 4's own default, and UTC)."""


class Opened:
    """A session and whether it is ours to stop; ``again`` makes one that a server has lost anew."""

    def __init__(
        self, spark: SparkSession, *, ours: bool, again: Callable[[], SparkSession] | None = None
    ) -> None:
        self.spark, self._ours, self._again = spark, ours, again

    def renew(self) -> bool:
        """Have a new session, if that can be: a server that was started anew knows none."""
        if self._again is None:
            return False
        self.spark.stop()
        self.spark = _meant(self._again())
        return True

    def close(self) -> None:
        """Stop the session, if it was made here. Idempotent."""
        if self._ours:
            self._ours = False
            self.spark.stop()


def opened(settings: Spark) -> Opened:
    """Return a session that means by SQL what a data set does.

    One that is active already (a notebook's) is taken as it is; else ``remote`` names a
    Spark Connect server, or one is made with ``master``. Raises LibraryMissing without
    pyspark, SparkFailed where no session can be had.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise LibraryMissing(feature="engine spark", library="pyspark", extra="spark") from error
    active = SparkSession.getActiveSession()
    if active:
        return taken(active)
    # Workers must be this Python: another one has no pinlake, or another version of it.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    with failures.told():
        if settings.remote:
            again = partial(connect.session, settings.remote)
            return Opened(_meant(again()), ours=True, again=again)
        return Opened(_meant(_made(settings)), ours=True)


def taken(session: SparkSession) -> Opened:
    """Return a session that is another's, set to mean by SQL what a data set does."""
    return Opened(_meant(session), ours=False)


def _meant(session: SparkSession) -> SparkSession:
    for name, value in MEANING.items():
        session.conf.set(name, value)
    return session


def _made(settings: Spark) -> SparkSession:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(settings.master).appName("pinlake")
    configuration = DELTA | (LOCAL if settings.master.startswith("local") else {})
    if settings.packages:
        configuration["spark.jars.packages"] = settings.packages
        configuration["spark.jars.excludes"] = BROUGHT
    if settings.ivy:
        configuration["spark.jars.ivy"] = settings.ivy
    for name, value in configuration.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()
