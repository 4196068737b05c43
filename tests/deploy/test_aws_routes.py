"""The mapping templates of the stack, evaluated, give what the gateway itself gives."""

import base64
import json

import pytest
import requests

from harness.api_gateway import ApiGateway, kinesis_at, velocity
from kinesis_server import SIGNED, serving

STREAM = "streaming-0abc12345678-pin"
SHARD = "shardId-000000000000"


@pytest.fixture(scope="module")
def stack(small):
    return small


@pytest.fixture(scope="module")
def evaluate(stack):  # noqa: ARG001 - its environment is there
    with velocity() as evaluate:
        yield evaluate


@pytest.fixture(scope="module")
def served():
    with serving() as server:
        yield server


@pytest.fixture
def server(served):
    for name in served.call("ListStreams", {}).json()["StreamNames"]:
        assert served.call("DeleteStream", {"StreamName": name}).status_code == 200
    return served


class Both:
    """The same request to the stack's routes, before a Kinesis, and to the gateway's own."""

    def __init__(self, stack, evaluate, server):
        self.server = server
        self.api = ApiGateway(stack, evaluate, kinesis_at(server.url, SIGNED))

    def ask(self, method, url, body="", **headers):
        """Return the two answers, the stack's first; `{}` is another stream for each."""
        data = body if isinstance(body, str) else json.dumps(body)
        mapped = self.api.request(method, url.format("mapped"), data, **headers)
        sent = {"Content-Type": "application/json", **headers}
        url = self.server.url + url.format("own")
        own = requests.request(method, url, headers=sent, data=data.encode(), timeout=10)
        return mapped, (own.status_code, own.json())

    def make(self, shards=1):
        """Make both streams."""
        for name in ("mapped", "own"):
            made = self.server.call("CreateStream", {"StreamName": name, "ShardCount": shards})
            assert made.status_code == 200

    def stored(self, stream):
        """Return partition keys and bytes of a stream's first shard."""
        where = {"StreamName": stream, "ShardId": SHARD, "ShardIteratorType": "TRIM_HORIZON"}
        iterator = self.server.call("GetShardIterator", where).json()
        records = self.server.call("GetRecords", iterator).json()["Records"]
        return [(each["PartitionKey"], base64.b64decode(each["Data"])) for each in records]


@pytest.fixture
def both(stack, evaluate, server):
    both = Both(stack, evaluate, server)
    both.make()
    return both


def alike(mapped, own):
    """Hold that two answers are of one status and shape."""
    assert mapped[0] == own[0], (mapped, own)
    assert shape(mapped[1]) == shape(own[1])


def shape(value):
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return [shape(each) for each in value] if isinstance(value, list) else type(value)


SPELLINGS = {
    "object": {"a": "x", "b": [1, "x y", None]},
    "list": [{"a": 1}, {"a": 2}],
    "text": '{"a": 1}',
    "base64": "eyJhIjogMX0=",
    "quotes": 'it\'s "quoted" / slashed \\ and \n broken',
    "wide": {"poster": "画家 𝓐 é"},
    "number": 7,
    "true": True,
    "empty text": "",
    "dollar": {"$price": "#if(true)$input#end", "x": "#set($a = 1)"},
}


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("data", SPELLINGS.values(), ids=SPELLINGS)
def test_a_record_is_stored_byte_for_byte_as_the_gateway_stores_it(both, method, data):
    body = json.dumps(
        {"StreamName": "junk", "Data": data, "PartitionKey": "p-1"}, ensure_ascii=False
    )
    mapped, own = both.ask(method, "/streams/{}/record", body)
    alike(mapped, own)
    assert mapped[0] == 200
    assert set(mapped[1]) == {"ShardId", "SequenceNumber"}
    assert both.stored("mapped") == both.stored("own")
    assert json.loads(both.stored("mapped")[0][1]) == data


def test_junk_in_the_bodys_stream_name_changes_nothing(both):
    for junk in ("junk", "own", 7, None, {"a": 1}, 'x", "Data": "eA=='):
        body = {"StreamName": junk, "Data": {"a": 1}, "PartitionKey": "p"}
        alike(*both.ask("PUT", "/streams/{}/record", body))
    assert both.stored("mapped") == both.stored("own")
    assert len(both.stored("own")) == 6


def test_a_number_is_a_partition_key_by_its_text(both):
    alike(*both.ask("PUT", "/streams/{}/record", {"Data": 1, "PartitionKey": 7}))
    assert both.stored("mapped") == both.stored("own") == [("7", b"1")]


