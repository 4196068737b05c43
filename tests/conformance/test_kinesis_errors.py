"""What the Kinesis API refuses, in which order it checks, and in which words. Plain requests."""

import base64

import pytest
import requests

from kinesis_server import JSON_TYPE, SIGNED, Clock, serving
from pinlake.gateway.kinesis.operations import NOT_YET, OPERATIONS
from pinlake.gateway.kinesis.sequence import HASH_KEYS, SequenceNumber, parse
from pinlake.log.memory import MemoryLog
from pinlake.log.sqlite import SqliteLog
from pinlake.record import stream

TARGET = {"X-Amz-Target": "Kinesis_20131202.ListStreams"}
TYPED = {"Content-Type": JSON_TYPE}
KNOWN = {**TYPED, **TARGET}
DATED = {"X-Amz-Date": "20260101T000000Z"}
ONE = base64.b64encode(b"1").decode()
FIRST = "shardId-000000000000"
HORIZON = {"StreamName": "pins", "ShardId": FIRST, "ShardIteratorType": "TRIM_HORIZON"}


@pytest.fixture(scope="module")
def server():
    with serving(shard_limit=20) as server:
        for name in ("pins", "geos"):
            assert server.call("CreateStream", {"StreamName": name, "ShardCount": 2}).ok
        yield server


def refusal(response, status=400):
    """Return type and message of an error, which must have the shape of all errors."""
    assert response.status_code == status
    assert response.headers["Content-Type"] == JSON_TYPE
    body = response.json()
    assert set(body) == {"__type", "message"}
    assert body["message"]
    return body["__type"], body["message"]


def entry(data="1", key="k", **others):
    return {"Data": base64.b64encode(data.encode()).decode(), "PartitionKey": key, **others}


ENVELOPES = {
    "a GET": ("GET", {**KNOWN, **SIGNED}, "{}", "AccessDeniedException"),
    "a PUT": ("PUT", {**KNOWN, **SIGNED}, "{}", "AccessDeniedException"),
    "a DELETE": ("DELETE", {**KNOWN, **SIGNED}, "{}", "AccessDeniedException"),
    "a GET of nothing": ("GET", {}, "", "AccessDeniedException"),
    "no body before no target": ("POST", TYPED, "", "UnknownOperationException"),
    "no body": ("POST", KNOWN, "", "SerializationException"),
    "no content type, no target": ("POST", {}, "{}", "AccessDeniedException"),
    "no content type": ("POST", TARGET, "{}", "UnknownOperationException"),
    "another content type": (
        "POST",
        {**TARGET, "Content-Type": "application/json"},
        "{}",
        "UnknownOperationException",
    ),
    "no JSON before no target": ("POST", TYPED, "hello", "SerializationException"),
    "no JSON before no signature": ("POST", KNOWN, "hello", "SerializationException"),
    "JSON of no structure": ("POST", KNOWN, "[]", "SerializationException"),
    "JSON nested too deep": ("POST", KNOWN, "[" * 100_000, "SerializationException"),
    "broken UTF-8": ("POST", KNOWN, b'{"a": "\xff"}', "SerializationException"),
    "no target": ("POST", {**TYPED, **SIGNED}, "{}", "UnknownOperationException"),
    "no target before no signature": ("POST", TYPED, "{}", "UnknownOperationException"),
    "a target of another service": (
        "POST",
        {**TYPED, "X-Amz-Target": "DynamoDB_20120810.ListTables"},
        "{}",
        "UnknownOperationException",
    ),
    "no signature": ("POST", KNOWN, "{}", "MissingAuthenticationTokenException"),
    "no signature before wrong types": (
        "POST",
        KNOWN,
        '{"Limit": "x"}',
        "MissingAuthenticationTokenException",
    ),
    "a signature of nothing": (
        "POST",
        {**KNOWN, "Authorization": "X"},
        "{}",
        "IncompleteSignatureException",
    ),
    "wrong types before constraints": (
        "POST",
        {**KNOWN, **SIGNED},
        '{"ExclusiveStartStreamName": "", "Limit": "x"}',
        "SerializationException",
    ),
}


