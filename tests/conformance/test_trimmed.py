"""Reading below what the log still holds: each protocol's own answer, by boto3 and by HTTP."""

from contextlib import closing

import pytest

from gateway_server import serving as serving_kafka
from kinesis_server import serving
from pinlake.log.sqlite import SqliteLog
from pinlake.record import Partition, stream, topic

SHARD = "shardId-000000000000"
SHARD_OF_PINS = Partition(stream("pins"), 0)


@pytest.fixture(params=["memory", "sqlite"])
def served(request, tmp_path):
    """A stream of ten records, its server and client, and the records' sequence numbers."""
    log = SqliteLog(tmp_path / "log.db") if request.param == "sqlite" else None
    with serving(log) as server, closing(server.client()) as client:
        client.create_stream(StreamName="pins", ShardCount=1)
        numbers = [
            client.put_record(StreamName="pins", Data=b"%d" % number, PartitionKey="k")
            for number in range(10)
        ]
        yield server, client, [each["SequenceNumber"] for each in numbers]


def iterator(client, kind="TRIM_HORIZON", **others):
    asked = {"StreamName": "pins", "ShardId": SHARD, "ShardIteratorType": kind, **others}
    return client.get_shard_iterator(**asked)["ShardIterator"]


def read(client, at, **others):
    answer = client.get_records(ShardIterator=at, **others)
    return [record["Data"] for record in answer["Records"]], answer


def test_the_trim_horizon_moves(served):
    server, client, numbers = served
    server.log.trim(SHARD_OF_PINS, 6)
    found, answer = read(client, iterator(client))
    assert found == [b"6", b"7", b"8", b"9"]
    assert [record["SequenceNumber"] for record in answer["Records"]] == numbers[6:]


@pytest.mark.parametrize("kind", ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"])
def test_a_sequence_number_that_was_trimmed_reads_from_the_horizon(served, kind):
    server, client, numbers = served
    server.log.trim(SHARD_OF_PINS, 6)
    at = iterator(client, kind, StartingSequenceNumber=numbers[2])
    assert read(client, at)[0] == [b"6", b"7", b"8", b"9"]


def test_a_time_before_the_horizon_reads_from_the_horizon(served):
    server, client, _ = served
    server.log.trim(SHARD_OF_PINS, 6)
    assert read(client, iterator(client, "AT_TIMESTAMP", Timestamp=1_000))[0][0] == b"6"


def test_an_iterator_from_before_the_trim_goes_on_at_the_horizon(served):
    server, client, _ = served
    old = iterator(client)
    server.log.trim(SHARD_OF_PINS, 6)
    found, answer = read(client, old, Limit=2)
    assert found == [b"6", b"7"]
    assert read(client, answer["NextShardIterator"])[0] == [b"8", b"9"]


def test_an_iterator_over_what_is_all_gone_comes_to_the_tip_at_once(served):
    server, client, _ = served
    old = iterator(client)
    server.log.trim(SHARD_OF_PINS, 10)
    found, answer = read(client, old, Limit=1)
    assert (found, answer["MillisBehindLatest"]) == ([], 0)
    client.put_record(StreamName="pins", Data=b"new", PartitionKey="k")
    assert read(client, answer["NextShardIterator"], Limit=1)[0] == [b"new"]


def test_kafkas_beginning_offset_moves_and_the_end_stays(tmp_path):
    with serving_kafka(SqliteLog(tmp_path / "log.db")) as gateway:
        for number in range(5):
            gateway.produce("/topics/t", {"records": [{"value": number}]})
        gateway.log.trim(Partition(topic("t"), 0), 3)
        offsets = gateway.request("GET", "/topics/t/partitions/0/offsets").json()
        assert offsets == {"beginning_offset": 3, "end_offset": 5}
        gateway.log.trim(Partition(topic("t"), 0), 5)
        answer = gateway.produce("/topics/t", {"records": [{"value": 5}]})
        assert answer.json()["offsets"][0]["offset"] == 5
