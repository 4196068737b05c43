"""Topics in a real Kafka: posts, every stage, questions and faults through the commands that a user has."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from deltalake import DeltaTable

from harness.load import post, user
from harness.pipeline import (
    USER_ID,
    Gateway,
    ask,
    pinlake,
    post_to_kinesis,
    run_stages,
    wait_until,
)


@pytest.fixture
def in_kafka(kafka, monkeypatch):
    """Have every pinlake that is started keep its topics in Kafka."""
    monkeypatch.setenv("PINLAKE_TOPICS", kafka.url)
    monkeypatch.setenv("PINLAKE_STREAM_TOPICS", "true")
    monkeypatch.setenv("PINLAKE_KAFKA_DELIVERY_TIMEOUT_MS", "4000")
    return kafka


@pytest.mark.slow
@pytest.mark.usefixtures("in_kafka")
def test_status_doctor_and_fresh_answers_read_kafka(tmp_path):
    with Gateway(tmp_path, "--user-id", USER_ID) as gateway:
        rows = [{"index": n, "latitude": 1.0, "longitude": 2.0, "country": "X",
                 "timestamp": "2020-01-01 00:00:00"} for n in range(5)]  # fmt: skip
        rows = [{**row, "ind": row.pop("index")} for row in rows]
        assert post(gateway.url, f"{USER_ID}.geo", *rows).status_code == 200
        pinlake("stream", "--once", "--home", tmp_path)
        assert post(gateway.url, f"{USER_ID}.geo", {**rows[0], "ind": 5}).status_code == 200
        counted = "SELECT count(*) AS n FROM geo"
        assert ask(tmp_path, counted, "stream") == [{"n": 5}]
        asked = ("query", "--sql", counted, "--fresh", "--format", "json", "--home", tmp_path)
        assert json.loads(pinlake(*asked).stdout) == [{"n": 6}]
        stages = json.loads(pinlake("status", "--json", "--home", tmp_path).stdout)["stages"]
        lags = {(each["stage"], each["table"]): each["lag"] for each in stages}
        assert lags["sink", f"{USER_ID}.geo"] == 6
        assert lags["stream", "geo"] == 1
        said = pinlake("doctor", "--json", "--home", tmp_path, check=False).stdout
    checks = [json.loads(line) for line in said.splitlines()]
    assert {each["severity"] for each in checks if each["check"] == "Kafka"} == {"ok"}
    assert [each for each in checks if each["severity"] == "error"] == []


@pytest.mark.usefixtures("in_kafka")
def test_topics_that_others_fill_are_streamed_before_a_gateway_made_the_embedded_log(tmp_path):
    with Gateway(tmp_path / "other", "--user-id", USER_ID) as gateway:
        for number in range(3):
            assert post(gateway.url, f"{USER_ID}.user", user(number)).status_code == 200
    home = tmp_path / "home"
    pinlake("stream", "--once", "--home", home)
    counted = "SELECT count(*) AS n FROM user"
    assert ask(home, counted, "stream") == [{"n": 3}]
    stages = json.loads(pinlake("status", "--json", "--home", home).stdout)["stages"]
    lags = {(each["stage"], each["table"]): each["lag"] for each in stages}
    assert (lags["sink", f"{USER_ID}.user"], lags["stream", "user"]) == (3, 0)
    following = started(home, "stream")
    try:
        with Gateway(home, "--user-id", USER_ID) as gateway:
            post_to_kinesis(gateway.url, "user", user(3))
            wait_until(lambda: ask(home, counted, "stream") == [{"n": 4}])
    finally:
        following.kill()
        following.wait()
    for path in home.glob("log.db*"):
        path.unlink()
    lost = pinlake("stream", "--once", "--home", home, check=False)
    assert "There is no log at" in lost.stderr


def test_a_topic_made_again_underneath_stops_its_stages_with_what_to_do(in_kafka, tmp_path):
    with Gateway(tmp_path) as gateway:
        assert post(gateway.url, "t", 1, 2).json()["offsets"][1]["offset"] == 1
        run_stages(tmp_path, "sink")
        in_kafka.forget_topics()
        answers = [post(gateway.url, "t", 3).status_code for _ in range(3)]
        assert answers[-1] == 200
        assert set(answers) <= {200, 500, 503}
        done = pinlake("sink", "--once", "--home", tmp_path, check=False)
    assert done.returncode == 1
    assert "another log" in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("in_kafka")
def test_what_was_acknowledged_survives_kills_of_gateway_and_sink_under_load(tmp_path):
    acknowledged = []

    def client(url, number):
        with requests.Session() as session:
            for turn in range(100_000):
                value = {"n": number, "turn": turn, "url": url}
                try:
                    answer = post(url, "t", value, session=session)
                except requests.ConnectionError:
                    return
                if answer.status_code == 200:
                    acknowledged.append((answer.json()["offsets"][0]["offset"], value))

    for _ in range(2):
        gateway = Gateway(tmp_path)
        enough = len(acknowledged) + 150
        with ThreadPoolExecutor(4) as pool:
            clients = [pool.submit(client, gateway.url, number) for number in range(4)]
            sink = started(tmp_path, "sink", PINLAKE_SINK_FLUSH_SIZE="7")
            while len(acknowledged) < enough:
                time.sleep(0.01)
            sink.kill()
            gateway.kill()
            for each in clients:
                each.result()
        sink.wait(30)
    run_stages(tmp_path, "sink", "load")
    found = offsets_of(tmp_path / "lake/raw/t")
    assert sorted(found) == sorted(set(found))
    assert {offset for offset, _ in acknowledged} <= set(found)


@pytest.mark.release
@pytest.mark.slow
def test_a_broker_that_is_killed_is_answered_with_503_and_everything_goes_on_after(
    in_kafka, tmp_path
):
    acknowledged, refused = [], []
    with Gateway(tmp_path) as gateway:
        assert post(gateway.url, "t", -1).status_code == 200
        sink = started(tmp_path, "sink", PINLAKE_SINK_FLUSH_SIZE="50")
        try:
            in_kafka.kill()
            began = time.monotonic()
            answer = post(gateway.url, "t", "lost")
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
            assert time.monotonic() - began < 30
            assert requests.get(f"{gateway.url}/ready", timeout=60).status_code == 503
            said = pinlake("doctor", "--json", "--home", tmp_path, check=False)
            checks = [json.loads(line) for line in said.stdout.splitlines()]
            told = [each for each in checks if each["check"] == "Kafka"]
            assert told[0]["severity"] == "error"
            assert "does not answer" in told[0]["what"]
            with ThreadPoolExecutor(4) as pool:
                clients = [
                    pool.submit(posts, gateway.url, n, acknowledged, refused) for n in range(4)
                ]
                in_kafka.start()
                for each in clients:
                    each.result()
            assert sink.poll() is None
        finally:
            sink.kill()
            sink.wait(30)
    run_stages(tmp_path, "sink", "load")
    found = offsets_of(tmp_path / "lake/raw/t")
    assert sorted(found) == sorted(set(found))
    assert set(acknowledged) <= set(found)
    assert len(acknowledged) == 40


def posts(url, number, acknowledged, refused):
    """Post ten records, each until it is acknowledged, as a retrying client does."""
    with requests.Session() as session:
        for turn in range(10):
            for _ in range(100):
                answer = post(url, "t", [number, turn], session=session)
                if answer.status_code == 200:
                    acknowledged.append(answer.json()["offsets"][0]["offset"])
                    break
                refused.append(answer.status_code)
                time.sleep(0.2)


def started(home, stage, **environment):
    """Start a stage for ever."""
    return subprocess.Popen(
        [sys.executable, "-m", "pinlake", stage, "--home", home],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def offsets_of(table):
    """Return the offset of each record in raw."""
    return DeltaTable(table).to_pyarrow_table(columns=["_offset"])["_offset"].to_pylist()
