"""The doctor looks at a Kinesis: rights, retention and the clock."""

from __future__ import annotations

import base64
import json
import time

import pytest

import kinesis_server
from harness.faulty_kinesis import FaultyKinesis
from harness.kinesalite import KEYS, REGION
from pinlake.home import open_home
from pinlake.log.kinesis import client as kinesis_client
from pinlake.run.doctor.examination import examine

STREAM = "streaming-0abc12345678-geo"
HOUR_MS = 3_600_000


@pytest.fixture
def server():
    with kinesis_server.serving() as ours:
        yield ours


@pytest.fixture
def home(tmp_path, server, monkeypatch):
    for name, value in KEYS.items():
        monkeypatch.setenv(f"PINLAKE_KINESIS_{name.upper()}", value)
    monkeypatch.setenv("PINLAKE_KINESIS_ENDPOINT", server.url)
    monkeypatch.setenv("PINLAKE_STREAMS", f"kinesis://{REGION}")
    return open_home(tmp_path / "home", create=True)[0]


def put(server, count):
    server.call("CreateStream", {"StreamName": STREAM, "ShardCount": 1})
    time.sleep(0.05)
    data = base64.b64encode(json.dumps({"ind": 1}).encode()).decode()
    entries = [{"Data": data, "PartitionKey": "a"}] * count
    answer = server.call("PutRecords", {"StreamName": STREAM, "Records": entries})
    assert answer.status_code == 200, answer.text


def told(home):
    return [each for each in examine(home.path, None, deep=False) if each.check == "Kinesis"]


def test_a_stage_that_retention_may_overtake_is_told_with_what_to_run(home, server):
    put(server, 2)
    assert [each.severity for each in told(home)] == ["ok", "warning"]  # no stream feeds pin, user
    server.clock.ahead += 13 * HOUR_MS
    warned = told(home)[2]
    assert warned.severity == "warning"
    assert "stream geo is 13.0 hours behind" in warned.what
    assert "pinlake stream --once" in warned.do


def test_what_is_not_allowed_is_told_with_the_rights_that_are_needed(home, server, monkeypatch):
    put(server, 1)
    with FaultyKinesis(server.url) as refusing:
        monkeypatch.setenv("PINLAKE_KINESIS_ENDPOINT", refusing.url)
        refusing.always["GetRecords"] = "AccessDeniedException"
        *_, last = told(home)
        assert last.severity == "error"
        assert "AccessDenied" in last.what
        assert "GetRecords" in last.do
        refusing.always = {"ListStreams": "UnrecognizedClientException"}
        (only,) = told(home)
        assert only.severity == "error"
        assert KEYS["secret_key"] not in str(only)


def test_clocks_that_are_apart_are_told(home, server, monkeypatch):
    put(server, 1)
    with FaultyKinesis(server.url) as late:
        late.ahead = 600
        monkeypatch.setenv("PINLAKE_KINESIS_ENDPOINT", late.url)
        *_, last = told(home)
    assert last.severity == "warning"
    assert "clock" in last.what
    assert "timedatectl" in last.do


def test_a_kinesis_that_is_away_is_told_once_with_the_settings_that_reach_it(home, monkeypatch):
    monkeypatch.setattr(kinesis_client, "PATIENCE", kinesis_client.Patience(away=0.3))
    monkeypatch.setenv("PINLAKE_KINESIS_ENDPOINT", "http://127.0.0.1:9")
    (only,) = told(home)
    assert only.severity == "error"
    assert "does not answer" in only.what
    assert "kinesis.endpoint" in only.do