def test_the_short_path_takes_the_stream_from_the_query(both):
    body = {"StreamName": "junk", "Data": {"a": 1}, "PartitionKey": "p"}
    alike(*both.ask("PUT", "/streams/record?stream-name={}", body))
    assert both.stored("mapped") == both.stored("own") == [("p", b'{"a":1}')]


SMALL = {"records": [{"data": {"n": n}, "partition-key": f"k{n}"} for n in range(3)]}
LARGE = {"Records": [{"Data": [n], "PartitionKey": str(n)} for n in range(3)]}
MIXED = {"records": [{"Data": "x", "partition-key": 1}, {"data": "y", "PartitionKey": "é'\""}]}


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("body", [SMALL, LARGE, MIXED], ids=["small", "large", "mixed"])
def test_records_of_either_spelling_are_stored_in_order(both, method, body):
    mapped, own = both.ask(method, "/streams/{}/records", json.dumps(body, ensure_ascii=False))
    alike(mapped, own)
    assert (mapped[0], mapped[1]["FailedRecordCount"]) == (200, 0)
    assert both.stored("mapped") == both.stored("own")
    assert len(both.stored("own")) == len(next(iter(body.values())))


def test_five_hundred_records_of_one_request_are_stored_in_order(both):
    body = {"records": [{"data": {"n": n}, "partition-key": "k"} for n in range(500)]}
    alike(*both.ask("PUT", "/streams/{}/records", body))
    assert both.stored("mapped") == both.stored("own")
    assert [json.loads(data)["n"] for _, data in both.stored("mapped")] == list(range(500))


@pytest.mark.parametrize(("body", "shards"), [("", 5), ("{}", 5), ('{"ShardCount": 2}', 2)])
def test_a_stream_is_made_described_and_deleted(stack, evaluate, server, body, shards):
    both = Both(stack, evaluate, server)
    created, own = both.ask("POST", "/streams/{}", body)
    assert created == own == (200, {})
    mapped, own = both.ask("GET", "/streams/{}", '{"junk": 1}')
    alike(mapped, own)
    assert len(mapped[1]["StreamDescription"]["Shards"]) == shards
    again, own = both.ask("POST", "/streams/{}", body)
    alike(again, own)
    assert (again[0], again[1]["__type"]) == (400, "ResourceInUseException")
    deleted, own = both.ask("DELETE", "/streams/{}")
    assert deleted == own == (200, {})
    alike(*both.ask("GET", "/streams/{}"))


def test_streams_are_listed_whole_and_by_page(both):
    for url in ("/streams", "/streams?limit=1", "/streams?exclusive-start-stream-name=mapped"):
        mapped, own = both.ask("GET", url, '{"junk": 1}')
        alike(mapped, own)
        assert mapped[1]["StreamNames"] == own[1]["StreamNames"]
    assert both.ask("GET", "/streams?limit=1")[0][1]["StreamNames"] == ["mapped"]


def test_records_are_read_by_iterators_of_every_type(both):
    placed = {
        name: [
            both.server.call("PutRecord", {"StreamName": name, "Data": data, "PartitionKey": "p"})
            for data in ("MA==", "MQ==", "Mg==")
        ]
        for name in ("mapped", "own")
    }
    second = {name: answers[1].json()["SequenceNumber"] for name, answers in placed.items()}
    queries = {
        "": [0, 1],
        "&type=TRIM_HORIZON": [0, 1],
        "&type=LATEST": [],
        "&type=AT_SEQUENCE_NUMBER&starting-sequence-number={}": [1, 2],
        "&type=AFTER_SEQUENCE_NUMBER&starting-sequence-number={}": [2],
        "&type=AT_TIMESTAMP&timestamp=1": [0, 1],
        "&type=AT_TIMESTAMP&timestamp=1.5": [0, 1],
    }
    for query, found in queries.items():
        for asked, name in enumerate(("mapped", "own")):
            url = f"/streams/{name}/sharditerator?shard-id={SHARD}{query.format(second[name])}"
            answer = both.ask("GET", url)[asked]
            assert answer[0] == 200, (query, answer)
            header = {"Shard-Iterator": answer[1]["ShardIterator"]}
            status, records = both.ask("GET", f"/streams/{name}/records?limit=2", **header)[asked]
            assert status == 200
            assert [int(base64.b64decode(each["Data"])) for each in records["Records"]] == found