@pytest.mark.parametrize(("method", "headers", "body", "kind"), ENVELOPES.values(), ids=ENVELOPES)
def test_a_request_is_checked_in_the_order_of_the_service(server, method, headers, body, kind):
    response = requests.request(method, server.url, headers=headers, data=body, timeout=10)
    assert refusal(response)[0] == kind


AUTHORIZATIONS = {
    "AWS4-HMAC-SHA256 Signature=b, Credential=a": (
        DATED,
        "Authorization header requires 'SignedHeaders' parameter. Authorization={}",
    ),
    "AWS4-HMAC-SHA256 Signature=b,Credential=a,SignedHeaders=c": (
        {},
        (
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
            "Authorization={}"
        ),
    ),
    "X": (
        {},
        (
            "Authorization header requires 'Credential' parameter. "
            "Authorization header requires 'Signature' parameter. "
            "Authorization header requires 'SignedHeaders' parameter. "
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
            "Authorization={}"
        ),
    ),
}


@pytest.mark.parametrize("header", AUTHORIZATIONS)
def test_what_a_signature_lacks_is_named(server, header):
    others, message = AUTHORIZATIONS[header]
    headers = {**KNOWN, **others, "Authorization": header}
    response = requests.post(server.url, headers=headers, data="{}", timeout=10)
    assert refusal(response) == ("IncompleteSignatureException", message.format(header))


def test_a_signature_in_the_query_is_one_too(server):
    query = "X-Amz-Algorithm=a&X-Amz-Credential=k/20260101/us-west-2/kinesis/aws4_request"
    rest = "&X-Amz-Signature=b&X-Amz-SignedHeaders=c&X-Amz-Date=d"
    url = f"{server.url}/?{query}"
    missing = requests.post(url, headers=KNOWN, data="{}", timeout=10)
    kind, message = refusal(missing)
    assert kind == "IncompleteSignatureException"
    assert "must include 'X-Amz-Signature'" in message
    assert "must include 'X-Amz-Credential'" not in message
    signed = requests.post(url + rest, headers=KNOWN, data="{}", timeout=10)
    assert ":us-west-2:" in signed.json()["StreamSummaries"][0]["StreamARN"]
    both = requests.post(url + rest, headers={**KNOWN, **SIGNED}, data="{}", timeout=10)
    assert refusal(both)[0] == "InvalidSignatureException"


def test_every_answer_carries_its_identities(server):
    answers = [server.call("ListStreams", {}), server.call("ListStreams", "no JSON")]
    identities = {answer.headers["x-amzn-RequestId"] for answer in answers}
    assert len(identities) == 2
    assert all(len(base64.b64decode(each.headers["x-amz-id-2"])) == 72 for each in answers)


def test_a_stage_before_the_api_changes_nothing(server):
    headers = {**KNOWN, **SIGNED}
    response = requests.post(f"{server.url}/prod/", headers=headers, data="{}", timeout=10)
    assert response.json()["StreamNames"] == ["geos", "pins"]


LOOKS = [
    ({"Accept": "text/html,*/*"}, True),
    ({"Accept": "*/*"}, False),
    ({"Accept": "text/html", "X-Amz-Date": "20260101T000000Z"}, False),
    ({"Accept": "text/html", "Authorization": "X"}, False),
]


@pytest.mark.parametrize(("headers", "looks"), LOOKS)
def test_a_browsers_look_at_the_root_is_not_the_apis(server, headers, looks):
    response = requests.get(server.url, headers=headers, timeout=10)
    if looks:
        assert response.ok
        assert response.headers["Content-Type"].startswith("text/html")
    else:
        assert refusal(response)[0] == "AccessDeniedException"


@pytest.mark.parametrize("operation", NOT_YET)
def test_an_operation_that_is_not_spoken_yet_says_so(server, operation):
    kind, message = refusal(server.call(operation, {}))
    assert kind == "UnknownOperationException"
    assert message.startswith(f"{operation} is not supported yet")


