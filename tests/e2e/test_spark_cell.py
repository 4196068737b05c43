"""engine = "spark" over the embedded log and files: the same tables as the embedded engine's."""

import base64
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import boto3
import pytest
import requests

import spark_session
from harness.pipeline import USER_ID, Gateway, pinlake, run_stages
from lakehouse_rows import everything
from requirements_of_tests import require
from what_arrives import CASES, JUNK, REFUSED

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(600)]
SPARK = {"PINLAKE_ENGINE": "spark", "PINLAKE_SPARK_IVY": str(spark_session.IVY)}


def post(gateway, values):
    """Send any bytes to a table's topic and stream."""
    kinesis = boto3.client(
        "kinesis",
        endpoint_url=gateway.url,
        region_name="eu-west-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    with requests.Session() as session, contextlib.closing(kinesis):
        for table, content in values:
            text = base64.b64encode(content).decode()
            answer = session.post(
                f"{gateway.url}/topics/{USER_ID}.{table}",
                headers={"Content-Type": "application/vnd.kafka.binary.v2+json"},
                data=json.dumps({"records": [{"value": text}]}),
            )
            assert answer.status_code == 200, answer.text
            stream = f"streaming-{USER_ID}-{table}"
            kinesis.put_record(StreamName=stream, Data=content, PartitionKey="k")


def dirt():
    """Everything that arrives, a key each, and generated rows of which some share a key."""
    sent = [case.sent(ind) for ind, case in enumerate(CASES, start=1)]
    yield from ((each.table, each.content) for each in sent)
    yield from (("geo", each) for each in REFUSED if each)
    yield from (("geo", junk[0] if isinstance(junk, tuple) else junk) for junk in JUNK)


def sampled(real_rows):
    for table, rows in real_rows.items():
        yield from ((table, json.dumps(row).encode()) for row in rows)


@pytest.fixture(scope="module")
def filled(tmp_path_factory, spark, real_rows):
    require(spark_session.has_delta(spark), f"{spark_session.DELTA} could not be fetched")
    home = tmp_path_factory.mktemp("cell") / "home"
    with Gateway(home, "--user-id", USER_ID) as gateway:
        post(gateway, [*sampled(real_rows), *dirt()])
        run_stages(home, "sink")
        post(gateway, list(dirt())[::3])
        run_stages(home, "sink")
    return home


@pytest.fixture(scope="module")
def embedded(filled, tmp_path_factory):
    home = shutil.copytree(filled, tmp_path_factory.mktemp("embedded") / "home")
    run_stages(home, "load", "clean", "stream")
    return home


def killed(home, stage, rng):
    """Run a stage and kill its driver, workers and all, somewhere on its way."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pinlake", stage, "--once", "--home", str(home)],
        env=os.environ | SPARK,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(rng.uniform(7, 14))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_the_tables_are_those_of_the_embedded_engine_also_after_kills(filled, embedded, tmp_path):
    home, rng = shutil.copytree(filled, tmp_path / "home"), random.Random(1)
    for stage in ("load", "clean", "stream"):
        killed(home, stage, rng)
        done = pinlake(stage, "--once", "--home", home, environment=SPARK, timeout=300)
        assert stage in done.stdout
    assert everything(home) == everything(embedded)
