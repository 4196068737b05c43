"""Any JSON posted to a topic or stream that nobody claims is a table, and can be asked at once."""

import base64
import json

import pytest
import requests

import pinlake as api
from asking import ask
from harness.pipeline import Gateway, pinlake, run_stages

NAMES = [
    "greetings",
    "a.b-c_d.E",
    "0abc12345678.pins",
    "streaming-0abc12345678-pins",
    "-x",
    "--",
    "1",
    "_",
    "_unrouted",
    "_delta_log",
    ".hidden",
    "...",
    "raw",
    "clean",
    "writer.lock",
    "select",
    "topics",
    "partition",
    "PIN",
    "N" * 128,
]
TAKEN = {"_unrouted", "_delta_log"}
"""Names that mean something else as a folder of the lake."""
VALUES = [
    {"hello": "world", "nested": {"a": [1, {"b": None}], "ü": "\U0001f600"}},
    [1, [2, {"c": 3}], None],
    "text",
    "",
    17,
    1e400,
    True,
    None,
    {},
    [],
]


def text_of(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("Infinity", "1e400")


BODY = "[" + ",".join(f'{{"value":{text_of(value)}}}' for value in VALUES) + "]"
PUTS = [value for value in VALUES if value is not None]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("unclaimed")
    with Gateway(home) as gateway, requests.Session() as session:
        for name in (*NAMES, "N" * 220):
            _produce(session, gateway.url, name, BODY, "json")
        _produce(session, gateway.url, "bytes", '[{"value":"/wA="},{"value":"e30="}]', "binary")
        for name in NAMES:
            for number, value in enumerate(PUTS):
                answer = session.put(
                    f"{gateway.url}/streams/{name}/record",
                    data=f'{{"PartitionKey":"key {number}","Data":{text_of(value)}}}'.encode(),
                    timeout=30,
                )
                assert answer.status_code == 200, answer.text
    run_stages(home)
    run_stages(home)
    return home


def _produce(session, url, topic, records, form):
    answer = session.post(
        f"{url}/topics/{topic}",
        headers={"Content-Type": f"application/vnd.kafka.{form}.v2+json"},
        data=f'{{"records":{records}}}'.encode(),
        timeout=30,
    )
    assert answer.status_code == 200, (topic, answer.text)


@pytest.mark.parametrize("name", [*NAMES, "N" * 220])
def test_a_topic_of_any_name_is_a_raw_table_of_json_text(home, name):
    table = f"topic:{name}" if name in TAKEN else name
    found = ask(
        home,
        f"SELECT value, _topic, _partition, _offset, _element FROM raw.`{table}` ORDER BY _offset",
    )
    assert found == [
        {"value": text_of(value), "_topic": name, "_partition": 0, "_offset": offset, "_element": 0}
        for offset, value in enumerate(VALUES)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_of_any_name_is_a_stream_table_of_json_text(home, name):
    table = f"stream:{name}" if name in TAKEN else name
    found = ask(
        home,
        f"SELECT value, _partition_key, _stream, _shard, _element FROM stream.`{table}` ORDER BY CAST(_position AS BIGINT)",
    )
    assert found == [
        {"value": text_of(value), "_partition_key": f"key {number}"}
        | {"_stream": name, "_shard": 0, "_element": 0}
        for number, value in enumerate(PUTS)
    ]


def test_bytes_that_are_no_json_are_their_base64(home):
    found = ask(home, "SELECT value FROM raw.bytes ORDER BY _offset")
    assert [row["value"] for row in found] == ['"/wA="', "{}"]
    assert base64.b64decode("/wA=") == b"\xff\x00"


def test_the_command_line_asks_them_and_looks_into_the_json(home):
    sql = "SELECT get_json_object(value, '$.nested.a[1].b') AS b, get_json_object(value, '$.hello') AS hello FROM raw.`a.b-c_d.E` WHERE _offset = 0"
    done = pinlake("query", "--sql", sql, "--format", "json", "--home", home)
    assert json.loads(done.stdout) == [{"b": None, "hello": "world"}]
    done = pinlake(
        "query",
        "--sql",
        "SELECT count(*) AS n FROM raw.greetings",
        "--format",
        "csv",
        "--home",
        home,
    )
    assert done.stdout.split() == ["n", str(len(VALUES))]


def test_nothing_of_them_is_lost_or_in_quarantine(home):
    tables = api.open(home).tables()
    assert not [name for name in tables if name.startswith("quarantine/")]
    said = json.loads(pinlake("status", "--json", "--home", home).stdout)["stages"]
    assert {each["lag"] for each in said} == {0}
    assert {each["table"] for each in said} >= {*NAMES}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    with Gateway(tmp_path_factory.mktemp("refuses")) as gateway:
        yield gateway


@pytest.mark.parametrize("name", ["x+0", "a/b", "a b", "ü", "", ".", "..", "a\x00", "N" * 250])
def test_a_name_that_is_none_is_refused(gateway, name):
    quoted = requests.utils.quote(name, safe="")
    answer = requests.post(
        f"{gateway.url}/topics/{quoted}",
        headers={"Content-Type": "application/vnd.kafka.json.v2+json"},
        data='{"records":[{"value":1}]}',
        timeout=30,
    )
    assert answer.status_code in {400, 404, 405, 422}
    assert requests.get(f"{gateway.url}/topics", timeout=30).json() == []
