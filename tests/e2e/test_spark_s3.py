"""engine = "spark" over S3: the embedded engine's tables over files, after kills and lost answers."""

import random
from collections import Counter
from pathlib import Path

import pytest

import spark_homes
import spark_session
from harness.faulty_s3 import LATE_ERROR, LOSE, TWICE, FaultyS3
from harness.pipeline import pinlake
from harness.s3_server import KEYS
from lakehouse_rows import everything, everything_in
from requirements_of_tests import require
from spark_homes import killed

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.release, pytest.mark.timeout(1200)]
SECRET = KEYS["AWS_SECRET_ACCESS_KEY"]


@pytest.fixture
def place(filled, s3_endpoint, tmp_path):
    return spark_homes.in_s3(filled, s3_endpoint, tmp_path)


def environment(place, events):
    """Return the settings of a stage on Spark; what Spark notes of its jobs goes to a folder."""
    noted = (
        "--conf spark.eventLog.enabled=true --conf spark.eventLog.compress=false"
        f" --conf spark.eventLog.dir={events.as_uri()}"
    )
    return place.environment | {
        "PINLAKE_ENGINE": "spark",
        "PINLAKE_SPARK_IVY": str(spark_session.IVY),
        "PYSPARK_SUBMIT_ARGS": f"{noted} pyspark-shell",
    }


def test_the_tables_are_those_of_the_embedded_engine_after_kills_and_lost_answers(
    place, embedded, tmp_path
):
    require(spark_session.java_is_there(), "there is no Java for Spark")
    events, rng, faults, shown = tmp_path / "events", random.Random(2), Counter(), []
    events.mkdir()
    for stage in ("load", "clean", "stream"):
        shown += killed(
            place.home, stage, environment(place, events), place.open(), rng.uniform(0, 1.5)
        )
        with FaultyS3(place.endpoint, [LOSE, LATE_ERROR, TWICE], of="_delta_log/") as proxy:
            through = environment(place._replace(endpoint=proxy.url), events)
            done = pinlake(stage, "--once", "--home", place.home, environment=through, timeout=600)
        faults += proxy.done
        shown += [done.stdout, done.stderr]
    assert {LOSE, LATE_ERROR, TWICE} <= set(faults)
    assert everything_in(place.open()) == everything(embedded)
    written = [path.read_text() for path in events.rglob("events_*")]
    assert any("SparkListenerApplicationStart" in text for text in written)
    assert not any(SECRET in text for text in [*shown, *written])
    assert not any(SECRET.encode() in path.read_bytes() for path in files(Path(place.home)))


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]