REFUSED = [
    ("GET", "/streams/absent", ""),
    ("DELETE", "/streams/absent", ""),
    ("PUT", "/streams/{}/record", '{"PartitionKey": "p"}'),
    ("PUT", "/streams/{}/record", '{"PartitionKey": "p", "Data": null}'),
    ("PUT", "/streams/{}/record", '{"Data": {}}'),
    ("PUT", "/streams/{}/record", '{"Data": {}, "PartitionKey": ""}'),
    ("PUT", "/streams/{}/record", '{"Data": {}, "PartitionKey": []}'),
    ("PUT", "/streams/{}/record", '{"Data": {}, "PartitionKey": true}'),
    ("PUT", "/streams/record", '{"Data": {}, "PartitionKey": "p"}'),
    ("PUT", "/streams/a%20b/record", '{"Data": {}, "PartitionKey": "p"}'),
    ("PUT", "/streams/{}/records", '{"records": []}'),
    ("PUT", "/streams/{}/records", '{"records": [{"data": 1}]}'),
    ("POST", "/streams/new", '{"ShardCount": 0}'),
    ("POST", "/streams/new", '{"ShardCount": "5"}'),
    ("GET", "/streams/{}/sharditerator", ""),
    ("GET", "/streams/absent/sharditerator?shard-id=0", ""),
    ("GET", "/streams/{}/sharditerator?shard-id=0&timestamp=x", ""),
    ("GET", "/streams/{}/records", ""),
    ("GET", "/streams?limit=0", ""),
    ("GET", "/streams?limit=nan", ""),
]


@pytest.mark.parametrize(("method", "url", "body"), REFUSED)
def test_what_the_gateway_refuses_kinesis_refuses_by_the_same_name(both, method, url, body):
    mapped, own = both.ask(method, url, body)
    assert (mapped[0], mapped[1]["__type"]) == (own[0], own[1]["__type"]) == (400, own[1]["__type"])
    assert mapped[1]["message"]
    assert both.stored("mapped") == []


@pytest.mark.parametrize(
    "name", ['x", "Data": "eA==', "x\\", "x'y", 'x"}', "x\ny", "#set($a=1)", "$input.body"]
)
def test_no_name_breaks_out_of_a_template(both, name):
    body = json.dumps({"Data": {"safe": True}, "PartitionKey": "p"})
    quoted = requests.utils.quote(name, safe="")
    for url in (f"/streams/{quoted}/record", f"/streams/record?stream-name={quoted}"):
        status, answer = both.api.request("PUT", url, body)
        assert (status, answer["__type"] in {"ValidationException", "SerializationException"}) == (
            400,
            True,
        )
    assert both.stored("mapped") == []


OTHERWISE = {
    # the body, what API Gateway stores, what the gateway stores
    "digits": ('{"Data": 1.50, "PartitionKey": "p"}', b"1.5", b"1.50"),
    "escapes": ('{"Data": "caf\\u00e9", "PartitionKey": "p"}', '"café"'.encode(), b'"caf\\u00e9"'),
    "doubled": ('{"Data": {"a": 1, "a": 2}, "PartitionKey": "p"}', b'{"a":2}', b'{"a":1,"a":2}'),
}


@pytest.mark.parametrize(("body", "mapped", "own"), OTHERWISE.values(), ids=OTHERWISE)
def test_what_is_stored_otherwise_than_by_the_gateway_is_what_docs_tell(both, body, mapped, own):
    alike(*both.ask("PUT", "/streams/{}/record", body))
    assert both.stored("mapped") == [("p", mapped)]
    assert both.stored("own") == [("p", own)]


BROKEN = [
    "hello",
    "[]",
    '{"Data": {"a": tru}, "PartitionKey": "p"}',
    '{"records": {}}',
    '{"records": [1]}',
]


@pytest.mark.parametrize("body", BROKEN)
@pytest.mark.parametrize("path", ["record", "records"])
def test_a_broken_body_is_400_and_stores_nothing(both, path, body):
    mapped, own = both.ask("PUT", f"/streams/{{}}/{path}", body)
    assert mapped[0] == own[0] == 400
    assert mapped[1]["message"]
    assert both.stored("mapped") == both.stored("own") == []


def test_another_content_type_is_415_here(both):
    body = '{"Data": 1, "PartitionKey": "p"}'
    status, _ = both.api.request("PUT", "/streams/mapped/record", body, content_type="text/plain")
    assert status == 415


def test_a_put_to_an_absent_stream_makes_none(both):
    status, answer = both.api.request(
        "PUT", "/streams/absent/record", '{"Data": 1, "PartitionKey": "p"}'
    )
    assert (status, answer["__type"]) == (400, "ResourceNotFoundException")


def test_the_routes_are_those_of_the_gateway(both):
    answer = requests.get(f"{both.server.url}/openapi.json", timeout=10).json()
    own = {
        (method.upper(), path.strip("/").replace("{stream}", "{stream-name}"))
        for path, methods in answer["paths"].items()
        for method in methods
        if path.startswith("/streams")
    }
    assert {key for key in both.api.routes if key[1].startswith("streams")} == own
