"""POST /topics/{topic}: what is taken, what is stored, what is answered, on a real socket."""

import base64
import http.client
import json
from contextlib import closing

import pytest

from gateway_server import BINARY_V2, JSON_V2, V2, serving
from pinlake.gateway.kafka.partitioner import murmur2
from pinlake.log.base import PartitionSpec
from pinlake.record import topic

PRODUCED = {
    "offsets": [{"partition": 0, "offset": 0, "error_code": None, "error": None}],
    "key_schema_id": None,
    "value_schema_id": None,
}


@pytest.fixture(scope="module")
def gateway():
    with serving() as server:
        server.log.create(topic("three"), (PartitionSpec(),) * 3)
        yield server


@pytest.fixture
def name(request):
    """A topic that no other test posts to."""
    return f"t{abs(hash(request.node.nodeid))}"


def test_the_answer_is_the_proxys_letter_for_letter(gateway, name):
    answer = gateway.produce(f"/topics/{name}", {"records": [{"value": {"a": 1}}]})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == V2
    assert answer.text == json.dumps(PRODUCED, separators=(",", ":"))


# what is sent as value -> what is stored
KEPT = {
    "an object": (b'{"a":1}', b'{"a":1}'),
    "a list stays one record": (b'[{"a":1},{"a":2}]', b'[{"a":1},{"a":2}]'),
    "a string": (b'"text"', b'"text"'),
    "a number": (b"7", b"7"),
    "true": (b"true", b"true"),
    "null is the null record": (b"null", None),
    "blanks between tokens go": (b'{"a": 1,\t"b" :[ 1, 2 ]}', b'{"a":1,"b":[1,2]}'),
    "lines become one line": (b'{\r\n  "a": 1\n}', b'{"a":1}'),
    "blanks within strings stay": (b'" a,  b: c "', b'" a,  b: c "'),
    "escapes stay escapes": (b'"\\u00e9\\n\\/\\ud83d\\ude00"', b'"\\u00e9\\n\\/\\ud83d\\ude00"'),
    "letters stay letters": ('"é 😀 𝔘"'.encode(), '"é 😀 𝔘"'.encode()),
    "large integers are exact": (b"123456789012345678901234567890", b"1234567890" * 3),
    "fractions keep their digits": (b"0.10000000000000000000100", b"0.10000000000000000000100"),
    "exponents beyond a double": (b"1E+999", b"1E+999"),
    "minus zero": (b"-0.0", b"-0.0"),
    "keys keep their order, twice too": (b'{"b":1,"a":2,"b":3}', b'{"b":1,"a":2,"b":3}'),
    "an empty object": (b"{ }", b"{}"),
}


@pytest.mark.parametrize("title", KEPT)
def test_a_json_value_is_stored_as_its_own_text_on_one_line(gateway, name, title):
    sent, stored = KEPT[title]
    answer = gateway.produce(f"/topics/{name}", b'{"records":[{"value":' + sent + b"}]}")
    assert answer.json() == PRODUCED
    assert gateway.values(name) == [stored]


def test_a_json_key_is_stored_as_its_json_text(gateway, name):
    records = [{"key": "k", "value": 1}, {"key": {"a": 1}, "value": 2}, {"value": 3}]
    gateway.produce(f"/topics/{name}", {"records": records})
    assert gateway.records(name) == [(b'"k"', b"1"), (b'{"a":1}', b"2"), (None, b"3")]


def test_a_record_without_a_value_is_the_null_record(gateway, name):
    gateway.produce(f"/topics/{name}", {"records": [{"key": "k"}, {}]})
    assert gateway.records(name) == [(b'"k"', None), (None, None)]


def test_binary_values_and_keys_are_stored_decoded(gateway, name):
    bytes_ = bytes(range(256))
    text = base64.b64encode(bytes_).decode()
    records = [{"value": text, "key": "a2V5"}, {"value": ""}, {"value": None}]
    answer = gateway.produce(f"/topics/{name}", {"records": records}, BINARY_V2)
    assert answer.status_code == 200
    assert gateway.records(name) == [(b"key", bytes_), (None, b""), (None, None)]


@pytest.mark.parametrize("value", ['"%%%"', '"YQ"', '"YQ==="', "7", '{"a":1}', '"Y Q=="', '"é"'])
@pytest.mark.parametrize("field", ["value", "key"])
def test_bad_base64_fails_the_whole_request(gateway, name, field, value):
    body = f'{{"records":[{{"value":"YQ=="}},{{"{field}":{value}}}]}}'
    answer = gateway.produce(f"/topics/{name}", body, BINARY_V2)
    assert answer.status_code == 422
    assert answer.json()["error_code"] == 42203
    assert "record 1" in answer.json()["message"]
    assert name not in gateway.request("GET", "/topics").json()