BIG = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to"
TYPES = [
    ("ListStreams", {"Limit": "23"}, "class java.lang.String can not be converted to an Integer"),
    ("ListStreams", {"Limit": True}, "class java.lang.Boolean can not be converted to an Integer"),
    ("ListStreams", {"Limit": []}, "Start of list found where not expected"),
    ("ListStreams", {"Limit": {}}, "Start of structure or map found where not expected."),
    ("DeleteStream", {"StreamName": 23}, f"{BIG} an String"),
    (
        "DeleteStream",
        {"StreamName": True},
        "class java.lang.Boolean can not be converted to an String",
    ),
    ("DeleteStream", {"EnforceConsumerDeletion": 1}, f"{BIG} an Boolean"),
    (
        "DeleteStream",
        {"EnforceConsumerDeletion": "yes"},
        "'YES' can not be converted to an Boolean",
    ),
    ("CreateStream", {"StreamModeDetails": "x"}, "Expected null"),
    ("PutRecord", {"Data": 34.56}, f"{BIG} a Blob"),
    (
        "PutRecord",
        {"Data": "23456"},
        (
            "'23456' can not be converted to a Blob: "
            "Base64 encoded length is expected a multiple of 4 bytes but found: 5"
        ),
    ),
    (
        "PutRecord",
        {"Data": "=+/="},
        "'=+/=' can not be converted to a Blob: Invalid Base64 character: '='",
    ),
    (
        "PutRecord",
        {"Data": "+/+="},
        "'+/+=' can not be converted to a Blob: Invalid last non-pad Base64 character dectected",
    ),
    ("PutRecords", {"Records": "x"}, "Expected list or null"),
    ("PutRecords", {"Records": {}}, "Start of structure or map found where not expected."),
    ("PutRecords", {"Records": ["x"]}, "Expected null"),
    ("PutRecords", {"Records": [{"PartitionKey": 1}]}, f"{BIG} an String"),
    (
        "GetShardIterator",
        {"Timestamp": "now"},
        "class java.lang.String can not be converted to milliseconds since epoch",
    ),
]


@pytest.mark.parametrize(("operation", "body", "message"), TYPES)
def test_a_wrong_type_is_a_serialization_exception(server, operation, body, message):
    assert refusal(server.call(operation, body)) == ("SerializationException", message)


NAME = "[a-zA-Z0-9_.-]+"
CONSTRAINTS = [
    ("DeleteStream", {}, ["null at 'streamName'", "Member must not be null"]),
    (
        "DeleteStream",
        {"StreamName": "a b"},
        ["'a b' at 'streamName'", f"Member must satisfy regular expression pattern: {NAME}"],
    ),
    (
        "DescribeStream",
        {"StreamName": "a" * 129},
        [
            f"'{'a' * 129}' at 'streamName'",
            "Member must have length less than or equal to 128",
        ],
    ),
    (
        "DescribeStream",
        {"StreamName": "a", "Limit": 0},
        ["'0' at 'limit'", "Member must have value greater than or equal to 1"],
    ),
    (
        "ListStreams",
        {"Limit": 10_001},
        ["'10001' at 'limit'", "Member must have value less than or equal to 10000"],
    ),
    (
        "CreateStream",
        {"StreamName": "a", "ShardCount": 100_001},
        ["'100001' at 'shardCount'", "Member must have value less than or equal to 100000"],
    ),
    (
        "CreateStream",
        {"StreamName": "a", "StreamModeDetails": {"StreamMode": "MAYBE"}},
        [
            "'MAYBE' at 'streamModeDetails.streamMode'",
            "Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]",
        ],
    ),
    (
        "PutRecord",
        {"StreamName": "a", "Data": ONE, "PartitionKey": "k" * 257},
        [
            f"'{'k' * 257}' at 'partitionKey'",
            "Member must have length less than or equal to 256",
        ],
    ),
    (
        "PutRecord",
        {
            "StreamName": "a",
            "Data": base64.b64encode(b"x" * 1_048_577).decode(),
            "PartitionKey": "k",
        },
        [
            "'java.nio.HeapByteBuffer[pos=0 lim=1048577 cap=1048577]' at 'data'",
            "Member must have length less than or equal to 1048576",
        ],
    ),
    (
        "PutRecord",
        {"StreamName": "a", **entry(ExplicitHashKey="01")},
        [
            "'01' at 'explicitHashKey'",
            "Member must satisfy regular expression pattern: 0|([1-9]\\d{0,38})",
        ],
    ),
    (
        "PutRecord",
        {"StreamName": "a", **entry(ExplicitHashKey="٣")},
        [
            "'٣' at 'explicitHashKey'",
            "Member must satisfy regular expression pattern: 0|([1-9]\\d{0,38})",
        ],
    ),
    (
        "PutRecords",
        {"StreamName": "a", "Records": [entry(key="k" * 257)]},
        [
            f"'{'k' * 257}' at 'records.1.member.partitionKey'",
            "Member must have length less than or equal to 256",
        ],
    ),
    (
        "PutRecords",
        {"StreamName": "a", "Records": []},
        ["'[]' at 'records'", "Member must have length greater than or equal to 1"],
    ),
    (
        "PutRecords",
        {"StreamName": "a", "Records": [None]},
        ["null at 'records.1.member'", "Member must not be null"],
    ),
    (
        "GetShardIterator",
        {**HORIZON, "ShardIteratorType": "ALL"},
        [
            "'ALL' at 'shardIteratorType'",
            (
                "Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, "
                "AT_SEQUENCE_NUMBER, TRIM_HORIZON]"
            ),
        ],
    ),
    (
        "GetRecords",
        {"ShardIterator": "a" * 513},
        [f"'{'a' * 513}' at 'shardIterator'", "Member must have length less than or equal to 512"],
    ),
    (
        "DescribeStream",
        {"StreamARN": "arn"},
        [
            "'arn' at 'streamARN'",
            (
                "Member must satisfy regular expression pattern: "
                "arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+"
            ),
        ],
    ),
]


