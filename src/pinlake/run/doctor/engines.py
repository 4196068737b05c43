"""Checks of what the setting ``engine`` needs of this machine."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator

from pinlake.engine.spark import connect
from pinlake.errors import SparkFailed
from pinlake.run.doctor.finding import Finding
from pinlake.run.doctor.patient import Patient

LOWEST_JAVA = 17
"""Spark 4 starts on no older one (its own documentation, "Downloading")."""
SPARK = "4."
ANSWER_SECONDS = 20


def engine(patient: Patient) -> Iterator[Finding]:
    """Look for pyspark and for a Java that can run it, where Spark is the engine."""
    settings = patient.home.settings
    if settings.engine != "spark":
        return
    try:
        version = importlib.metadata.version("pyspark")
    except importlib.metadata.PackageNotFoundError:
        do = 'pip install "pinlake[spark]"'
        yield Finding("error", "", "engine is spark, and pyspark is not installed", do)
        return
    if not version.startswith(SPARK):
        yield Finding(
            "error", "", f"pyspark {version} is installed, Spark 4 is needed", "install it"
        )
    if settings.spark.remote:  # behind Spark Connect, Java is the server's
        yield from _remote(version, settings.spark.remote)
    else:
        yield from _java(version)


def _remote(pyspark: str, remote: str) -> Iterator[Finding]:
    if importlib.util.find_spec("grpc") is None:
        do = 'pip install "pinlake[spark,spark-connect]"'
        yield Finding("error", "", "spark.remote is set, and grpcio is not installed", do)
        return
    try:
        connect.reach(remote)
    except SparkFailed as error:
        do = "start the Spark Connect server, or mend spark.remote: sc://<host>:<port>"
        yield Finding("error", "", error.reason, do)
    else:
        yield Finding("ok", "", f"Spark {pyspark} behind a server that answers")


def _java(pyspark: str) -> Iterator[Finding]:
    command = _command()
    if command is None:
        do = f"install Java {LOWEST_JAVA} or later, or set JAVA_HOME"
        yield Finding("error", "", "engine is spark, and there is no Java", do)
        return
    told = subprocess.run(
        [command, "-version"], capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
    ).stderr
    found = re.search(r'version "(\d+)', told)
    if found is None or int(found[1]) < LOWEST_JAVA:
        line = told.splitlines()[0] if told else "it says nothing"
        do = f"install Java {LOWEST_JAVA} or later, and let JAVA_HOME name it"
        yield Finding("error", "", f"{command} is no Java for Spark 4 ({line})", do)
    else:
        yield Finding("ok", "", f"Spark {pyspark} on Java {found[1]}")


def _command() -> str | None:
    """Return the Java that Spark's own scripts would start."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