def test_schemas_of_the_request_mean_nothing_here(gateway, name):
    body = {"key_schema": "{}", "value_schema_id": 3, "records": [{"value": 1}]}
    assert gateway.produce(f"/topics/{name}", body).json() == PRODUCED


TYPES_TAKEN = [
    JSON_V2,
    BINARY_V2,
    "application/json",
    f"{JSON_V2}; charset=utf-8",
    f"{JSON_V2};charset=UTF-8",
    JSON_V2.upper(),
]


@pytest.mark.parametrize("content_type", TYPES_TAKEN)
def test_these_content_types_are_taken(gateway, name, content_type):
    body = {"records": [{"value": "YQ=="}]}
    assert gateway.produce(f"/topics/{name}", body, content_type).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "", "application/vnd.kafka.v2+json", "application/jsonx"],
)
def test_another_content_type_is_415(gateway, name, content_type):
    answer = gateway.produce(f"/topics/{name}", {"records": [{"value": 1}]}, content_type)
    assert (answer.status_code, answer.json()["error_code"]) == (415, 415)
    assert JSON_V2 in answer.json()["message"]


@pytest.mark.parametrize("format_", ["avro", "jsonschema", "protobuf"])
def test_a_format_with_schemas_is_415_and_says_why(gateway, name, format_):
    content_type = f"application/vnd.kafka.{format_}.v2+json"
    answer = gateway.produce(f"/topics/{name}", {"records": [{"value": 1}]}, content_type)
    assert (answer.status_code, answer.json()["error_code"]) == (415, 415)
    assert "schema registry" in answer.json()["message"]


# body -> status, error_code
REFUSED = {
    "no JSON": (b"{", 400, 400),
    "empty": (b"", 400, 400),
    "text behind": (b'{"records":[{"value":1}]} x', 400, 400),
    "NaN": (b'{"records":[{"value":NaN}]}', 400, 400),
    "no UTF-8": (b'{"records":[{"value":"\xff"}]}', 400, 400),
    "surrogates in UTF-8": (b'{"records":[{"value":"\xed\xa0\x80"}]}', 400, 400),
    "a line within a string": (b'{"records":[{"value":"a\nb"}]}', 400, 400),
    "nested without end": (
        b'{"records":[{"value":' + b"[" * 10**5 + b"]" * 10**5 + b"}]}",
        400,
        400,
    ),
    "a list": (b"[]", 400, 400),
    "records is an object": (b'{"records":{}}', 400, 400),
    "a record is a number": (b'{"records":[1]}', 400, 400),
    "a record is null": (b'{"records":[null]}', 400, 400),
    "a partition is text": (b'{"records":[{"value":1,"partition":"0"}]}', 400, 400),
    "a partition is a fraction": (b'{"records":[{"value":1,"partition":0.5}]}', 400, 400),
    "no records": (b"{}", 422, 422),
    "empty records": (b'{"records":[]}', 422, 422),
    "null records": (b'{"records":null}', 422, 422),
}


@pytest.mark.parametrize("title", REFUSED)
def test_a_body_that_is_refused_stores_nothing_and_makes_no_topic(gateway, name, title):
    body, status, code = REFUSED[title]
    answer = gateway.produce(f"/topics/{name}", body)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert answer.json().keys() == {"error_code", "message"}
    assert answer.headers["Content-Type"] == V2
    assert name not in gateway.request("GET", "/topics").json()


@pytest.mark.parametrize("depth", [10, 100, *range(880, 1040, 8), 5000])
def test_deep_values_are_stored_or_refused_but_never_an_error_of_ours(gateway, name, depth):
    value = b"[" * depth + b"]" * depth
    answer = gateway.produce(f"/topics/{name}", b'{"records":[{"value":' + value + b"}]}")
    assert answer.status_code in {200, 400}
    assert (answer.status_code == 200) == (name in gateway.request("GET", "/topics").json())


@pytest.mark.parametrize("bad", ["a%20b", "%C3%A9", "a:b", "x" * 221, ".", "..", "a%00b", "%FF"])
def test_a_name_that_no_topic_may_have_is_422(gateway, bad):
    before = gateway.request("GET", "/topics").json()
    with closing(http.client.HTTPConnection("127.0.0.1", gateway.port)) as connection:
        # not by requests, which resolves the dots
        sent = {"Content-Type": JSON_V2}
        connection.request("POST", f"/topics/{bad}", b'{"records":[{"value":1}]}', sent)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["error_code"]) == (422, 422)
    assert gateway.request("GET", "/topics").json() == before


