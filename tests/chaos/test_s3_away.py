"""S3 is away for a minute under a running pipeline: posts are taken, and then all is there, once."""

import json
import threading
import time
from urllib.parse import urlsplit

import pytest

import lakes
from harness.load import Load, running, user
from harness.pipeline import USER_ID, Gateway, pinlake, post_to_kinesis, wait_until
from harness.tcp_gate import TcpGate

QUICK = {
    "PINLAKE_SINK_FLUSH_SIZE": "50",
    "PINLAKE_SINK_ROTATE_SECONDS": "0.5",
    "PINLAKE_BATCH_EVERY_SECONDS": "0.5",
}
AWAY_SECONDS = 60


class Putting:
    """A client that puts users with new keys into the stream, until it is ended."""

    def __init__(self, url):
        self.keys, self._url, self._stop = [], url, threading.Event()
        self._client = threading.Thread(target=self._put)
        self._client.start()

    def end(self):
        self._stop.set()
        self._client.join()
        return self.keys

    def _put(self):
        while not self._stop.wait(0.02):
            key = len(self.keys)
            post_to_kinesis(self._url, "user", user(key))
            self.keys.append(key)


@pytest.fixture
def in_s3(s3_endpoint, tmp_path, monkeypatch):
    """Have every pinlake that is started keep its lake behind a door to S3; give home and door."""
    with TcpGate(urlsplit(s3_endpoint).port) as gate:
        place = lakes.s3_place(f"http://127.0.0.1:{gate.port}", tmp_path)
        for name, value in (QUICK | place.environment).items():
            monkeypatch.setenv(name, value)
        yield tmp_path / "home", gate


@pytest.mark.release
@pytest.mark.slow
def test_s3_that_is_away_for_a_minute_under_load_loses_and_doubles_nothing(in_s3):
    home, gate = in_s3
    with (
        Gateway(home, "--user-id", USER_ID) as gateway,
        running(home, "sink", "load", "stream") as said,
    ):
        load, putting = Load(gateway.url), Putting(gateway.url)
        wait_until(lambda: asked(home, "SELECT value FROM raw.t") != [], seconds=90)
        gate.shut()
        began, before = time.monotonic(), len(load.acknowledged)
        time.sleep(AWAY_SECONDS)
        assert len(load.acknowledged) > before
        assert load.refused == []
        gate.open()
        load.wait(100)
        acknowledged, keys = load.end(), putting.end()
        wait_until(lambda: len(in_raw(home)) >= len(acknowledged), seconds=120, pause=1)
        users = "SELECT ind FROM stream.user ORDER BY ind"
        wait_until(lambda: len(asked(home, users)) >= len(keys), seconds=120, pause=1)
    assert time.monotonic() - began > AWAY_SECONDS
    assert in_raw(home) == acknowledged
    assert [each["ind"] for each in asked(home, users)] == keys
    for stage in ("sink", "stream"):
        assert "could not be read or written" in said[stage].read_text()


def in_raw(home):
    """Return the values in raw by (partition, offset), each there once."""
    found = asked(home, "SELECT _partition, _offset, value FROM raw.t")
    by_place = {(each["_partition"], each["_offset"]): json.loads(each["value"]) for each in found}
    assert len(by_place) == len(found)
    return by_place


def asked(home, sql):
    done = pinlake("query", "--sql", sql, "--format", "json", "--home", home, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else []
