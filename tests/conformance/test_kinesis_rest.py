"""Kinesis through API Gateway: what the classic tutorial's scripts send, as they send it."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from kinesis_server import Clock, serving
from pinlake.log.sqlite import SqliteLog

STREAM = "streaming-0abc12345678-pin"
SENT_AS = {"Content-Type": "application/json"}
PIN = {"index": 7528, "title": "No Title Data Available", "description": "a  b", "x": 1.50}


@pytest.fixture(scope="module")
def server():
    with serving() as server:
        yield server


def classic(server, path, stream=STREAM, data=None, key="pin-partition"):
    """Put a record as the tutorial's script does."""
    payload = json.dumps({"StreamName": stream, "Data": data or PIN, "PartitionKey": key})
    return requests.request("PUT", server.url + path, headers=SENT_AS, data=payload, timeout=10)


def stored(server, stream):
    """Return the bytes of all records of a stream's first shard, read by the same paths."""
    where = f"{server.url}/streams/{stream}"
    answer = requests.get(f"{where}/sharditerator?shard-id=shardId-000000000000", timeout=10)
    iterator = {"Shard-Iterator": answer.json()["ShardIterator"]}
    records = requests.get(f"{where}/records", headers=iterator, timeout=10).json()["Records"]
    return [base64.b64decode(record["Data"]) for record in records]


STAGES = ["", "/test", "/dev", "/prod", "//test", "/streams"]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("end", ["", "/"])
def test_the_classic_script_puts_a_record_and_gets_200(server, stage, end):
    response = classic(server, f"{stage}/streams/{STREAM}/record{end}")
    assert response.status_code == 200
    assert set(response.json()) == {"ShardId", "SequenceNumber"}
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["x-amzn-RequestId"]
    assert json.loads(stored(server, STREAM)[-1]) == PIN


def test_the_stream_in_the_path_wins_over_the_bodys(server):
    assert classic(server, "/test/streams/path-wins/record", stream="junk").status_code == 200
    assert len(stored(server, "path-wins")) == 1
    names = requests.get(f"{server.url}/test/streams", timeout=10).json()["StreamNames"]
    assert "path-wins" in names
    assert "junk" not in names


DATA = {
    '{ "a" : 1.50, "b": [ 1, "x y" ] }': b'{"a":1.50,"b":[1,"x y"]}',
    '[{"a": 1}, {"a": 2}]': b'[{"a":1},{"a":2}]',
    '"{\\"a\\": 1}"': b'"{\\"a\\": 1}"',
    '"eyJhIjogMX0="': b'"eyJhIjogMX0="',
    '"caf\\u00e9"': b'"caf\\u00e9"',
    "12345678901234567890123": b"12345678901234567890123",
    "true": b"true",
}


@pytest.mark.parametrize("text", DATA)
def test_what_is_stored_is_the_json_text_of_data_without_blanks_between(server, text):
    name = f"data-{abs(hash(text))}"
    body = f'{{"PartitionKey": "p", "Data": {text}, "More": {{"junk": []}}}}'
    url = f"{server.url}/streams/{name}/record"
    assert requests.put(url, headers=SENT_AS, data=body, timeout=10).status_code == 200
    assert stored(server, name) == [DATA[text]]


def test_put_and_post_with_either_spelling_put_records_in_order(server):
    url = f"{server.url}/dev/streams/many/records"
    small = {"records": [{"data": number, "partition-key": str(number)} for number in range(3)]}
    large = {"Records": [{"Data": number, "PartitionKey": str(number)} for number in range(3, 6)]}
    for method, body in (("PUT", small), ("POST", large)):
        answer = requests.request(method, url, json=body, timeout=10)
        assert answer.status_code == 200
        assert answer.json()["FailedRecordCount"] == 0
        assert len(answer.json()["Records"]) == 3
    assert stored(server, "many") == [b"0", b"1", b"2", b"3", b"4", b"5"]


