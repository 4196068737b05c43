"""A laptop's home grows to Kafka, Kinesis, S3 and Spark under clients that go on posting: no gap and no double."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import duckdb
import pytest
import requests

import lakes
import spark_session
from cells import difference, tables_of
from harness import kinesalite
from harness.free_port import free_port
from harness.pipeline import USER_ID, Gateway, pinlake, post_to_kafka, post_to_kinesis, run_stages
from harness.s3_server import KEYS
from harness.stage_process import StageProcess
from pinlake.lake import tables
from pinlake.lake.file import FileLake
from pinlake.log.open import open_log
from pinlake.record import Partition, Record, topic
from requirements_of_tests import require

GEO = topic(f"{USER_ID}.geo")
pytestmark = pytest.mark.timeout(900)
SPARK = {"PINLAKE_ENGINE": "spark", "PINLAKE_SPARK_IVY": str(spark_session.IVY)}
FIRST = "the first of its key"


def geo(number, country=FIRST):
    return {"ind": number, "timestamp": "2020-01-02 03:04:05", "latitude": 1.5, "longitude": 2.5,
            "country": country}  # fmt: skip


class Client(threading.Thread):
    """Posts a new row by both routes for ever, each until it is acknowledged, as clients do."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url, self.acknowledged, self.refused = url, [], 0
        self._done = threading.Event()

    def run(self):
        number = 1_000
        while not self._done.is_set():
            number += 1
            offset = self._until_taken(post_to_kafka, geo(number))
            self._until_taken(post_to_kinesis, geo(number))
            self.acknowledged.append((number, offset))

    def stop(self):
        self._done.set()
        self.join(60)
        assert not self.is_alive()

    def _until_taken(self, post, row):
        while True:
            try:
                return post(self.url, "geo", row)
            except (requests.RequestException, AssertionError):
                self.refused += 1
                time.sleep(0.05)


@pytest.fixture
def place(s3_endpoint, tmp_path):
    return lakes.s3_place(s3_endpoint, tmp_path)


@pytest.fixture
def access(place):
    """How the new systems are reached: not yet that they are to be used."""
    return KEYS | {
        "PINLAKE_S3_ENDPOINT": place.endpoint,
        "PINLAKE_S3_PATH_STYLE": "true",
        "PINLAKE_S3_ALLOW_HTTP": "true",
    }


@pytest.fixture
def home(tmp_path):
    """A laptop's home: rows of both routes, among them what is no row, half of them drained."""
    home = tmp_path / "home"
    with Gateway(home, "--user-id", USER_ID) as gateway:
        for number in range(20):
            post_to_kafka(gateway.url, "geo", geo(number))
            post_to_kinesis(gateway.url, "geo", geo(number))
        post_to_kafka(gateway.url, "geo", {"no": "row"})
        post_to_kinesis(gateway.url, "geo", {"no": "row"})
        run_stages(home)
        for number in range(10, 30):
            post_to_kafka(gateway.url, "geo", geo(number, "a later one"))
            post_to_kinesis(gateway.url, "geo", geo(number, "a later one"))
    return home


def rows(lake, table, sql):
    with duckdb.connect(":memory:") as connection:
        connection.register("rows", tables.read(connection, tables.snapshot(lake, table)))
        return connection.sql(f"SELECT {sql} FROM rows").fetchall()


@pytest.mark.slow
@pytest.mark.spark
def test_each_acknowledged_record_is_there_once_through_a_move_to_kafka_kinesis_s3_and_spark(
    home, kafka, kinesis, place, access
):
    require(spark_session.java_is_there(), "there is no Java for Spark")
    pytest.importorskip("pyspark", reason="pyspark, our extra spark, is missing")
    port, access = str(free_port()), access | kinesalite.environment(kinesis.url)
    streams = access.pop("PINLAKE_STREAMS")
    grown = access | {
        "PINLAKE_TOPICS": kafka.url,
        "PINLAKE_STREAMS": streams,
        "PINLAKE_LAKE": place.url,
    }

    def moved(*, check):
        return pinlake("move", "--topics", kafka.url, "--streams", streams, "--lake", place.url,
                       "--home", home, environment=access, check=check)  # fmt: skip

    with Gateway(home, "--port", port) as gateway:
        client = Client(gateway.url)
        client.start()
        _until(lambda: len(client.acknowledged) > 20)
        refused = moved(check=False)
        assert refused.returncode == 1
        assert "held by another process" in refused.stderr
    said = moved(check=True).stdout
    assert "every plan: equal" in said
    assert f'topics = "{kafka.url}", streams = "{streams}", lake = "{place.url}"' in said
    old = pinlake("serve", "--port", port, "--home", home, environment=access, check=False)
    assert old.returncode == 1
    assert "was moved: its topics" in old.stderr
    before = len(client.acknowledged)
    with Gateway(home, "--port", port, environment=grown) as gateway:
        _until(lambda: len(client.acknowledged) > before + 20)
        client.stop()
        for row in (geo(5, "after the move"), {"no": "row"}):
            post_to_kafka(gateway.url, "geo", row)
            post_to_kinesis(gateway.url, "geo", row)
    assert client.refused > 0
    with StageProcess(home, os.environ | grown | SPARK) as stages:
        stages.drain()
    _check_all(place.open(), client.acknowledged)
    found = pinlake("doctor", "--deep", "--json", "--home", home, environment=grown).stdout
    findings = [json.loads(line) for line in found.splitlines()]
    assert [each for each in findings if each["severity"] == "error"] == []