@pytest.mark.parametrize(("operation", "body", "said"), CONSTRAINTS)
def test_a_value_outside_its_constraint_is_a_validation_exception(server, operation, body, said):
    value, constraint = said
    message = (
        f"1 validation error detected: Value {value} failed to satisfy constraint: {constraint}"
    )
    assert refusal(server.call(operation, body)) == ("ValidationException", message)


def test_several_violations_are_listed_in_one_message(server):
    kind, message = refusal(server.call("PutRecord", {"StreamName": ""}))
    assert kind == "ValidationException"
    assert message.startswith("4 validation errors detected: ")
    assert message.count("failed to satisfy constraint") == 4
    assert "Value '' at 'streamName'" in message
    assert "Value null at 'partitionKey'" in message
    assert "Value null at 'data'" in message


def test_of_many_violations_the_first_ten_are_told(server):
    body = {"StreamName": "pins", "Records": [{} for _ in range(30)]}
    _, message = refusal(server.call("PutRecords", body))
    assert message.startswith("10 validation errors detected: ")
    assert message.count("failed to satisfy constraint") == 10


def test_more_than_500_records_are_refused_whatever_they_are(server):
    body = {"StreamName": "pins", "Records": [entry()] * 501}
    kind, message = refusal(server.call("PutRecords", body))
    assert kind == "ValidationException"
    assert message.startswith("1 validation error detected: ")
    assert message.endswith("at 'records' failed to satisfy constraint: "
                            "Member must have length less than or equal to 500")  # fmt: skip
    assert server.call("PutRecords", {**body, "Records": [entry()] * 500}).ok


def test_a_stream_without_shards_needs_a_mode(server):
    kind, message = refusal(server.call("CreateStream", {"StreamName": "none"}))
    assert (kind, "ShardCount is required" in message) == ("ValidationException", True)


def test_a_records_size_includes_its_partition_key(server):
    most = {"Data": base64.b64encode(b"x" * (1_048_576 - 10)).decode(), "StreamName": "pins"}
    assert server.call("PutRecord", {**most, "PartitionKey": "k" * 10}).ok
    kind, message = refusal(server.call("PutRecord", {**most, "PartitionKey": "k" * 11}))
    assert kind == "InvalidArgumentException"
    assert "1048577" in message


def test_a_requests_total_is_five_mebibytes(server):
    record = {"Data": base64.b64encode(b"x" * 1_048_575).decode(), "PartitionKey": "k"}
    assert server.call("PutRecords", {"StreamName": "pins", "Records": [record] * 5}).ok
    records = [record] * 5 + [entry("")]
    kind, message = refusal(server.call("PutRecords", {"StreamName": "pins", "Records": records}))
    assert kind == "InvalidArgumentException"
    assert message.startswith("Records size exceeds 5242880 bytes")


