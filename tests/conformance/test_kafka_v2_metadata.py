"""What Kafka REST v2 says of topics, partitions and brokers, and how it negotiates."""

import pytest

from gateway_server import JSON_V2, V2, serving
from pinlake.log.base import PartitionSpec
from pinlake.record import Partition, Record, stream, topic

REPLICA = {"broker": 0, "leader": True, "in_sync": True}


def described(number):
    return {"partition": number, "leader": 0, "replicas": [REPLICA]}


@pytest.fixture(scope="module")
def gateway():
    with serving(topics=[topic("a.pin"), stream("not-a-topic")]) as server:
        server.log.create(topic("two"), (PartitionSpec(),) * 2)
        server.log.append(Partition(topic("two"), 1), [Record(b"1")] * 5)
        server.log.trim(Partition(topic("two"), 1), 2)
        yield server


ANSWERS = {
    "/topics": ["a.pin", "two"],
    "/topics/a.pin": {"name": "a.pin", "configs": {}, "partitions": [described(0)]},
    "/topics/two": {"name": "two", "configs": {}, "partitions": [described(0), described(1)]},
    "/topics/two/partitions": [described(0), described(1)],
    "/topics/two/partitions/1": described(1),
    "/topics/two/partitions/0/offsets": {"beginning_offset": 0, "end_offset": 0},
    "/topics/two/partitions/1/offsets": {"beginning_offset": 2, "end_offset": 5},
    "/brokers": {"brokers": [0]},
}


@pytest.mark.parametrize("path", ANSWERS)
def test_each_call_answers_as_the_table_says(gateway, path):
    answer = gateway.request("GET", path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == V2
    assert answer.json() == ANSWERS[path]


@pytest.mark.parametrize("path", ANSWERS)
def test_a_get_may_carry_a_json_body_and_its_type(gateway, path):
    answer = gateway.request("GET", path, json={"any": 1}, headers={"Content-Type": JSON_V2})
    assert (answer.status_code, answer.json()) == (200, ANSWERS[path])


@pytest.mark.parametrize("path", ANSWERS)
def test_head_answers_as_get_without_a_body(gateway, path):
    answer = gateway.request("HEAD", path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["Content-Length"]) == len(gateway.request("GET", path).content)


# path -> error_code, message
MISSING = {
    "/topics/absent": (40401, "Topic not found."),
    "/topics/not-a-topic": (40401, "Topic not found."),
    "/topics/no%20name": (40401, "Topic not found."),
    "/topics/absent/partitions": (40401, "Topic not found."),
    "/topics/absent/partitions/0": (40401, "Topic not found."),
    "/topics/absent/partitions/0/offsets": (40401, "Topic not found."),
    "/topics/two/partitions/2": (40402, "Partition not found."),
    "/topics/two/partitions/x": (40402, "Partition not found."),
    "/topics/two/partitions/-1/offsets": (40402, "Partition not found."),
}


@pytest.mark.parametrize("path", MISSING)
def test_what_is_not_there_is_404_with_the_proxys_code(gateway, path):
    answer = gateway.request("GET", path)
    code, message = MISSING[path]
    assert answer.status_code == 404
    assert answer.json() == {"error_code": code, "message": message}


def test_asking_for_a_topic_does_not_make_it(gateway):
    gateway.request("GET", "/topics/asked")
    assert "asked" not in gateway.request("GET", "/topics").json()


def test_a_topic_that_is_deleted_and_made_again_is_described_as_it_is_now(gateway):
    gateway.produce("/topics/again", {"records": [{"value": 1}]})
    gateway.log.delete(topic("again"))
    assert gateway.request("GET", "/topics/again").status_code == 404
    gateway.log.create(topic("again"), (PartitionSpec(),) * 2)
    assert len(gateway.request("GET", "/topics/again").json()["partitions"]) == 2


# Accept -> the answer's content type
ACCEPTED = {
    "*/*": V2,
    "application/*": V2,
    V2: V2,
    f"{V2}, application/vnd.kafka+json, application/json": V2,
    "application/vnd.kafka+json": "application/vnd.kafka+json",
    "application/json": "application/json",
    "application/json, text/plain, */*": "application/json",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": V2,
    f"application/json;q=0.5, {V2};q=0.4": "application/json",
    "APPLICATION/JSON; charset=utf-8": "application/json",
    f"application/json, {V2};q=wrong": V2,
}


@pytest.mark.parametrize("accept", ACCEPTED)
def test_an_accept_that_fits_chooses_the_content_type(gateway, accept):
    answer = gateway.request("GET", "/topics", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, ACCEPTED[accept])
    missing = gateway.request("GET", "/topics/absent", headers={"Accept": accept})
    assert (missing.status_code, missing.headers["Content-Type"]) == (404, ACCEPTED[accept])


@pytest.mark.parametrize(
    "accept", ["text/html", "application/xml", "application/vnd.kafka.avro.v2+json", "*/*;q=0"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_accept_that_nothing_fits_is_406_and_stores_nothing(gateway, method, accept):
    before = gateway.request("GET", "/topics/a.pin/partitions/0/offsets").json()
    headers = {"Accept": accept, "Content-Type": JSON_V2}
    sent = {"records": [{"value": 1}]}
    answer = gateway.request(method, "/topics/a.pin", json=sent, headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (406, 406)
    assert V2 in answer.json()["message"]
    assert gateway.request("GET", "/topics/a.pin/partitions/0/offsets").json() == before


CONSUMERS = [
    ("POST", "/consumers/g"),
    ("DELETE", "/consumers/g/instances/i"),
    *((m, "/consumers/g/instances/i/subscription") for m in ("GET", "POST", "DELETE")),
    *((m, "/consumers/g/instances/i/assignments") for m in ("GET", "POST")),
    *((m, "/consumers/g/instances/i/offsets") for m in ("GET", "POST")),
    ("POST", "/consumers/g/instances/i/positions"),
    ("POST", "/consumers/g/instances/i/positions/beginning"),
    ("POST", "/consumers/g/instances/i/positions/end"),
    ("GET", "/consumers/g/instances/i/records?timeout=100&max_bytes=1000"),
]


@pytest.mark.parametrize(("method", "path"), CONSUMERS)
@pytest.mark.parametrize("stage", ["", "/test"])
def test_a_consumers_paths_are_404_and_say_that_they_come_later(gateway, method, path, stage):
    # a Content-Type without a body, as real clients send it with DELETE
    headers = {"Content-Type": V2, "Accept": JSON_V2}
    answer = gateway.request(method, stage + path, headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (404, 404)
    assert "later" in answer.json()["message"]
