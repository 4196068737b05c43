"""Every variant that real clients send, by both routes, through the socket to the tables."""

import base64
import json

import boto3
import pytest
import requests

from harness.pipeline import (
    USER_ID,
    Gateway,
    ask,
    post_to_kafka,
    post_to_kinesis,
    run_stages,
)

BINARY = "application/vnd.kafka.binary.v2+json"
JSON = "application/vnd.kafka.json.v2+json"
DECODED = [1, 2, 3, 4, 5, 6, 7, 8, 12, 15, 16, 17, 20, 21]
REASONS = {
    "column timestamp is missing": 1,
    "column country is missing": 1,
    "column ind is null": 1,
    "column ind is not a whole number: x13": 1,
    "column ind is not a whole number: 9.5": 1,
    "not an object": 2,
    "not JSON": 5,
    "empty list": 1,
}


def geo(ind, **more):
    row = {"ind": ind, "timestamp": "2018-03-01T12:00:00", "latitude": 1.5, "longitude": 2}
    return row | {"country": "X"} | more


def base64_of(value):
    return base64.b64encode(json.dumps(value).encode()).decode()


VALUES = [
    geo(1),
    [geo(2), json.dumps(geo(3)), base64_of(geo(4))],
    json.dumps(geo(5)),
    base64_of(geo(6)),
    {name: value for name, value in geo(7, index=7).items() if name != "ind"},
    geo(8, extra={"a": [1, 2]}, more="x"),
    {"index": 9, "title": "a pin"},
    {name: value for name, value in geo(10).items() if name != "country"},
    geo(None),
    geo("12"),
    geo("x13"),
    geo(9.5),
    5,
    "junk",
    [],
    [[geo(14)]],
    geo(15, latitude="abc"),
    geo(16, country="\u0000 nul \U0001f600"),
    geo(17, timestamp="2018:03:01 12:00:00"),
]
BYTES = [
    b"no JSON",
    b"\xff\xfe",
    b'{"ind": NaN}',
    json.dumps(geo(20)).encode(),
    base64.b64encode(json.dumps(geo(21)).encode()),
    b'{"a": "\\ud800"}',
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("arrives")
    with Gateway(home) as gateway:
        kinesis = boto3.client(
            "kinesis",
            endpoint_url=gateway.url,
            region_name="eu-west-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
        )
        for value in VALUES:
            post_to_kafka(gateway.url, "geo", value)
            post_to_kinesis(gateway.url, "geo", value)
        for value in BYTES:
            stream = f"streaming-{USER_ID}-geo"
            kinesis.put_record(StreamName=stream, Data=value, PartitionKey="x")
            _produce(gateway.url, f"{USER_ID}.geo", base64.b64encode(value).decode(), BINARY)
        _put_into_shared_streams(kinesis)
        for value in ({"hello": "world"}, [1, 2], "text"):
            _produce(gateway.url, "greetings", value, JSON)
        kinesis.close()
    run_stages(home)
    run_stages(home)
    return home


def _produce(url, topic, value, content_type):
    answer = requests.post(
        f"{url}/topics/{topic}",
        headers={"Content-Type": content_type},
        data=json.dumps({"records": [{"value": value}]}),
        timeout=30,
    )
    assert answer.status_code == 200


def _put_into_shared_streams(kinesis):
    for stream in ("Kinesis-Prod-Stream", "other"):
        kinesis.create_stream(StreamName=stream, ShardCount=2)
        kinesis.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
    user = {"ind": 30, "first_name": "A", "last_name": "B", "age": 3}
    for key, value in (
        ("geo", geo(30)),
        ("user-partition", user | {"date_joined": "2018-03-01 12:00:00"}),
        ("nobody", {"x": 1}),
    ):
        kinesis.put_record(
            StreamName="Kinesis-Prod-Stream", Data=json.dumps(value), PartitionKey=key
        )
    kinesis.put_record(StreamName="other", Data=b"plain", PartitionKey="k")


def test_what_can_be_read_is_a_row_by_either_route(home):
    rows = {
        of: ask(home, "SELECT * FROM geo WHERE ind < 30 ORDER BY ind", of)
        for of in ("clean", "stream")
    }
    assert rows["clean"] == rows["stream"]
    assert [row["ind"] for row in rows["clean"]] == DECODED
    assert {row["timestamp"] for row in rows["clean"]} == {"2018-03-01T12:00:00Z"}


@pytest.mark.parametrize("stage", ["load", "stream"])
def test_what_cannot_be_read_is_in_quarantine_once_with_its_reason(home, stage):
    sql = f"SELECT reason, count(*) AS n FROM quarantine.{stage}_geo GROUP BY reason"
    assert {row["reason"]: row["n"] for row in ask(home, sql)} == REASONS


def test_every_offset_is_in_raw_or_in_quarantine_once(home):
    raw = ask(home, "SELECT _offset AS o, _element AS e FROM raw.geo")
    bad = ask(home, "SELECT CAST(position AS BIGINT) AS o, element AS e FROM quarantine.load_geo")
    places = [(row["o"], row["e"]) for row in raw + bad]
    assert len(places) == len(set(places))
    assert {offset for offset, _ in places} == set(range(len(VALUES) + len(BYTES)))


def test_unknown_columns_and_values_that_do_not_fit_are_rescued(home):
    rows = ask(home, "SELECT ind, _rescued_data AS r FROM raw.geo WHERE _rescued_data IS NOT NULL")
    assert {row["ind"]: json.loads(row["r"]) for row in rows} == {
        8: {"extra": {"a": [1, 2]}, "more": "x"},
        15: {"latitude": "abc"},
    }


def test_a_shared_stream_gives_each_table_its_partition_keys(home):
    assert ask(home, "SELECT ind FROM geo WHERE ind = 30", "stream") == [{"ind": 30}]
    assert ask(home, "SELECT user_name FROM user", "stream") == [{"user_name": "A B"}]
    [left] = ask(home, "SELECT topic, reason FROM quarantine.stream__unrouted")
    assert left == {"topic": "Kinesis-Prod-Stream", "reason": "no table takes the partition key"}


def test_any_other_topic_and_stream_is_a_table_by_itself(home):
    values = ask(home, "SELECT value FROM raw.greetings ORDER BY _offset")
    assert [json.loads(row["value"]) for row in values] == [{"hello": "world"}, [1, 2], "text"]
    [other] = ask(home, "SELECT value, _partition_key FROM stream.other")
    assert base64.b64decode(json.loads(other["value"])) == b"plain"
    assert other["_partition_key"] == "k"