def test_a_hash_key_outside_the_space_is_refused(server):
    assert server.call("PutRecord", {"StreamName": "pins", **entry(ExplicitHashKey="0")}).ok
    body = {"StreamName": "pins", **entry(ExplicitHashKey=str(HASH_KEYS))}
    assert refusal(server.call("PutRecord", body)) == (
        "InvalidArgumentException",
        (
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
            f"Specified value was {HASH_KEYS}"
        ),
    )


ABSENT = [
    ("DeleteStream", {}),
    ("DescribeStream", {}),
    ("DescribeStreamSummary", {}),
    ("ListShards", {}),
    ("PutRecord", entry()),
    ("PutRecords", {"Records": [entry()]}),
]


@pytest.mark.parametrize(("operation", "body"), ABSENT)
def test_a_stream_that_is_not_there_is_not_made_by_the_api(server, operation, body):
    response = server.call(operation, {"StreamName": "absent", **body})
    message = "Stream absent under account 123456789012 not found."
    assert refusal(response) == ("ResourceNotFoundException", message)


def test_a_stream_that_is_not_there_has_no_shards(server):
    response = server.call("GetShardIterator", {**HORIZON, "StreamName": "absent"})
    message = f"Shard {FIRST} in stream absent under account 123456789012 does not exist"
    assert refusal(response) == ("ResourceNotFoundException", message)


SHARDS = {
    "shardId-000000000002": "Shard shardId-000000000002 in stream pins under account 123456789012 "
    "does not exist",
    "7": "Shard shardId-000000000007 in stream pins under account 123456789012 does not exist",
    "first": "Could not find shard first in stream pins under account 123456789012.",
}


@pytest.mark.parametrize("shard", SHARDS)
def test_a_shard_that_is_not_there_is_not_found(server, shard):
    response = server.call("GetShardIterator", {**HORIZON, "ShardId": shard})
    assert refusal(response) == ("ResourceNotFoundException", SHARDS[shard])


def test_a_stream_that_exists_is_in_use(server):
    response = server.call("CreateStream", {"StreamName": "pins", "ShardCount": 1})
    message = "Stream pins under account 123456789012 already exists."
    assert refusal(response) == ("ResourceInUseException", message)


def test_the_shard_limit_is_stated(server):
    response = server.call("CreateStream", {"StreamName": "wide", "ShardCount": 17})
    kind, message = refusal(response)
    assert kind == "LimitExceededException"
    assert "account 123456789012 in eu-west-1" in message
    assert "Current shard count for the account: 4. Limit: 20." in message
    assert "would have resulted from this request: 17." in message


def test_a_stream_that_is_being_created_takes_no_records_and_shows_no_shards():
    with serving(create_ms=60_000) as server:
        assert server.call("CreateStream", {"StreamName": "new", "ShardCount": 1}).ok
        message = "Stream new under account 123456789012 not ACTIVE, instead in state CREATING"
        for operation, body in (("PutRecord", entry()), ("PutRecords", {"Records": [entry()]})):
            response = server.call(operation, {"StreamName": "new", **body})
            assert refusal(response) == ("ResourceInUseException", message)
        assert refusal(server.call("DeleteStream", {"StreamName": "new"}))[1] == message
        response = server.call("GetShardIterator", {**HORIZON, "StreamName": "new"})
        assert refusal(response)[0] == "ResourceNotFoundException"
        assert server.call("ListShards", {"StreamName": "new"}).json() == {"Shards": []}
        server.clock.ahead += 60_000
        assert server.call("PutRecord", {"StreamName": "new", **entry()}).ok


def iterator(server, **others):
    response = server.call("GetShardIterator", {**HORIZON, **others})
    return response.json()["ShardIterator"]


def put(server, name, **others):
    return server.call("PutRecord", {"StreamName": name, **entry(**others)}).json()


def at(server, text, kind="AT_SEQUENCE_NUMBER", shard=FIRST, name="pins"):
    asked = {"StreamName": name, "ShardId": shard, "ShardIteratorType": kind}
    return server.call("GetShardIterator", {**asked, "StartingSequenceNumber": text})


