"""Homes for the Spark engine's tests: a log with everything that arrives, and stages that are killed."""

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import boto3
import requests

import lakes
from harness.pipeline import USER_ID, Gateway, run_stages, wait_until
from pinlake.engine.base import FOLDERS
from what_arrives import CASES, JUNK, REFUSED


def filled(home, real_rows):
    """Make a home whose log and objects hold the real rows and everything that arrives."""
    with Gateway(home, "--user-id", USER_ID) as gateway:
        _post(gateway, [*_sampled(real_rows), *_dirt()])
        run_stages(home, "sink")
        _post(gateway, list(_dirt())[::3])
        run_stages(home, "sink")
    return home


def in_s3(home, endpoint, folder):
    """Return the place of a home like another one whose lake is in S3, with the same objects."""
    place = lakes.s3_place(endpoint, folder)
    shutil.copytree(home, place.home, ignore=shutil.ignore_patterns("lake", "cache", "logs"))
    lake = place.open()
    for path in (home / "lake").rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            lake.put(path.relative_to(home / "lake").as_posix(), path.read_bytes())
    return place


def killed(home, stage, environment, lake, seconds):
    """Run a stage and kill it, Java and workers too, so long after its first file is in the lake.

    Return what the processes of this machine were called with then.
    """
    before = _written(lake, stage)
    process = subprocess.Popen(
        [sys.executable, "-m", "pinlake", stage, "--once", "--home", str(home)],
        env=os.environ | environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: process.poll() is not None or _written(lake, stage) > before, seconds=240)
    time.sleep(seconds)
    called = list(_command_lines())
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return called


def _written(lake, stage):
    return sum(1 for _ in lake.files(FOLDERS[stage]))


def _command_lines():
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield path.read_bytes().decode(errors="replace")


def _post(gateway, values):
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


def _dirt():
    """Everything that arrives, a key each, and generated rows of which some share a key."""
    sent = [case.sent(ind) for ind, case in enumerate(CASES, start=1)]
    yield from ((each.table, each.content) for each in sent)
    yield from (("geo", each) for each in REFUSED if each)
    yield from (("geo", junk[0] if isinstance(junk, tuple) else junk) for junk in JUNK)


def _sampled(real_rows):
    for table, rows in real_rows.items():
        yield from ((table, json.dumps(row).encode()) for row in rows)
