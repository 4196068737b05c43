"""The gateway before a real Kinesis: puts by its queue, every other operation passed on as it is."""

import base64
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
import requests
from botocore.exceptions import ClientError

import kinesis_server
from harness.faulty_kinesis import THROTTLED, FaultyKinesis
from harness.kinesalite import KEYS, REGION, client
from kinesis_server import everything
from pinlake.gateway.kinesis import cbor
from pinlake.log.open import open_log
from pinlake.settings import Kinesis


@contextmanager
def before(url, **others):
    """Serve a gateway whose streams are in the Kinesis at a URL."""
    kinesis = Kinesis(endpoint=url, fetch_seconds=0.0, **{**KEYS, **others})
    with kinesis_server.serving(open_log(f"kinesis://{REGION}", kinesis=kinesis)) as served:
        yield served


@pytest.fixture
def gateway(kinesis):
    with before(kinesis.url) as served:
        yield served


@pytest.fixture
def through(gateway):
    """A boto3 client of the gateway."""
    with closing(client(gateway.url)) as found:
        yield found


@pytest.fixture
def behind(kinesis):
    """A boto3 client of the Kinesis behind the gateway."""
    with closing(client(kinesis.url)) as found:
        yield found


def made(through, shards=2, name="pins"):
    through.create_stream(StreamName=name, ShardCount=shards)
    through.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})


def numbers(records):
    """Return which sequence number holds which data, by shard."""
    return {
        shard: {each["SequenceNumber"]: each["Data"] for each in held}
        for shard, held in records.items()
    }


def test_an_answer_to_a_put_names_kinesis_own_shard_and_sequence_number(through, behind):
    made(through)
    one = through.put_record(StreamName="pins", Data=b"one", PartitionKey="a")
    entries = [{"Data": b"%d" % n, "PartitionKey": str(n)} for n in range(40)]
    many = through.put_records(StreamName="pins", Records=entries)
    assert many["FailedRecordCount"] == 0
    told = {}
    for entry, placed in zip([{"Data": b"one"}, *entries], [one, *many["Records"]], strict=True):
        told.setdefault(placed["ShardId"], {})[placed["SequenceNumber"]] = entry["Data"]
    assert len(told) == 2
    assert numbers(everything(behind, "pins")) == told
    for held in everything(behind, "pins").values():
        data = [int(each["Data"]) for each in held if each["Data"] != b"one"]
        assert data == sorted(data)


def test_an_explicit_hash_key_chooses_the_shard(through):
    made(through)
    placed = through.put_record(
        StreamName="pins", Data=b"x", PartitionKey="a", ExplicitHashKey=str(2**128 - 1)
    )
    assert placed["ShardId"] == "shardId-000000000001"


def test_what_is_read_and_described_by_the_gateway_is_what_kinesis_says(through, behind):
    made(through)
    through.put_record(StreamName="pins", Data=b"\x00\xff", PartitionKey="a")
    assert everything(through, "pins") == everything(behind, "pins")
    for ask in (
        lambda boto: boto.describe_stream(StreamName="pins")["StreamDescription"],
        lambda boto: boto.describe_stream_summary(StreamName="pins")["StreamDescriptionSummary"],
        lambda boto: boto.list_shards(StreamName="pins")["Shards"],
        lambda boto: boto.list_streams()["StreamNames"],
    ):
        assert ask(through) == ask(behind)


def test_shards_are_split_and_merged_and_tags_set_through_the_gateway(through, behind):
    made(through, 1)
    through.add_tags_to_stream(StreamName="pins", Tags={"team": "art"})
    assert behind.list_tags_for_stream(StreamName="pins")["Tags"] == [
        {"Key": "team", "Value": "art"}
    ]
    through.put_record(StreamName="pins", Data=b"before", PartitionKey="a")
    through.split_shard(
        StreamName="pins", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127)
    )
    through.get_waiter("stream_exists").wait(StreamName="pins", WaiterConfig={"Delay": 1})
    placed = [
        through.put_record(StreamName="pins", Data=b"%d" % n, PartitionKey=str(n))["ShardId"]
        for n in range(10)
    ]
    assert set(placed) == {"shardId-000000000001", "shardId-000000000002"}
    through.delete_stream(StreamName="pins")
    time.sleep(0.2)
    assert behind.list_streams()["StreamNames"] == []


