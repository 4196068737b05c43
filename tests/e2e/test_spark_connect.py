"""engine = "spark" behind Spark Connect, Spark's own server and Sail: the embedded engine's tables."""

import os
import random
import shutil
import signal
import subprocess
import sys

import pytest

import lakes
import spark_homes
import spark_session
from harness.pipeline import pinlake, wait_until
from harness.s3_server import KEYS
from harness.spark_connect import ConnectServer, SailServer
from lakehouse_rows import everything, everything_in
from pinlake.lake import tables
from pinlake.lake.file import FileLake
from requirements_of_tests import require
from spark_homes import killed

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(1200)]
STAGES = ("load", "clean", "stream")


def settings(server, **more):
    return {"PINLAKE_ENGINE": "spark", "PINLAKE_SPARK_REMOTE": server.url} | more


@pytest.mark.release
def test_kills_of_the_stage_and_of_the_server_leave_each_row_once(filled, embedded, tmp_path):
    require(spark_session.java_is_there(), "there is no Java for Spark")
    pytest.importorskip("grpc", reason="grpcio, our extra spark-connect, is missing")
    home, rng = shutil.copytree(filled, tmp_path / "home"), random.Random(3)
    with ConnectServer(tmp_path) as server:
        told = settings(server)
        killed(home, "load", told, FileLake((home / "lake").as_uri()), rng.uniform(0, 1.5))
        pinlake("load", "--once", "--home", home, environment=told, timeout=300)
        cleaned_while_killed(home, server, embedded)
        pinlake("stream", "--once", "--home", home, environment=told, timeout=300)
    assert everything(home) == everything(embedded)


def cleaned_while_killed(home, server, embedded):
    """Have clean run for ever, and kill its server once it has begun; it goes on by itself."""
    wanted = sizes(embedded)
    stage = subprocess.Popen(
        [sys.executable, "-m", "pinlake", "clean", "--home", str(home)],
        env=os.environ | settings(server, PINLAKE_BATCH_EVERY_SECONDS="1"),
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: sizes(home), seconds=400)
        server.kill()
        server.start()
        wait_until(lambda: sizes(home) == wanted, seconds=400)
    finally:
        stage.send_signal(signal.SIGTERM)
        assert stage.wait(60) == 0


def sizes(home):
    """Return how many rows each cleaned table has."""
    lake = FileLake((home / "lake").as_uri())
    names = [name for name in tables.names(lake) if name.startswith("clean/")]
    return {name: tables.size(lake, name).rows for name in names}


@pytest.fixture
def sail(tmp_path):
    pytest.importorskip("pysail", reason="pysail is not installed")
    with SailServer(tmp_path, KEYS) as server:
        yield server


@pytest.mark.release
def test_sail_makes_the_same_tables(filled, embedded, sail, tmp_path):
    home = shutil.copytree(filled, tmp_path / "home")
    for stage in STAGES:
        pinlake(stage, "--once", "--home", home, environment=settings(sail), timeout=300)
    assert everything(home) == everything(embedded)


@pytest.mark.release
def test_sail_makes_the_same_tables_in_s3(filled, embedded, sail, s3_endpoint, tmp_path):
    place = spark_homes.in_s3(filled, s3_endpoint, tmp_path)
    told = settings(sail) | place.environment
    for stage in STAGES:
        pinlake(stage, "--once", "--home", place.home, environment=told, timeout=300)
    assert everything_in(place.open()) == everything(embedded)


@pytest.mark.release
def test_workers_without_credentials_end_a_stage_with_the_reason(filled, s3_endpoint, tmp_path):
    pytest.importorskip("pysail", reason="pysail is not installed")
    place = spark_homes.in_s3(filled, s3_endpoint, tmp_path)
    wrong = KEYS | {"AWS_SECRET_ACCESS_KEY": "a-wrong-secret"}
    with SailServer(tmp_path, wrong) as server:
        told = settings(server) | place.environment
        done = pinlake("load", "--once", "--home", place.home, environment=told, check=False)
    assert done.returncode == 1
    (line,) = {each for each in done.stderr.splitlines() if each.startswith("pinlake: ")}
    assert f"The lake {place.url} could not be read or written" in line
    for secret in ("a-wrong-secret", KEYS["AWS_SECRET_ACCESS_KEY"]):
        assert secret not in done.stdout + done.stderr
    assert lakes.s3_place(s3_endpoint, tmp_path).open().children("raw") == []


def test_a_server_that_is_not_there_is_told_before_anything_is_begun(filled, tmp_path):
    home = shutil.copytree(filled, tmp_path / "home")
    gone = ConnectServer(tmp_path)
    done = pinlake("load", "--once", "--home", home, environment=settings(gone), check=False)
    assert done.returncode == 1
    assert f"nothing answers at spark.remote, {gone.url}" in done.stderr
    assert not (home / "lake" / "progress" / "load").exists()