@pytest.mark.parametrize("good", ["x" * 220, "0abc12345678.pin", "A-b_c.D", "..."])
def test_a_name_that_kafka_allows_is_taken(gateway, good):
    assert gateway.produce(f"/topics/{good}", {"records": [{"value": 1}]}).status_code == 200


class TestPartitions:
    def post(self, gateway, records, path="/topics/three"):
        answer = gateway.produce(path, {"records": records})
        assert answer.status_code == 200
        return answer.json()["offsets"]

    def test_a_record_goes_to_the_partition_it_names(self, gateway):
        entries = self.post(gateway, [{"value": 1, "partition": n} for n in (2, 0, 2)])
        assert [entry["partition"] for entry in entries] == [2, 0, 2]
        assert entries[2]["offset"] == entries[0]["offset"] + 1

    def test_a_record_of_an_unknown_partition_fails_alone_and_in_its_place(self, gateway):
        wanted = [0, 3, -1, 10**30, 0]
        entries = self.post(gateway, [{"value": n, "partition": n} for n in wanted])
        missing = {
            "partition": None,
            "offset": None,
            "error_code": 40402,
            "error": "Partition not found.",
        }
        assert entries[1:4] == [missing] * 3
        assert entries[4]["offset"] == entries[0]["offset"] + 1

    def test_a_request_whose_records_all_fail_is_still_200(self, gateway):
        (entry,) = self.post(gateway, [{"value": 1, "partition": 9}])
        assert entry["error_code"] == 40402

    @pytest.mark.parametrize("key", ["a", "foobar", "user-1", "é"])
    def test_a_key_chooses_kafkas_partition(self, gateway, key):
        entries = self.post(gateway, [{"key": key, "value": n} for n in range(3)])
        kafkas = (murmur2(json.dumps(key, ensure_ascii=True).encode()) & 0x7FFFFFFF) % 3
        assert {entry["partition"] for entry in entries} == {kafkas}

    def test_records_without_a_key_spread_over_the_partitions(self, gateway):
        entries = self.post(gateway, [{"value": n} for n in range(9)])
        assert [entry["partition"] for entry in entries].count(0) == 3
        assert {entry["partition"] for entry in entries} == {0, 1, 2}

    def test_the_partition_of_the_path_wins(self, gateway):
        records = [{"value": 1, "partition": 0}, {"value": 2, "key": "a"}, {"value": 3}]
        entries = self.post(gateway, records, "/topics/three/partitions/1")
        assert {entry["partition"] for entry in entries} == {1}

    @pytest.mark.parametrize("number", ["3", "-1", "x", "1.0", "٣", "9" * 400, "9" * 5000])
    def test_an_unknown_partition_of_the_path_is_404(self, gateway, number):
        answer = gateway.produce(f"/topics/three/partitions/{number}", {"records": [{"value": 1}]})
        assert (answer.status_code, answer.json()["error_code"]) == (404, 40402)

    def test_offsets_go_on_from_request_to_request(self, gateway, name):
        self.post(gateway, [{"value": n} for n in range(5)], f"/topics/{name}")
        entries = self.post(gateway, [{"value": n} for n in range(5, 8)], f"/topics/{name}")
        assert [entry["offset"] for entry in entries] == [5, 6, 7]
        assert gateway.values(name) == [str(n).encode() for n in range(8)]


def test_without_auto_create_an_absent_topic_is_40401():
    with serving(auto_create_topics=False, topics=[topic("here")]) as gateway:
        answer = gateway.produce("/topics/absent", {"records": [{"value": 1}]})
        assert (answer.status_code, answer.json()) == (
            404,
            {"error_code": 40401, "message": "Topic not found."},
        )
        assert gateway.produce("/topics/here", {"records": [{"value": 1}]}).status_code == 200
        assert gateway.request("GET", "/topics").json() == ["here"]


def test_a_topic_that_the_log_lost_meanwhile_is_made_again():
    with serving() as gateway:
        gateway.produce("/topics/t", {"records": [{"value": 1}]})
        gateway.log.delete(topic("t"))
        answer = gateway.produce("/topics/t", {"records": [{"value": 2}]})
        assert answer.json()["offsets"][0]["offset"] == 1  # a position is never used twice
        assert gateway.values("t") == [b"2"]


def test_a_request_of_thousands_of_records_keeps_their_order():
    with serving() as gateway:
        answer = gateway.produce("/topics/t", {"records": [{"value": n} for n in range(5000)]})
        assert [entry["offset"] for entry in answer.json()["offsets"]] == list(range(5000))
        assert gateway.values("t") == [str(n).encode() for n in range(5000)]
