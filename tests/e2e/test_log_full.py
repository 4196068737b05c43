"""A log or disk that is full, as clients and commands meet it: 503, nothing lost, service again."""

import json
import time

import pytest
import requests

from harness.pipeline import Gateway, pinlake, run_stages, wait_until
from harness.small_disk import fill, small_disk
from pinlake.log.reader import SqliteLogReader
from pinlake.record import Partition, stream, topic

HEADERS = {"Content-Type": "application/vnd.kafka.json.v2+json"}
SMALL = {
    "PINLAKE_LOG_MAX_BYTES": "2000000",
    "PINLAKE_LOG_RETENTION_BYTES": "100000",
    "PINLAKE_LOG_SEGMENT_BYTES": "50000",
    "PINLAKE_LOG_TRIM_SECONDS": "0.1",
}
PADDING = "x" * 40_000


def by_kafka(url, number):
    body = json.dumps({"records": [{"value": {"n": number, "x": PADDING}}]})
    return requests.post(f"{url}/topics/t", data=body, headers=HEADERS, timeout=30)


def by_kinesis(url, number):
    body = {"Data": {"n": number, "x": PADDING}, "PartitionKey": "k"}
    return requests.put(f"{url}/streams/s/record", json=body, timeout=30)


def post_until_full(post, url, acknowledged):
    """Post one number after another until one is refused, and return the refusal."""
    while (answer := post(url, len(acknowledged))).status_code == 200:
        acknowledged.append(len(acknowledged))
    return answer


def is_taken_again(post, url, acknowledged):
    taken = post(url, len(acknowledged)).status_code == 200
    if taken:
        acknowledged.append(len(acknowledged))
    return taken


def held(home, partition):
    reader = SqliteLogReader(home / "log.db")
    batch = reader.read(partition, None, 1 << 30)
    reader.close()
    return [json.loads(value)["n"] for value in batch.values.values()]


def sunk(home):
    """Return the numbers in the sink's objects, in order of their names."""
    files = sorted((home / "lake" / "topics" / "t").rglob("*.json"))
    return [json.loads(line)["n"] for file in files for line in file.read_text().splitlines()]


def test_a_full_log_is_503_until_the_stages_have_come_on(tmp_path):
    with Gateway(tmp_path, environment=SMALL) as gateway:
        url, posted, put = gateway.url, [], []
        for number in range(3):
            assert by_kinesis(url, number).status_code == 200
            put.append(number)
        refused = post_until_full(by_kafka, url, posted)
        assert (refused.status_code, refused.json()["error_code"]) == (503, 50302)
        assert refused.headers["Retry-After"] == "1"
        assert "run the stages" in refused.json()["message"]
        refused = post_until_full(by_kinesis, url, put)
        assert (refused.status_code, refused.json()["__type"]) == (503, "ServiceUnavailable")
        assert refused.headers["Retry-After"] == "1"
        assert requests.get(f"{url}/ready", timeout=30).status_code == 503
        time.sleep(0.5)  # the gateway looks several times, and forgets nothing a stage needs
        assert held(tmp_path, Partition(topic("t"), 0)) == posted
        run_stages(tmp_path, "sink", "stream")
        wait_until(lambda: is_taken_again(by_kafka, url, posted))
        wait_until(lambda: is_taken_again(by_kinesis, url, put))
        offsets = requests.get(f"{url}/topics/t/partitions/0/offsets", timeout=30).json()
        assert offsets["beginning_offset"] > 0
        assert offsets["end_offset"] == len(posted)
        assert held(tmp_path, Partition(stream("s"), 0))[-1] == put[-1]
        run_stages(tmp_path, "sink", "stream")
    assert sunk(tmp_path) == posted
    assert (tmp_path / "log.db").stat().st_size <= 2_000_000
    query = pinlake(
        "query", "--sql", "SELECT count(*) AS n FROM s", "--from", "stream", "--format", "json",
        "--home", tmp_path,
    )  # fmt: skip
    assert json.loads(query.stdout) == [{"n": len(put)}]


@pytest.mark.slow
def test_a_log_that_is_full_under_load_goes_round_and_round(tmp_path):
    """Five times what the log may hold goes through it while the sink runs beside."""
    posted, refusals = [], 0
    with Gateway(tmp_path, environment=SMALL) as gateway:
        while len(posted) < 250:
            if is_taken_again(by_kafka, gateway.url, posted):
                continue
            refusals += 1
            run_stages(tmp_path, "sink")
            wait_until(lambda: is_taken_again(by_kafka, gateway.url, posted))
        run_stages(tmp_path, "sink")
    assert refusals > 1
    assert sunk(tmp_path) == posted
    assert (tmp_path / "log.db").stat().st_size <= 2_000_000


@pytest.mark.parametrize("kept_free", [0, 64 << 20])
def test_a_full_disk_is_503_until_there_is_room(tmp_path, kept_free):
    """Without a reserve SQLite meets ENOSPC; with one it never comes that far."""
    environment = {"PINLAKE_LOG_MIN_FREE_BYTES": str(kept_free)}
    with small_disk(tmp_path / "disk", 24) as disk:
        home, posted = disk / "home", []
        with Gateway(home, environment=environment) as gateway:
            assert is_taken_again(by_kafka, gateway.url, posted)
            for _ in range(3):
                fill(disk / "ballast")
                refused = post_until_full(by_kafka, gateway.url, posted)
                assert refused.status_code == 503
                assert refused.headers["Retry-After"] == "1"
                assert held(home, Partition(topic("t"), 0))[: len(posted)] == posted
                assert requests.get(f"{gateway.url}/ready", timeout=30).status_code == 503
                assert requests.get(f"{gateway.url}/health", timeout=30).status_code == 200
                (disk / "ballast").unlink()
                wait_until(lambda: is_taken_again(by_kafka, gateway.url, posted))
            gateway.kill()
        assert held(home, Partition(topic("t"), 0)) == posted


def test_a_gateway_killed_on_a_full_disk_has_all_that_it_acknowledged(tmp_path):
    with small_disk(tmp_path / "disk", 16) as disk:
        home, posted = disk / "home", []
        with Gateway(home, environment={"PINLAKE_LOG_MIN_FREE_BYTES": "0"}) as gateway:
            assert is_taken_again(by_kafka, gateway.url, posted)
            fill(disk / "ballast")
            post_until_full(by_kafka, gateway.url, posted)
            gateway.kill()
        (disk / "ballast").unlink()
        with Gateway(home) as gateway:
            assert held(home, Partition(topic("t"), 0))[: len(posted)] == posted
            assert is_taken_again(by_kafka, gateway.url, posted)
