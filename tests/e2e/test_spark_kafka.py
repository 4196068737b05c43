"""Topics in Kafka, stage stream on Spark by its own connector: exactly once over a kill, and the questions asked there."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
import requests

import spark_session
from harness.pipeline import USER_ID, Gateway, pinlake, run_stages, wait_until
from lakehouse_rows import everything
from requirements_of_tests import require
from what_arrives import CASES

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(900)]
SPARK = {
    "PINLAKE_ENGINE": "spark",
    "PINLAKE_SPARK_IVY": str(spark_session.IVY),
    "PINLAKE_SPARK_PACKAGES": spark_session.PACKAGES,
    "PINLAKE_LOG_LEVEL": "info",
}


@pytest.fixture
def in_kafka(kafka, spark, monkeypatch):
    """Have every pinlake that is started keep its topics in Kafka, and stream them."""
    require(spark_session.has_delta(spark), f"{spark_session.PACKAGES} could not be fetched")
    monkeypatch.setenv("PINLAKE_TOPICS", kafka.url)
    monkeypatch.setenv("PINLAKE_STREAM_TOPICS", "true")
    return kafka


def post(url, table, contents):
    """Post values to a table's topic: rows as JSON, and what is none as it is."""
    answer = requests.post(
        f"{url}/topics/{USER_ID}.{table}",
        headers={"Content-Type": "application/vnd.kafka.json.v2+json"},
        data=json.dumps({"records": [{"value": value} for value in contents]}, default=str),
        timeout=60,
    )
    assert answer.status_code == 200, answer.text


def killed_in_the_middle(home, table):
    """Run stage stream and kill it, workers and all, once a table's plan is put."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pinlake", "stream", "--once", "--home", str(home)],
        env=os.environ | SPARK,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        plans = home / f"lake/progress/stream/{table}"
        wait_until(lambda: any(plans.glob("*.json")) or process.poll() is not None, seconds=400)
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.usefixtures("in_kafka")
def test_a_driver_killed_in_the_middle_leaves_the_tables_of_the_embedded_engine(
    real_rows, tmp_path
):
    home = tmp_path / "home"
    with Gateway(home, "--user-id", USER_ID) as gateway:
        for table, rows in real_rows.items():
            dirt = [case.sent(n).content for n, case in enumerate(CASES, 1) if case.table == table]
            post(gateway.url, table, [*rows, *rows[::7], None, "junk", *map(repr, dirt)])
    embedded = shutil.copytree(home, tmp_path / "embedded")
    run_stages(embedded, "stream")
    killed_in_the_middle(home, "pin")
    assert len(everything(home)) < len(everything(embedded))
    done = pinlake("stream", "--once", "--home", home, environment=SPARK, timeout=600)
    assert done.stderr.count("event=kafka_read_by_workers") >= 1
    assert everything(home) == everything(embedded)
    again = pinlake("stream", "--once", "--home", home, "--json")
    assert json.loads(again.stdout.splitlines()[-1])["rows"] == 0
    asked = ("query", "most_popular_category_by_year", "--from", "stream", "--format", "json")
    answers = [pinlake(*asked, "--home", home, environment=on, timeout=600) for on in ({}, SPARK)]
    assert json.loads(answers[0].stdout)
    assert answers[1].stdout == answers[0].stdout