def test_the_short_path_takes_the_stream_from_the_query(server):
    url = f"{server.url}/test/streams/record?stream-name=short"
    body = json.dumps({"Data": {"a": 1}, "PartitionKey": "p"})
    assert requests.put(url, headers=SENT_AS, data=body, timeout=10).status_code == 200
    assert stored(server, "short") == [b'{"a":1}']


def test_post_puts_a_record_too_and_a_numbers_text_is_a_partition_key(server):
    url = f"{server.url}/streams/numbers/record"
    assert requests.post(url, json={"Data": {}, "PartitionKey": 7}, timeout=10).status_code == 200
    found = server.call("GetShardIterator", {
        "StreamName": "numbers",
        "ShardId": "shardId-000000000000",
        "ShardIteratorType": "TRIM_HORIZON",
    }).json()  # fmt: skip
    [record] = server.call("GetRecords", found).json()["Records"]
    assert record["PartitionKey"] == "7"


@pytest.mark.parametrize(("body", "shards"), [("", 5), ("{}", 5), ('{"ShardCount": 2}', 2)])
def test_post_creates_get_describes_and_delete_deletes_a_stream(server, body, shards):
    url = f"{server.url}/test/streams/made-{shards}-{len(body)}"
    created = requests.post(url, headers=SENT_AS, data=body, timeout=10)
    assert (created.status_code, created.json()) == (200, {})
    described = requests.get(url, headers=SENT_AS, data=json.dumps({"junk": 1}), timeout=10)
    assert described.status_code == 200
    assert len(described.json()["StreamDescription"]["Shards"]) == shards
    again = requests.post(url, headers=SENT_AS, data=body, timeout=10)
    assert (again.status_code, again.json()["__type"]) == (400, "ResourceInUseException")
    deleted = requests.delete(url, headers=SENT_AS, timeout=10)
    assert (deleted.status_code, deleted.json()) == (200, {})
    gone = requests.get(url, timeout=10)
    assert (gone.status_code, gone.json()["__type"]) == (400, "ResourceNotFoundException")


def test_an_iterator_may_be_asked_for_by_type(server):
    url = f"{server.url}/streams/types"
    placed = [
        requests.put(f"{url}/record", json={"Data": n, "PartitionKey": "p"}, timeout=10).json()
        for n in range(3)
    ]

    def read(query):
        asked = f"{url}/sharditerator?shard-id=shardId-000000000000&{query}"
        iterator = requests.get(asked, timeout=10).json()["ShardIterator"]
        answer = requests.get(
            f"{url}/records?limit=2", headers={"Shard-Iterator": iterator}, timeout=10
        )
        return [int(base64.b64decode(each["Data"])) for each in answer.json()["Records"]]

    second = placed[1]["SequenceNumber"]
    assert read("") == [0, 1]
    assert read("type=TRIM_HORIZON") == [0, 1]
    assert read("type=LATEST") == []
    assert read(f"type=AFTER_SEQUENCE_NUMBER&starting-sequence-number={second}") == [2]
    assert read(f"type=AT_SEQUENCE_NUMBER&starting-sequence-number={second}") == [1, 2]
    assert read("type=AT_TIMESTAMP&timestamp=1") == [0, 1]


def test_listing_gives_the_first_hundred_and_pages_on_request():
    with serving() as server:
        for number in range(102):
            classic(server, f"/streams/s{number:03}/record")
        first = requests.get(f"{server.url}/streams", headers=SENT_AS, timeout=10).json()
        assert len(first["StreamNames"]) == 100
        assert first["HasMoreStreams"]
        after = f"{server.url}/streams?exclusive-start-stream-name=s099&limit=1"
        second = requests.get(after, timeout=10).json()
        assert (second["StreamNames"], second["HasMoreStreams"]) == (["s100"], True)


