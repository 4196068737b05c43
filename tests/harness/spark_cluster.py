"""A cluster that stays: one Java with a Spark context, to which each notebook's Python attaches.

As on Databricks a notebook has a Python process, variables and a Spark session of its
own; what notebooks share is the Java process, its context and the machine's disk.
"""

import json
import subprocess
import sys
from pathlib import Path

ATTACHED = ("PYSPARK_GATEWAY_PORT", "PYSPARK_GATEWAY_SECRET")
"""By these PySpark finds a Java process that runs already."""


class Cluster:
    """A process with a Spark context; ``attaching`` are the variables of those that join it."""

    def __init__(self, environment, output):
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
        )
        self.attaching = dict(
            zip(ATTACHED, json.loads(self._process.stdout.readline()), strict=True)
        )

    def stop(self):
        """End the context and its Java."""
        self._process.communicate()


def attached():
    """Return a new session in the context of the Java process that the environment names."""
    from pyspark import SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    gateway = launch_gateway()
    java = gateway.jvm.org.apache.spark
    running = java.SparkContext.getOrCreate()
    context = SparkContext(
        gateway=gateway, jsc=java.api.java.JavaSparkContext.fromSparkContext(running)
    )
    session = java.sql.classic.SparkSession.builder().getOrCreate().newSession()
    java.sql.SparkSession.setActiveSession(session)
    return SparkSession(context, session)


def started():
    """Return a session of a new context, with Delta."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import spark_session

    session = spark_session.start()
    assert spark_session.has_delta(session), f"{spark_session.DELTA} could not be fetched"
    return session


def serve():
    """Start a context, say where it is, and keep it until standard input ends."""
    gateway = started().sparkContext._gateway.gateway_parameters
    print(json.dumps([str(gateway.port), gateway.auth_token]), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve()
