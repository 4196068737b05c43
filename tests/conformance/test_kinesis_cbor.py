"""The Kinesis API in CBOR, as the JVM's clients speak it by default."""

import pytest
import requests

from kinesis_server import SIGNED, serving
from pinlake.gateway.kinesis import cbor
from pinlake.gateway.kinesis.time import Timestamp

CBOR = "application/x-amz-cbor-1.1"
FIRST = "shardId-000000000000"


@pytest.fixture(scope="module")
def server():
    with serving() as server:
        yield server


def post(server, operation, body):
    sent = {"Content-Type": CBOR, "X-Amz-Target": f"Kinesis_20131202.{operation}", **SIGNED}
    data = body if isinstance(body, bytes) else cbor.encode(body)
    response = requests.post(server.url, headers=sent, data=data, timeout=10)
    assert response.headers["Content-Type"] == CBOR
    return response


def call(server, operation, **body):
    response = post(server, operation, body)
    assert response.status_code == 200, response.content
    return cbor.decode(response.content) if response.content else None


def test_records_are_put_and_read_as_bytes_with_times_in_milliseconds(server):
    assert call(server, "CreateStream", StreamName="pins", ShardCount=1) is None
    before = server.clock()
    placed = call(server, "PutRecord", StreamName="pins", Data=b"\0\xff", PartitionKey="k")
    iterator = call(
        server,
        "GetShardIterator",
        StreamName="pins",
        ShardId=FIRST,
        ShardIteratorType="AT_TIMESTAMP",
        Timestamp=Timestamp(before),
    )
    found = call(server, "GetRecords", **iterator)
    [record] = found["Records"]
    assert record["Data"] == b"\0\xff"
    assert record["SequenceNumber"] == placed["SequenceNumber"]
    assert before <= record["ApproximateArrivalTimestamp"].milliseconds <= server.clock()
    assert found["MillisBehindLatest"] == 0


def test_a_later_timestamp_in_milliseconds_leaves_earlier_records_out(server):
    call(server, "CreateStream", StreamName="times", ShardCount=1)
    call(server, "PutRecord", StreamName="times", Data=b"1", PartitionKey="k")
    server.clock.ahead += 10_000
    asked = {"StreamName": "times", "ShardId": FIRST, "ShardIteratorType": "AT_TIMESTAMP"}
    later = Timestamp(server.clock() - 5_000)
    iterator = call(server, "GetShardIterator", **asked, Timestamp=later)
    assert call(server, "GetRecords", **iterator)["Records"] == []


def test_put_records_takes_a_list_of_structures(server):
    call(server, "CreateStream", StreamName="many", ShardCount=2)
    records = [{"Data": b"%d" % number, "PartitionKey": str(number)} for number in range(10)]
    placed = call(server, "PutRecords", StreamName="many", Records=records)
    assert (placed["FailedRecordCount"], len(placed["Records"])) == (0, 10)


BROKEN = {
    "nothing": (b"", "SerializationException"),
    "no CBOR": (b"\xff\xff", "SerializationException"),
    "no structure": (b"\x80", "SerializationException"),
    "a list instead of a name": (cbor.encode({"StreamName": []}), "SerializationException"),
    "no name": (b"\xa0", "ValidationException"),
    "an absent stream": (cbor.encode({"StreamName": "absent"}), "ResourceNotFoundException"),
}


@pytest.mark.parametrize(("body", "kind"), BROKEN.values(), ids=BROKEN)
def test_errors_are_written_in_cbor_too(server, body, kind):
    response = post(server, "DescribeStream", body)
    assert response.status_code == 400
    answer = cbor.decode(response.content)
    assert (answer["__type"], set(answer)) == (kind, {"__type", "message"})