BROKEN = [
    ("PUT", "/streams/a/record", "hello", "SerializationException"),
    ("PUT", "/streams/a/record", "", "SerializationException"),
    ("PUT", "/streams/a/record", "[]", "SerializationException"),
    ("PUT", "/streams/a/record", '{"PartitionKey": "p"}', "ValidationException"),
    ("PUT", "/streams/a/record", '{"PartitionKey": "p", "Data": null}', "ValidationException"),
    ("PUT", "/streams/a/record", '{"Data": {}}', "ValidationException"),
    ("PUT", "/streams/a/record", '{"Data": {}, "PartitionKey": ""}', "ValidationException"),
    ("PUT", "/streams/a/record", '{"Data": {}, "PartitionKey": []}', "SerializationException"),
    ("PUT", "/streams/a/record", '{"Data": {}, "PartitionKey": true}', "SerializationException"),
    (
        "PUT",
        "/streams/a/record",
        b'{"Data": "\xff", "PartitionKey": "p"}',
        "SerializationException",
    ),
    ("PUT", "/streams/a/record", b'{"Data": {}, "PartitionKey": "\xff"}', "SerializationException"),
    (
        "PUT",
        "/streams/a/record",
        '{"Data": {}, "PartitionKey": "\\ud800"}',
        "SerializationException",
    ),
    (
        "PUT",
        "/streams/a/record",
        '{"Data": {"a": tru}, "PartitionKey": "p"}',
        "SerializationException",
    ),
    (
        "PUT",
        "/streams/a/record",
        '{"Data": {"a": 1,}, "PartitionKey": "p"}',
        "SerializationException",
    ),
    ("POST", "/streams/a", '{"ShardCount": "\\ud800"}', "SerializationException"),
    ("PUT", "/streams/a%20b/record", '{"Data": {}, "PartitionKey": "p"}', "ValidationException"),
    ("PUT", "/streams/record", '{"Data": {}, "PartitionKey": "p"}', "ValidationException"),
    ("PUT", "/streams/a/records", "{}", "SerializationException"),
    ("PUT", "/streams/a/records", '{"records": []}', "ValidationException"),
    ("PUT", "/streams/a/records", '{"records": {}}', "SerializationException"),
    ("PUT", "/streams/a/records", '{"records": [1]}', "SerializationException"),
    ("PUT", "/streams/a/records", '{"records": [{"data": 1}]}', "ValidationException"),
    ("POST", "/streams/a", "hello", "SerializationException"),
    ("POST", "/streams/a", '{"ShardCount": 0}', "ValidationException"),
    ("POST", "/streams/a", '{"ShardCount": "5"}', "SerializationException"),
    ("GET", "/streams/a", "", "ResourceNotFoundException"),
    ("DELETE", "/streams/a", "", "ResourceNotFoundException"),
    ("GET", "/streams/a/sharditerator", "", "ValidationException"),
    ("GET", "/streams/a/sharditerator?shard-id=0", "", "ResourceNotFoundException"),
    ("GET", "/streams/a/sharditerator?shard-id=0&timestamp=x", "", "SerializationException"),
    ("GET", "/streams/a/records", "", "ValidationException"),
    ("GET", "/streams?limit=0", "", "ValidationException"),
    ("GET", "/streams?limit=nan", "", "SerializationException"),
]


@pytest.mark.parametrize(("method", "path", "body", "kind"), BROKEN)
def test_what_cannot_be_done_is_400_in_kinesis_words(server, method, path, body, kind):
    response = requests.request(method, server.url + path, headers=SENT_AS, data=body, timeout=10)
    assert response.status_code == 400
    assert response.json()["__type"] == kind
    assert response.json()["message"]
    names = requests.get(f"{server.url}/streams", timeout=10).json()["StreamNames"]
    assert "a" not in names


@pytest.mark.parametrize("depth", [*range(900, 1_000, 3), 100_000])
def test_data_of_any_depth_is_stored_or_refused(server, depth):
    body = f'{{"Data": {"[" * depth}{"]" * depth}, "PartitionKey": "p"}}'
    url = f"{server.url}/streams/deep-{depth}/record"
    response = requests.put(url, headers=SENT_AS, data=body, timeout=10)
    if response.status_code == 200:
        assert stored(server, f"deep-{depth}") == [b"[" * depth + b"]" * depth]
    else:
        assert response.json()["__type"] == "SerializationException"


