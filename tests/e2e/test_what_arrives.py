"""Every variant that real clients send, by every route, through the socket to the tables."""

import base64
import json
from collections import Counter

import boto3
import pytest
import requests
from deltalake import DeltaTable

from asking import ask
from harness.pipeline import Gateway, run_stages
from what_arrives import CASES, JUNK, REFUSED, Sent, compact, geo, of_object, pin, user

BINARY = "application/vnd.kafka.binary.v2+json"
JSON = "application/vnd.kafka.json.v2+json"
IDS = ("0abc12345678", "fedcba987654", "000000000000")
"""Each route posts under a user's id of its own; all of them feed the same tables."""
TOPICS = {"json": IDS[0], "binary": IDS[1]}
STREAMS = {"api": IDS[0], "rest": IDS[1], "batch": IDS[2]}
PLACE = {"json": 0, "binary": 1, "api": 0, "rest": 1, "batch": 2}
NUMBER_OF_ROUTES = 3


class Client:
    """Posts by every route, and remembers what was acknowledged as what."""

    def __init__(self, url):
        self.url, self.session = url, requests.Session()
        self.sent = {}
        self.kinesis = boto3.client(
            "kinesis",
            endpoint_url=url,
            region_name="eu-west-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
        )

    def close(self):
        self.session.close()
        self.kinesis.close()

    def topic(self, route, table, case, content):
        """Produce one record; its place is the offset that the answer gives."""
        topic = f"{TOPICS[route]}.{table}"
        raw = base64.b64encode(content) if route == "binary" else content
        value = b'"' + raw + b'"' if route == "binary" else raw
        answer = self.session.post(
            f"{self.url}/test/topics/{topic}",
            headers={"Content-Type": BINARY if route == "binary" else JSON},
            data=b'{"records":[{"value":' + value + b"}]}",
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        [entry] = answer.json()["offsets"]
        assert entry["error"] is None
        self.sent[topic, entry["offset"]] = case

    def stream(self, route, table, case, content):
        """Put one record; the n-th of a stream of one shard is at position n."""
        stream = f"streaming-{STREAMS[route]}-{table}"
        if route == "rest":
            answer = self.session.put(
                f"{self.url}/dev/streams/{stream}/record",
                data=b'{"StreamName":"junk","PartitionKey":"p","Data":' + content + b"}",
                timeout=30,
            )
            assert answer.status_code == 200, answer.text
        elif route == "api":
            self.kinesis.put_record(StreamName=stream, Data=content, PartitionKey="p")
        else:
            records = [{"Data": content, "PartitionKey": "p"}]
            assert (
                self.kinesis.put_records(StreamName=stream, Records=records)["FailedRecordCount"]
                == 0
            )
        self.sent[stream, sum(name == stream for name, _ in self.sent)] = case


@pytest.fixture(scope="module")
def arrived(tmp_path_factory):
    """A home that took everything, and what was sent by place."""
    home = tmp_path_factory.mktemp("arrives")
    with Gateway(home, environment={"PINLAKE_KINESIS_CREATE_MS": "0"}) as gateway:
        client = Client(gateway.url)
        for stream in [
            f"streaming-{user}-{table}" for user in IDS for table in ("pin", "geo", "user")
        ]:
            client.session.post(
                f"{gateway.url}/streams/{stream}", json={"ShardCount": 1}, timeout=30
            )
        _post_everything(client)
        client.close()
    said = run_stages(home)
    again = run_stages(home)
    return Arrived(home, client.sent, said, again)


class Arrived:
    def __init__(self, home, sent, said, again):
        self.home, self.sent, self.said, self.again = home, sent, said, again

    def cases(self, stage, table):
        """Return what was sent to a table by the stage's routes: {(topic or stream, position): case}."""
        ending = f".{table}" if stage == "load" else f"-{table}"
        return {place: case for place, case in self.sent.items() if place[0].endswith(ending)}


def _post_everything(client):
    for number, case in enumerate(CASES, start=1):
        for routes, post in ((TOPICS, client.topic), (STREAMS, client.stream)):
            for route in routes:
                ind = number * NUMBER_OF_ROUTES + PLACE[route]
                sent = case.sent(ind)
                if sent.can_go_by(route):
                    post(route, case.table, sent, sent.content)
    for content, reason in JUNK:
        sent = Sent("geo", content, (), ((0, reason, content),))
        client.topic("binary", "geo", sent, content)
        for route in ("api", "batch"):
            client.stream(route, "geo", sent, content)


def rows(home, table, of):
    return {row["ind"]: row for row in ask(home, f"SELECT * FROM `{table}`", of)}


def quarantined(home, stage, table):
    sql = f"SELECT topic, position, element, reason, bytes FROM quarantine.{stage}_{table}"
    return [
        (row["topic"], int(row["position"]), row["element"], row["reason"], base64.b64decode(row["bytes"]))
        for row in ask(home, sql)
    ]  # fmt: skip


@pytest.mark.parametrize("stage", ["load", "stream"])
@pytest.mark.parametrize("table", ["pin", "geo", "user"])
def test_what_can_be_read_is_the_right_row(arrived, stage, table):
    wanted = {row["ind"]: row for case in arrived.cases(stage, table).values() for row in case.rows}
    assert rows(arrived.home, table, "clean" if stage == "load" else "stream") == wanted


@pytest.mark.parametrize("stage", ["load", "stream"])
@pytest.mark.parametrize("table", ["pin", "geo", "user"])
def test_what_cannot_be_read_is_in_quarantine_once_with_reason_and_bytes(arrived, stage, table):
    wanted = [
        (*place, element, reason, as_kept(place[0], content))
        for place, case in arrived.cases(stage, table).items()
        for element, reason, content in case.bad
    ]
    assert sorted(quarantined(arrived.home, stage, table)) == sorted(wanted)


def as_kept(name, content):
    """Return bytes as they come back: by the API as sent, by the REST route as compact JSON."""
    if name.startswith(f"streaming-{STREAMS['rest']}-"):
        return compact(content)
    return content if name.startswith("streaming-") else of_object(content)


@pytest.mark.parametrize("table", ["pin", "geo", "user"])
def test_every_acknowledged_offset_and_element_is_in_raw_or_in_quarantine_once(arrived, table):
    wanted = Counter(
        (*place, element)
        for place, case in arrived.cases("load", table).items()
        for element in range(len(case.rows) + case.twins + len(case.bad))
    )
    raw = ask(arrived.home, f"SELECT _topic, _offset, _element FROM raw.`{table}`")
    found = Counter((row["_topic"], row["_offset"], row["_element"]) for row in raw)
    found.update(place[:3] for place in quarantined(arrived.home, "load", table))
    assert found == wanted
    assert set(wanted.values()) == {1}


@pytest.mark.parametrize("table", ["pin", "geo", "user"])
def test_of_a_stream_the_commits_count_rows_duplicates_and_quarantined(arrived, table):
    cases = arrived.cases("stream", table).values()
    history = DeltaTable(str(arrived.home / "lake" / "stream" / table)).history()
    totals = {name: sum(int(each.get(name, 0)) for each in history) for name in ("rows", "duplicates", "quarantined")}  # fmt: skip
    assert totals == {
        "rows": sum(len(case.rows) for case in cases),
        "duplicates": sum(case.twins for case in cases),
        "quarantined": sum(len(case.bad) for case in cases),
    }


def test_unknown_columns_and_values_that_do_not_fit_are_rescued(arrived):
    found = {
        (row["_topic"], row["_offset"]): json.loads(row["r"], parse_float=str)
        for row in ask(arrived.home, "SELECT _topic, _offset, _rescued_data AS r FROM raw.geo")
        if row["r"] is not None
    }
    wanted = {
        place: json.loads(json.dumps(case.rescued), parse_float=str)
        for place, case in arrived.cases("load", "geo").items()
        if case.rescued is not None
    }
    assert found == wanted


def test_a_second_run_of_every_stage_adds_nothing(arrived):
    for stage in ("sink", "load", "clean", "stream"):
        assert arrived.said[stage]["rows"] > 0
        assert arrived.again[stage]["rows"] == arrived.again[stage]["quarantined"] == 0


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    with Gateway(tmp_path_factory.mktemp("refuses")) as gateway:
        yield gateway


@pytest.mark.parametrize("body", REFUSED, ids=lambda body: body[:30].decode("utf-8", "replace"))
def test_a_body_that_is_no_json_is_refused_by_either_route_and_nothing_is_kept(gateway, body):
    kafka = requests.post(
        f"{gateway.url}/topics/x.pin",
        headers={"Content-Type": JSON},
        data=b'{"records":[{"value":' + body + b"}]}",
        timeout=30,
    )
    assert kafka.status_code in {400, 422}
    assert kafka.json()["error_code"] in {400, 422, 42203}
    assert kafka.json()["message"]
    kinesis = requests.put(
        f"{gateway.url}/streams/x/record",
        data=b'{"PartitionKey":"p","Data":' + body + b"}",
        timeout=30,
    )
    assert kinesis.status_code == 400
    assert kinesis.json()["__type"]
    assert requests.get(f"{gateway.url}/topics", timeout=30).json() == []


SHARED = "Kinesis-Prod-Stream"
KEYED = [("pin", 1, pin), ("pin-partition", 2, pin), ("geo", 3, geo), ("geo-partition", 4, geo),
         ("user", 5, user), ("user-partition", 6, user), ("pin", 7, lambda ind: [pin(ind)]),
         ("user-partition", 8, lambda ind: json.dumps(user(ind)))]  # fmt: skip
UNROUTED = {"nobody": b'{"x":1}', "PIN": b'{"index":1}', "a pin": b"5", "\u00a0geo": b'"text"'}


@pytest.fixture(scope="module", params=["api", "rest"])
def shared(request, tmp_path_factory):
    """A home whose three tables came by one stream of four shards."""
    home = tmp_path_factory.mktemp("shared")
    with Gateway(home, environment={"PINLAKE_KINESIS_CREATE_MS": "0"}) as gateway:
        client = Client(gateway.url)
        client.kinesis.create_stream(StreamName=SHARED, ShardCount=4)
        values = [(key, json.dumps(make(ind)).encode()) for key, ind, make in KEYED]
        for key, content in [
            *values,
            *UNROUTED.items(),
            ("geo", b"junk" if request.param == "api" else b'"junk"'),
        ]:
            if request.param == "api":
                client.kinesis.put_record(StreamName=SHARED, Data=content, PartitionKey=key)
            else:
                body = {"PartitionKey": key, "Data": json.loads(content)}
                answer = client.session.put(
                    f"{gateway.url}/streams/{SHARED}/record", json=body, timeout=30
                )
                assert answer.status_code == 200, answer.text
        client.close()
    run_stages(home, "stream")
    return home


def test_a_shared_stream_gives_each_table_the_records_of_its_partition_keys(shared):
    found = {table: sorted(rows(shared, table, "stream")) for table in ("pin", "geo", "user")}
    assert found == {"pin": [1, 2, 7], "geo": [3, 4], "user": [5, 6, 8]}
    assert [(name, reason) for name, _, _, reason, _ in quarantined(shared, "stream", "geo")] == [
        (SHARED, "not JSON")
    ]


def test_what_no_table_takes_of_a_shared_stream_is_quarantined_with_its_bytes(shared):
    found = quarantined(shared, "stream", "_unrouted")
    assert {(name, reason) for name, _, _, reason, _ in found} == {
        (SHARED, "no table takes the partition key")
    }
    assert sorted(content for *_, content in found) == sorted(UNROUTED.values())