def _check_all(lake, acknowledged):
    """Each record once, by its place in its log; each key once, the first that came."""
    held = rows(lake, "raw/geo", "_topic, _partition, _offset, ind")
    places = Counter(row[:3] for row in held)
    assert set(places.values()) == {1}
    topic = f"{USER_ID}.geo"
    assert {(topic, *at, number) for number, at in acknowledged} <= set(held)
    for stage in ("load", "stream"):
        refused = rows(lake, f"quarantine/{stage}/geo", 'topic, "partition", "position", element')
        assert len(refused) == len(set(refused)) == 2
    for table in ("clean/geo", "stream/geo"):
        countries = dict(rows(lake, table, "ind, country"))
        assert len(countries) == len(rows(lake, table, "ind"))
        assert {number for number, _ in acknowledged} | set(range(30)) == countries.keys()
        assert all(countries[number] == FIRST for number in range(20))


def _until(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.release
@pytest.mark.slow
def test_a_move_that_is_killed_at_each_step_goes_on_and_the_copy_is_equal(
    home, kafka, place, access
):
    grown = access | {"PINLAKE_TOPICS": kafka.url, "PINLAKE_LAKE": place.url}
    arguments = ("move", "--topics", kafka.url, "--lake", place.url, "--home", home, "--json")
    for last in ("stage", "copied"):
        _killed_after(last, arguments, access)
    halfway = pinlake("load", "--once", "--home", home, environment=grown, check=False)
    assert halfway.returncode == 1
    assert "is not whole" in halfway.stderr
    early = pinlake(*arguments, environment=grown, check=False)
    assert early.returncode == 1
    assert "a move needs both" in early.stderr
    assert pinlake("status", "--home", home, environment=access).returncode == 0
    _killed_after("tables", arguments, access)
    expected = tables_of(FileLake((home / "lake").as_uri()))
    said = json.loads(pinlake(*arguments, environment=access).stdout.splitlines()[-1])
    assert said["places"] == {"topics": kafka.url, "streams": "", "lake": place.url}
    assert difference(tables_of(place.open()), expected) == []
    assert place.open().get("moving.json") is None
    assert said["topics"] == 3
    nothing = run_stages(home, environment=grown)
    assert [each["rows"] for each in nothing.values()] == [0, 0, 0, 0]


def _killed_after(field, arguments, environment):
    """Run a command and kill it once it says the line with a field; then it is at the next step."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pinlake", *map(str, arguments)],
        env=os.environ | environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in process.stdout:
        if field in json.loads(line):
            break
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.release
@pytest.mark.slow
def test_what_is_in_the_way_is_named_and_a_move_of_the_topics_leads_back_too(home, kafka):
    def moved_to(topics, **settings):
        return pinlake("move", "--topics", topics, "--home", home, check=False, **settings)

    stage = subprocess.Popen([sys.executable, "-m", "pinlake", "stream", "--home", home])
    try:
        _until(lambda: "Another process runs stream" in moved_to(kafka.url).stderr)
    finally:
        stage.send_signal(signal.SIGTERM)
        stage.wait(30)
    with contextlib.closing(open_log(kafka.url)) as log:
        log.create(GEO)
        log.append(Partition(GEO, 0), [Record(b"somebody's")])
        refused = moved_to(kafka.url)
        assert refused.returncode == 1
        assert "holds records below" in refused.stderr
        assert pinlake("status", "--home", home).returncode == 0
        log.delete(GEO)
    assert moved_to(kafka.url).returncode == 0
    in_kafka = {"PINLAKE_TOPICS": kafka.url}
    assert [each["rows"] for each in run_stages(home, environment=in_kafka).values()] == [0] * 4
    assert moved_to("", environment=in_kafka).returncode == 0
    with Gateway(home) as gateway:
        assert post_to_kafka(gateway.url, "geo", geo(77)) == (0, 41)
    run_stages(home)
    assert (41, 77) in rows(FileLake((home / "lake").as_uri()), "raw/geo", "_offset, ind")