def test_without_auto_create_a_put_to_an_absent_stream_is_refused():
    with serving(auto_create=False) as server:
        response = classic(server, f"/test/streams/{STREAM}/record")
        assert response.status_code == 400
        assert response.json()["__type"] == "ResourceNotFoundException"
        assert requests.get(f"{server.url}/streams", timeout=10).json()["StreamNames"] == []
        assert requests.post(f"{server.url}/streams/{STREAM}", timeout=10).status_code == 200
        assert classic(server, f"/test/streams/{STREAM}/record").status_code == 200


def test_a_stream_that_a_put_makes_is_active_at_once_with_one_shard():
    with serving(create_ms=60_000) as server:
        assert classic(server, f"/streams/{STREAM}/record").status_code == 200
        described = server.call("DescribeStream", {"StreamName": STREAM}).json()
        assert described["StreamDescription"]["StreamStatus"] == "ACTIVE"
        assert len(described["StreamDescription"]["Shards"]) == 1


def test_a_put_behind_a_create_waits_for_nothing_and_can_be_read_at_once(tmp_path):
    def status():
        described = requests.get(f"{server.url}/streams/{STREAM}", timeout=10).json()
        return described["StreamDescription"]["StreamStatus"]

    clock = Clock()
    with serving(SqliteLog(tmp_path / "log.db", clock), clock, create_ms=60_000) as server:
        url = f"{server.url}/streams/{STREAM}"
        assert requests.post(url, json={"ShardCount": 1}, timeout=10).status_code == 200
        assert status() == "CREATING"
        assert classic(server, f"/streams/{STREAM}/record").status_code == 200
        assert status() == "ACTIVE"
        assert len(stored(server, STREAM)) == 1
    with serving(SqliteLog(tmp_path / "log.db", clock), clock) as server:
        assert status() == "ACTIVE"
        assert len(stored(server, STREAM)) == 1


def test_without_auto_create_a_put_to_a_stream_that_is_being_created_is_refused():
    with serving(auto_create=False, create_ms=60_000) as server:
        assert requests.post(f"{server.url}/streams/{STREAM}", timeout=10).status_code == 200
        response = classic(server, f"/streams/{STREAM}/record")
        assert (response.status_code, response.json()["__type"]) == (400, "ResourceInUseException")


def test_the_shard_limit_holds_for_streams_that_puts_make():
    with serving(shard_limit=1) as server:
        assert classic(server, "/streams/one/record").status_code == 200
        response = classic(server, "/streams/two/record")
        assert response.json()["__type"] == "LimitExceededException"


def test_the_shard_limit_holds_for_api_and_paths_together_however_many_ask_at_once():
    def make(number):
        if number % 2:
            return classic(server, f"/streams/s{number}/record")
        return server.call("CreateStream", {"StreamName": f"s{number}", "ShardCount": 1})

    with serving(shard_limit=5) as server, ThreadPoolExecutor(8) as pool:
        statuses = [answer.status_code for answer in pool.map(make, range(24))]
        assert (statuses.count(200), statuses.count(400)) == (5, 19)
        assert len(server.log.names("stream")) == 5


def test_many_clients_that_put_first_at_once_make_one_stream_and_lose_nothing(tmp_path):
    clock = Clock()
    with serving(SqliteLog(tmp_path / "log.db", clock), clock) as server:
        with ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(
                    lambda n: classic(server, f"/test/streams/{STREAM}/record", data=[n]),
                    range(80),
                )
            )
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["SequenceNumber"] for answer in answers}) == 80
        numbers = sorted(json.loads(data)[0] for data in stored(server, STREAM))
        assert numbers == list(range(80))
    with serving(SqliteLog(tmp_path / "log.db", clock), clock) as server:
        assert len(stored(server, STREAM)) == 80