def test_a_sequence_number_of_another_shard_is_refused(server):
    put_one = put(server, "pins", ExplicitHashKey=str(HASH_KEYS - 1))
    assert put_one["ShardId"] == "shardId-000000000001"
    assert refusal(at(server, put_one["SequenceNumber"])) == (
        "InvalidArgumentException",
        (
            "Invalid StartingSequenceNumber. It encodes shardId-000000000001, while it was used in a "
            "call to a shard with shardId-000000000000"
        ),
    )


@pytest.mark.parametrize("kind", ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"])
def test_a_sequence_number_of_another_stream_made_in_the_same_second_is_refused(kind):
    log = MemoryLog(lambda: 1_795_240_000_500)
    with serving(log, lambda: 1_795_240_001_000) as server:
        for name in ("one", "two"):
            server.call("CreateStream", {"StreamName": name, "ShardCount": 1})
        number = put(server, "one")["SequenceNumber"]
        assert at(server, number, kind, name="one").ok
        kind_, message = refusal(at(server, number, kind, name="two"))
        assert kind_ == "InvalidArgumentException"
        assert message.endswith("is invalid because it did not come from this stream.")


def test_a_sequence_number_of_a_stream_made_again_is_refused():
    with serving() as server:
        server.call("CreateStream", {"StreamName": "again", "ShardCount": 1})
        number = put(server, "again")["SequenceNumber"]
        server.call("DeleteStream", {"StreamName": "again"})
        server.clock.ahead += 1
        server.call("CreateStream", {"StreamName": "again", "ShardCount": 1})
        assert refusal(at(server, number, name="again"))[0] == "InvalidArgumentException"


NUMBERS = ["0", "1", "123", "9" * 56, "9" * 120, str(SequenceNumber(1, 0, 1, 1))]


@pytest.mark.parametrize("number", NUMBERS)
def test_what_is_no_sequence_number_of_this_stream_is_refused(server, number):
    kind, message = refusal(at(server, number))
    assert (kind, f"StartingSequenceNumber {number} used" in message) == (
        "InvalidArgumentException",
        True,
    )


def test_a_sequence_number_for_ordering_must_be_one_of_the_past(server):
    number = put(server, "pins")["SequenceNumber"]
    later = str(SequenceNumber(1, 0, 1, server.clock() // 1000 + 100))
    body = {"StreamName": "pins", **entry()}
    assert server.call("PutRecord", {**body, "SequenceNumberForOrdering": number}).ok
    for wrong in ("0", later):
        response = server.call("PutRecord", {**body, "SequenceNumberForOrdering": wrong})
        assert refusal(response) == (
            "InvalidArgumentException",
            (
                f"ExclusiveMinimumSequenceNumber {wrong} used in PutRecord on stream pins under "
                "account 123456789012 is invalid."
            ),
        )


def test_a_kind_of_iterator_and_a_sequence_number_must_fit(server):
    number = put(server, "pins", ExplicitHashKey="0")["SequenceNumber"]
    assert parse(number).shard == 0
    for kind in ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"):
        name, message = refusal(at(server, number, kind))
        assert (name, message.endswith(f"Request specified {kind} and also a "
                                       "StartingSequenceNumber.")) == (
            "InvalidArgumentException", True)  # fmt: skip
    asked = {**HORIZON, "ShardIteratorType": "AT_SEQUENCE_NUMBER"}
    assert refusal(server.call("GetShardIterator", asked))[1].endswith(
        "Request specified AT_SEQUENCE_NUMBER and no StartingSequenceNumber."
    )


def test_a_timestamp_is_needed_and_may_not_be_in_the_future(server):
    asked = {**HORIZON, "ShardIteratorType": "AT_TIMESTAMP"}
    kind, message = refusal(server.call("GetShardIterator", asked))
    assert (kind, "Must specify timestampInMillis" in message) == ("InvalidArgumentException", True)
    later = {**asked, "Timestamp": server.clock() / 1000 + 60}
    kind, message = refusal(server.call("GetShardIterator", later))
    assert "cannot be greater than the currentTimestampInMillis" in message


def test_an_iterator_that_was_changed_is_refused(server):
    good = iterator(server)
    assert server.call("GetRecords", {"ShardIterator": good}).ok
    other = "A" if good[0] == "B" else "B"
    ending = "AAAA" if good[-4:] == "BBBB" else "BBBB"
    for bad in (good[:-8], other + good[1:], good[:-4] + ending, "hello", "====", "é" * 8):
        response = server.call("GetRecords", {"ShardIterator": bad})
        assert refusal(response) == ("InvalidArgumentException", "Invalid ShardIterator.")


def test_an_iterator_of_another_log_is_refused(server):
    with serving() as other:
        other.call("CreateStream", {"StreamName": "pins", "ShardCount": 1})
        foreign = iterator(other)
    response = server.call("GetRecords", {"ShardIterator": foreign})
    assert refusal(response) == ("InvalidArgumentException", "Invalid ShardIterator.")


def test_an_iterator_lives_for_300_seconds():
    with serving() as server:
        server.call("CreateStream", {"StreamName": "pins", "ShardCount": 1})
        old = iterator(server)
        server.clock.ahead += 299_000
        assert server.call("GetRecords", {"ShardIterator": old}).ok
        server.clock.ahead += 2_000
        kind, message = refusal(server.call("GetRecords", {"ShardIterator": old}))
        assert kind == "ExpiredIteratorException"
        assert message.endswith("than the tolerated delay of 300000 milliseconds.")


def test_an_iterator_of_a_deleted_stream_finds_nothing(server):
    server.call("CreateStream", {"StreamName": "gone", "ShardCount": 1})
    old = iterator(server, StreamName="gone")
    server.call("DeleteStream", {"StreamName": "gone"})
    kind, message = refusal(server.call("GetRecords", {"ShardIterator": old}))
    assert kind == "ResourceNotFoundException"
    assert message == f"Shard {FIRST} in stream gone under account 123456789012 does not exist"


def test_list_shards_takes_a_stream_or_a_token(server):
    cases = {
        "Either NextToken or StreamName should be provided.": {},
        "NextToken and StreamName cannot be provided together.": {
            "StreamName": "pins",
            "NextToken": "geos/x",
        },
        "NextToken is not one of ListShards.": {"NextToken": "x"},
    }
    for message, body in cases.items():
        response = server.call("ListShards", body)
        assert refusal(response) == ("InvalidArgumentException", message)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_members_that_nobody_knows_are_passed_over(server, operation):
    body = {"StreamName": "absent", "Whatever": [1, {"a": None}]}
    response = server.call(operation, body)
    assert "Whatever" not in response.text
    assert response.status_code in {200, 400}


def test_a_log_that_is_full_is_not_available_and_what_was_acknowledged_stays(tmp_path):
    clock = Clock()
    log = SqliteLog(tmp_path / "log.db", clock, max_bytes=1_000_000)
    with serving(log, clock) as server:
        server.call("CreateStream", {"StreamName": "full", "ShardCount": 1})
        body = {"StreamName": "full", **entry("x" * 100_000)}
        answers = [server.call("PutRecord", body) for _ in range(12)]
        acknowledged = [each.json()["SequenceNumber"] for each in answers if each.ok]
        assert refusal(answers[-1], 503)[0] == "ServiceUnavailable"
        assert answers[-1].headers["Retry-After"] == "1"
        asked = {"ShardIterator": iterator(server, StreamName="full")}
        found = server.call("GetRecords", asked).json()["Records"]
        assert [record["SequenceNumber"] for record in found] == acknowledged
        assert 0 < len(found) < 12


def test_a_log_that_is_closed_is_not_available():
    with serving() as server:
        server.call("CreateStream", {"StreamName": "pins", "ShardCount": 1})
        server.log.close()
        kind, message = refusal(server.call("PutRecord", {"StreamName": "pins", **entry()}), 503)
        assert (kind, "The log is closed" in message) == ("ServiceUnavailable", True)


def test_a_stream_that_the_log_holds_without_the_api_is_served(server):
    with serving() as server:
        server.log.create(stream("bare"))
        assert server.call("PutRecord", {"StreamName": "bare", **entry()}).ok
        found = server.call("DescribeStream", {"StreamName": "bare"}).json()["StreamDescription"]
        assert found["StreamStatus"] == "ACTIVE"
        assert found["Shards"][0]["HashKeyRange"] == {
            "StartingHashKey": "0",
            "EndingHashKey": str(HASH_KEYS - 1),
        }