def test_errors_of_kinesis_come_back_as_they_are(through, behind):
    made(through, 1)
    for ask in (
        lambda boto: boto.describe_stream(StreamName="absent"),
        lambda boto: boto.create_stream(StreamName="pins", ShardCount=1),
        lambda boto: boto.get_records(ShardIterator="A" * 60),
        lambda boto: boto.split_shard(
            StreamName="pins", ShardToSplit="shardId-000000000009", NewStartingHashKey="9"
        ),
        lambda boto: boto.put_record(StreamName="absent", Data=b"x", PartitionKey="a"),
    ):
        told = []
        for boto in (through, behind):
            with pytest.raises(ClientError) as caught:
                ask(boto)
            error = caught.value.response
            told.append((error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]))
        assert told[0] == told[1]


def test_a_request_in_cbor_is_passed_on_and_answered_in_cbor(gateway, through):
    made(through, 1)
    kind = {"Content-Type": "application/x-amz-cbor-1.1"}
    entry = {"Data": b"\x00\xff", "PartitionKey": "a"}
    body = cbor.encode({"StreamName": "pins", "Records": [entry]})
    assert gateway.call("PutRecords", body, **kind).status_code == 200
    asked = {"StreamName": "pins", "ShardId": "0", "ShardIteratorType": "TRIM_HORIZON"}
    answer = gateway.call("GetShardIterator", cbor.encode(asked), **kind)
    iterator = cbor.decode(answer.content)["ShardIterator"]
    answer = gateway.call("GetRecords", cbor.encode({"ShardIterator": iterator}), **kind)
    (record,) = cbor.decode(answer.content)["Records"]
    assert record["Data"] == b"\x00\xff"
    assert abs(record["ApproximateArrivalTimestamp"].milliseconds / 1000 - time.time()) < 60


def test_an_operation_of_many_answers_is_refused_in_words(gateway):
    answer = gateway.call("SubscribeToShard", {"ConsumerARN": "a", "ShardId": "0"})
    assert answer.json()["__type"] == "UnknownOperationException"


def test_the_paths_of_the_tutorial_make_a_stream_put_read_and_delete(gateway, behind):
    put = requests.put(
        f"{gateway.url}/dev/streams/fresh/record",
        json={"Data": {"index": 1}, "PartitionKey": "pin"},
        timeout=60,
    )
    assert put.status_code == 200, put.text
    records = [{"data": {"index": n}, "partition-key": "pin"} for n in (2, 3)]
    many = requests.put(
        f"{gateway.url}/streams/fresh/records", json={"records": records}, timeout=60
    )
    assert many.json()["FailedRecordCount"] == 0
    (held,) = everything(behind, "fresh").values()
    assert [json.loads(each["Data"])["index"] for each in held] == [1, 2, 3]
    assert held[0]["SequenceNumber"] == put.json()["SequenceNumber"]
    iterator = requests.get(
        f"{gateway.url}/streams/fresh/sharditerator?shard-id=shardId-000000000000", timeout=60
    ).json()["ShardIterator"]
    read = requests.get(
        f"{gateway.url}/streams/fresh/records", headers={"Shard-Iterator": iterator}, timeout=60
    ).json()["Records"]
    assert base64.b64decode(read[0]["Data"]) == b'{"index":1}'
    assert requests.get(f"{gateway.url}/streams", timeout=60).json()["StreamNames"] == ["fresh"]
    assert requests.delete(f"{gateway.url}/streams/fresh", timeout=60).status_code == 200
    page = requests.get(f"{gateway.url}/", headers={"Accept": "text/html"}, timeout=60)
    assert page.status_code == 200


