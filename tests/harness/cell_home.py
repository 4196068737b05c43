"""The home of a cell: its settings, real records by a real gateway, its stages."""

import base64
import contextlib
import json
import os
from typing import NamedTuple

import boto3
import requests

import spark_session
from harness import kinesalite
from harness.pipeline import USER_ID, Gateway, pinlake
from harness.s3_server import BUCKET, KEYS
from harness.stage_process import StageProcess
from lakes import Place
from pinlake.log.base import PartitionSpec
from pinlake.log.open import log_of
from pinlake.record import topic
from pinlake.settings import read

SHARED, UNCLAIMED = "Kinesis-Prod-Stream", "unclaimed"
TABLES = ("pin", "geo", "user")
PARTITIONS = 2
AT_ONCE = 100


class Sent(NamedTuple):
    """A record for a table's topic and stream, and its key."""

    table: str
    content: bytes
    key: str


class CellHome:
    """A cell's pipeline: ``settings`` are variables of the environment. Topics and streams have two partitions."""

    def __init__(self, folder, settings):
        self.path, self.environment = folder, os.environ | KEYS | settings
        self.place = Place(
            settings.get("PINLAKE_LAKE") or (folder / "lake").as_uri(),
            settings.get("PINLAKE_S3_ENDPOINT", ""),
            str(folder),
        )

    def make(self):
        """Make the home with the topics that the classic producer knows."""
        home = read(self.path, environment=self._own(), folder=self.path.parent)
        self.path.mkdir(parents=True)
        with contextlib.closing(log_of(home)) as log:
            for table in TABLES:
                log.create(topic(f"{USER_ID}.{table}"), (PartitionSpec(),) * PARTITIONS)
        streams = [*map(stream_of, TABLES), SHARED, UNCLAIMED]
        with (
            Gateway(self.path, environment=self.environment) as gateway,
            contextlib.closing(kinesis(gateway.url)) as client,
        ):
            for name in streams:
                client.create_stream(StreamName=name, ShardCount=PARTITIONS)
            for name in streams:
                client.get_waiter("stream_exists").wait(
                    StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
                )

    def gateway(self):
        return Gateway(self.path, "--user-id", USER_ID, environment=self.environment)

    def produce(self, url, posts):
        """Have the project's own producer send posts by both routes."""
        for route in ("kafka", "kinesis"):
            pinlake("post", "--via", route, "--posts", posts, "--url", url, "--home", self.path,
                    environment=self.environment)  # fmt: skip

    def stages(self):
        """Return the process that runs the stages and answers."""
        return StageProcess(self.path, self.environment)

    def _own(self):
        return {key: text for key, text in self.environment.items() if key.startswith("PINLAKE_")}


def stream_of(table):
    return f"streaming-{USER_ID}-{table}"


def kinesis(url):
    return boto3.client(
        "kinesis",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )


def send(url, to_topics, to_streams):
    """Send records by both routes, in order. What no table is called is a topic, or a stream, itself."""
    with contextlib.closing(kinesis(url)) as client, requests.Session() as session:
        for table, some in _parts(to_topics):
            _produce(session, url, f"{USER_ID}.{table}" if table in TABLES else table, some)
        for table, some in _parts(to_streams):
            _put(client, stream_of(table) if table in TABLES else table, some)


def send_shared(url, records):
    """Put records into the stream that the tables share, told apart by their keys."""
    with contextlib.closing(kinesis(url)) as client:
        for _, some in _parts(records):
            _put(client, SHARED, some)


def _parts(records):
    """Yield (table, so many of its records), in order."""
    for table in dict.fromkeys(each.table for each in records):
        own = [each for each in records if each.table == table]
        for start in range(0, len(own), AT_ONCE):
            yield table, own[start : start + AT_ONCE]


def _produce(session, url, name, records):
    body = [{"key": _text(each.key.encode()), "value": _text(each.content)} for each in records]
    answer = session.post(
        f"{url}/topics/{name}",
        headers={"Content-Type": "application/vnd.kafka.binary.v2+json"},
        data=json.dumps({"records": body}),
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    assert all(each["offset"] is not None for each in answer.json()["offsets"])


def _put(client, stream, records):
    entries = [{"Data": each.content, "PartitionKey": each.key} for each in records]
    answer = client.put_records(StreamName=stream, Records=entries)
    assert answer["FailedRecordCount"] == 0, answer


def _text(content):
    return base64.b64encode(content).decode()


def settings_of(cell, folder, server):
    """Return a cell as the environment sets it; ``server`` gives the URL of a part by its name."""
    settings = {"PINLAKE_SINK_ROTATE_SECONDS": "3600", "PINLAKE_STREAM_TOPICS": "true"}
    if cell.topics == "kafka":
        settings["PINLAKE_TOPICS"] = server("kafka")
    if cell.streams == "kinesis":
        settings |= kinesalite.environment(server("kinesis"))
    if cell.lake == "s3":
        settings |= {
            "PINLAKE_LAKE": f"s3://{BUCKET}/{folder.parent.name}/{folder.name}",
            "PINLAKE_S3_ENDPOINT": server("s3"),
            "PINLAKE_S3_PATH_STYLE": "true",
            "PINLAKE_S3_ALLOW_HTTP": "true",
        }
    if cell.engine == "spark":
        settings |= {"PINLAKE_ENGINE": "spark", "PINLAKE_SPARK_IVY": str(spark_session.IVY)}
    return settings