def test_requests_that_are_under_way_together_share_few_calls(kinesis):
    with FaultyKinesis(kinesis.url) as counting, before(counting.url) as gateway:
        with closing(client(kinesis.url)) as boto:
            made(boto, 1)

        def one(number):
            answer = gateway.call(
                "PutRecord",
                {"StreamName": "pins", "Data": base64.b64encode(b"%d" % number).decode(),
                 "PartitionKey": "a"},
            )  # fmt: skip
            assert answer.status_code == 200, answer.text
            return answer.json()["SequenceNumber"]

        with ThreadPoolExecutor(16) as pool:
            sequences = list(pool.map(one, range(200)))
        assert len(set(sequences)) == 200
        assert counting.done["PutRecords"] < 150


def test_partial_failures_are_put_again_until_all_are_acknowledged(kinesis):
    with FaultyKinesis(kinesis.url, seed=1, rate=0.3) as faulty, before(faulty.url) as gateway:
        with closing(client(kinesis.url)) as boto, closing(client(gateway.url)) as through:
            made(boto)
            for turn in range(3):
                entries = [{"Data": b"%d" % n, "PartitionKey": str(n)} for n in range(100)]
                answer = through.put_records(StreamName="pins", Records=entries)
                assert answer["FailedRecordCount"] == 0, turn
            found = [each for held in everything(boto, "pins").values() for each in held]
            assert sorted(int(each["Data"]) for each in found) == sorted(list(range(100)) * 3)
        assert faulty.done["throttled entries"] > 50


def test_what_kinesis_never_takes_is_told_record_by_record_in_time(kinesis):
    with (
        FaultyKinesis(kinesis.url, rate=1.0) as faulty,
        before(faulty.url, put_seconds=0.3) as gateway,
        closing(client(kinesis.url)) as boto,
    ):
        made(boto, 1)
        entry = {"Data": "eA==", "PartitionKey": "a"}
        answer = gateway.call("PutRecords", {"StreamName": "pins", "Records": [entry] * 3})
        assert (answer.status_code, answer.json()["__type"]) == (400, THROTTLED)
        answer = gateway.call("PutRecord", {"StreamName": "pins", **entry})
        assert answer.json()["__type"] == THROTTLED
        faulty.rate = 0.75
        answer = gateway.call("PutRecords", {"StreamName": "pins", "Records": [entry] * 100})
        codes = [each.get("ErrorCode") for each in answer.json()["Records"]]
        assert answer.json()["FailedRecordCount"] == codes.count(THROTTLED) > 0
        (held,) = everything(boto, "pins").values()
        assert len(held) == codes.count(None) > 0


def test_a_kinesis_that_is_away_is_answered_with_503_and_a_full_queue_at_once(kinesis):
    with closing(client(kinesis.url)) as boto:
        made(boto, 1)
    with (
        FaultyKinesis(kinesis.url) as faulty,
        before(faulty.url, put_seconds=1.0, queue_bytes=3000) as gateway,
    ):
        faulty.away = True
        entry = {"Data": base64.b64encode(b"x" * 1000).decode(), "PartitionKey": "a"}
        told = []

        def put():
            answer = gateway.call("PutRecord", {"StreamName": "pins", **entry})
            told.append((answer.status_code, answer.json().get("__type")))

        threads = [threading.Thread(target=put) for _ in range(5)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert set(told) == {(503, "ServiceUnavailable"), (400, THROTTLED)}
        ready = requests.get(f"{gateway.url}/ready", timeout=60)
        assert ready.status_code == 503
        assert KEYS["secret_key"] not in ready.text
        faulty.away = False
        put()
        assert told[-1][0] == 200


def test_a_lost_answer_is_no_lost_record(kinesis):
    with FaultyKinesis(kinesis.url, seed=5, lost=0.3) as faulty, before(faulty.url) as gateway:
        with closing(client(kinesis.url)) as boto, closing(client(gateway.url)) as through:
            made(boto, 1)
            for number in range(20):
                through.put_record(StreamName="pins", Data=b"%d" % number, PartitionKey="a")
            (held,) = everything(boto, "pins").values()
            assert {int(each["Data"]) for each in held} == set(range(20))
        assert faulty.done["lost answers"] > 0
