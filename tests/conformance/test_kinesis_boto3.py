"""boto3, as anyone has it, against the Kinesis API on a real socket."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from kinesis_server import REGION, Clock, everything, serving, until_the_tip
from pinlake.gateway.kinesis.sequence import HASH_KEYS
from pinlake.log.sqlite import SqliteLog

FIRST = "shardId-000000000000"


@pytest.fixture(scope="module")
def server():
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    with closing(server.client()) as client:
        yield client


@pytest.fixture
def stream(client):
    name = f"pins-{os.urandom(4).hex()}"
    client.create_stream(StreamName=name, ShardCount=3)
    yield name
    client.delete_stream(StreamName=name)


def put(client, stream, count, **others):
    records = [
        {"Data": f"{number}".encode(), "PartitionKey": f"{number}"} for number in range(count)
    ]
    return client.put_records(StreamName=stream, Records=[{**each, **others} for each in records])


def test_a_stream_is_creating_for_a_while_and_the_waiter_sees_it_active():
    with serving(create_ms=1_000) as server, closing(server.client()) as client:
        client.create_stream(StreamName="slow", ShardCount=2)
        new = client.describe_stream(StreamName="slow")["StreamDescription"]
        assert (new["StreamStatus"], new["Shards"]) == ("CREATING", [])
        server.clock.ahead += 1_000
        client.get_waiter("stream_exists").wait(StreamName="slow")
        described = client.describe_stream(StreamName="slow")["StreamDescription"]
        assert (described["StreamStatus"], len(described["Shards"])) == ("ACTIVE", 2)


def test_a_stream_that_is_deleted_is_gone_and_the_waiter_sees_it(client):
    client.create_stream(StreamName="short", ShardCount=1)
    client.delete_stream(StreamName="short")
    client.get_waiter("stream_not_exists").wait(StreamName="short")
    assert "short" not in client.list_streams()["StreamNames"]
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.put_record(StreamName="short", Data=b"1", PartitionKey="k")


def test_a_summary_tells_mode_shards_retention_and_the_arn_of_the_signed_region(client, stream):
    summary = client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    assert summary["StreamARN"] == f"arn:aws:kinesis:{REGION}:123456789012:stream/{stream}"
    assert summary["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert (summary["OpenShardCount"], summary["RetentionPeriodHours"]) == (3, 24)
    age = datetime.now(UTC) - summary["StreamCreationTimestamp"]
    assert 0 <= age.total_seconds() < 60


def test_an_on_demand_stream_starts_with_four_shards(client):
    client.create_stream(StreamName="od", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    summary = client.describe_stream_summary(StreamName="od")["StreamDescriptionSummary"]
    assert summary["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert summary["OpenShardCount"] == 4
    client.delete_stream(StreamName="od")


def test_streams_are_listed_by_name_in_pages():
    names = [f"s-{number:03}" for number in range(130)]
    with serving() as server, closing(server.client()) as client:
        for name in reversed(names):
            client.create_stream(StreamName=name, ShardCount=1)
        first = client.list_streams()
        assert (first["StreamNames"], first["HasMoreStreams"]) == (names[:100], True)
        pages = client.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 7})
        assert list(pages.search("StreamNames[]")) == names
        rest = client.list_streams(ExclusiveStartStreamName=names[99])
        assert (rest["StreamNames"], rest["HasMoreStreams"]) == (names[100:], False)


def test_shards_come_in_pages_from_describe_stream_and_list_shards(client):
    client.create_stream(StreamName="wide", ShardCount=23)
    ids = [f"shardId-{number:012}" for number in range(23)]
    pages = client.get_paginator("describe_stream").paginate(
        StreamName="wide", PaginationConfig={"PageSize": 4}
    )
    assert list(pages.search("StreamDescription.Shards[].ShardId")) == ids
    pages = client.get_paginator("list_shards").paginate(
        StreamName="wide", PaginationConfig={"PageSize": 4}
    )
    assert list(pages.search("Shards[].ShardId")) == ids
    after = client.list_shards(StreamName="wide", ExclusiveStartShardId=ids[20])
    assert [shard["ShardId"] for shard in after["Shards"]] == ids[21:]
    filtered = client.list_shards(
        StreamName="wide", ShardFilter={"Type": "AFTER_SHARD_ID", "ShardId": ids[21]}
    )
    assert [shard["ShardId"] for shard in filtered["Shards"]] == ids[22:]
    client.delete_stream(StreamName="wide")


def test_records_come_back_as_they_were_put_in_the_order_of_the_reply(client, stream):
    placed = put(client, stream, 50)
    assert placed["FailedRecordCount"] == 0
    found = everything(client, stream)
    by_sequence = {
        (shard, record["SequenceNumber"]): record for shard in found for record in found[shard]
    }
    assert len(by_sequence) == 50
    for number, each in enumerate(placed["Records"]):
        record = by_sequence[each["ShardId"], each["SequenceNumber"]]
        assert (record["Data"], record["PartitionKey"]) == (b"%d" % number, f"{number}")


def test_sequence_numbers_have_56_digits_and_grow_within_a_shard(client, stream):
    for _ in range(5):
        put(client, stream, 20)
    for records in everything(client, stream).values():
        numbers = [int(record["SequenceNumber"]) for record in records]
        assert numbers == sorted(set(numbers))
        assert {len(record["SequenceNumber"]) for record in records} <= {56}


def test_bytes_of_any_kind_and_keys_of_any_letters_survive(client, stream):
    data, key = bytes(range(256)), "ключ 键 🗝"
    client.put_record(StreamName=stream, Data=data, PartitionKey=key)
    [[record]] = [records for records in everything(client, stream).values() if records]
    assert (record["Data"], record["PartitionKey"]) == (data, key)


def test_an_explicit_hash_key_chooses_the_shard(client, stream):
    shards = client.list_shards(StreamName=stream)["Shards"]
    for shard in shards:
        for bound in ("StartingHashKey", "EndingHashKey"):
            placed = client.put_record(
                StreamName=stream,
                Data=b"1",
                PartitionKey="same",
                ExplicitHashKey=shard["HashKeyRange"][bound],
            )
            assert placed["ShardId"] == shard["ShardId"]
    assert int(shards[-1]["HashKeyRange"]["EndingHashKey"]) == HASH_KEYS - 1


def test_one_partition_key_always_goes_to_one_shard(client, stream):
    placed = [client.put_record(StreamName=stream, Data=b"1", PartitionKey="pin") for _ in range(5)]
    assert len({each["ShardId"] for each in placed}) == 1


def test_the_five_kinds_of_iterator_start_where_they_say():
    with serving() as server, closing(server.client()) as client:
        client.create_stream(StreamName="it", ShardCount=1)
        early = put(client, "it", 3)["Records"]
        server.clock.ahead += 60_000
        middle = datetime.fromtimestamp(server.clock() / 1000 - 30, UTC)
        late = put(client, "it", 2)["Records"]

        def from_(kind, **others):
            return [each["Data"] for each in until_the_tip(client, "it", FIRST, kind, **others)]

        second = {"StartingSequenceNumber": early[1]["SequenceNumber"]}
        last = {"StartingSequenceNumber": late[-1]["SequenceNumber"]}
        assert from_("TRIM_HORIZON") == [b"0", b"1", b"2", b"0", b"1"]
        assert from_("LATEST") == []
        assert from_("AT_SEQUENCE_NUMBER", **second) == [b"1", b"2", b"0", b"1"]
        assert from_("AFTER_SEQUENCE_NUMBER", **second) == [b"2", b"0", b"1"]
        assert from_("AFTER_SEQUENCE_NUMBER", **last) == []
        assert from_("AT_TIMESTAMP", Timestamp=middle) == [b"0", b"1"]


def test_a_shards_own_first_sequence_number_is_where_it_begins(client):
    client.create_stream(StreamName="first", ShardCount=1)
    put(client, "first", 2)
    [shard] = client.list_shards(StreamName="first")["Shards"]
    start = shard["SequenceNumberRange"]["StartingSequenceNumber"]
    for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        found = until_the_tip(client, "first", FIRST, kind, StartingSequenceNumber=start)
        assert [record["Data"] for record in found] == [b"0", b"1"]
    client.delete_stream(StreamName="first")


def test_latest_sees_what_is_put_after_it(client, stream):
    kind = "LATEST"
    iterator = client.get_shard_iterator(StreamName=stream, ShardId=FIRST, ShardIteratorType=kind)
    client.put_record(StreamName=stream, Data=b"new", PartitionKey="k", ExplicitHashKey="0")
    found = client.get_records(ShardIterator=iterator["ShardIterator"])
    assert [record["Data"] for record in found["Records"]] == [b"new"]


def test_a_limit_pages_through_a_shard_and_tells_how_far_behind_it_is():
    with serving() as server, closing(server.client()) as client:
        client.create_stream(StreamName="pages", ShardCount=1)
        put(client, "pages", 25)
        server.clock.ahead += 5_000
        asked = {"StreamName": "pages", "ShardId": FIRST, "ShardIteratorType": "TRIM_HORIZON"}
        iterator = client.get_shard_iterator(**asked)["ShardIterator"]
        sizes, behind = [], []
        for _ in range(4):
            answer = client.get_records(ShardIterator=iterator, Limit=10)
            iterator = answer["NextShardIterator"]
            sizes.append(len(answer["Records"]))
            behind.append(answer["MillisBehindLatest"])
        assert sizes == [10, 10, 5, 0]
        assert all(each >= 5_000 for each in behind[:2])
        assert behind[2:] == [0, 0]


def test_an_iterator_may_be_used_again(client, stream):
    client.put_record(StreamName=stream, Data=b"1", PartitionKey="k", ExplicitHashKey="0")
    asked = {"StreamName": stream, "ShardId": FIRST, "ShardIteratorType": "TRIM_HORIZON"}
    iterator = client.get_shard_iterator(**asked)["ShardIterator"]
    first, again = (client.get_records(ShardIterator=iterator)["Records"] for _ in range(2))
    assert first == again


def test_a_stream_may_be_named_by_its_arn(client, stream):
    summary = client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    placed = client.put_record(StreamARN=summary["StreamARN"], Data=b"1", PartitionKey="k")
    assert until_the_tip(client, stream, placed["ShardId"])[0]["Data"] == b"1"


def test_a_dry_run_writes_nothing(client, stream):
    with pytest.raises(ClientError, match="DryRun"):
        client.put_record(StreamName=stream, Data=b"1", PartitionKey="k", DryRun=True)
    assert not any(everything(client, stream).values())


def test_parallel_puts_from_many_threads_lose_nothing(server, client, stream):
    def put_twenty(worker):
        with closing(server.client()) as own:
            return [
                own.put_record(
                    StreamName=stream, Data=f"{worker}/{number}".encode(), PartitionKey=f"{number}"
                )["SequenceNumber"]
                for number in range(20)
            ]

    with ThreadPoolExecutor(8) as pool:
        acknowledged = [number for numbers in pool.map(put_twenty, range(8)) for number in numbers]
    found = [record for records in everything(client, stream).values() for record in records]
    assert len(set(acknowledged)) == 160
    assert {record["SequenceNumber"] for record in found} == set(acknowledged)
    assert len({record["Data"] for record in found}) == 160


def test_listing_goes_on_while_streams_come_and_go(server, client):
    def come_and_go(worker):
        with closing(server.client()) as own:
            for _ in range(15):
                own.create_stream(StreamName=f"fleeting-{worker}", ShardCount=1)
                own.delete_stream(StreamName=f"fleeting-{worker}")

    with ThreadPoolExecutor(3) as pool:
        working = [pool.submit(come_and_go, worker) for worker in range(3)]
        while not all(each.done() for each in working):
            listed = client.list_streams()
            assert len(listed["StreamSummaries"]) == len(listed["StreamNames"])
        assert [each.result() for each in working] == [None] * 3


def test_streams_records_and_iterators_survive_a_restart(tmp_path):
    clock = Clock()
    path = tmp_path / "log.db"
    with serving(SqliteLog(path, clock), clock) as server, closing(server.client()) as client:
        client.create_stream(StreamName="kept", StreamModeDetails={"StreamMode": "ON_DEMAND"})
        placed = put(client, "kept", 30)["Records"]
        before = everything(client, "kept")
        described = client.describe_stream(StreamName="kept")["StreamDescription"]
        asked = {"StreamName": "kept", "ShardId": placed[0]["ShardId"]}
        iterator = client.get_shard_iterator(**asked, ShardIteratorType="TRIM_HORIZON")
    with serving(SqliteLog(path, clock), clock) as server, closing(server.client()) as client:
        assert everything(client, "kept") == before
        assert client.describe_stream(StreamName="kept")["StreamDescription"] == described
        found = client.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
        assert found == before[placed[0]["ShardId"]]
        after = until_the_tip(
            client,
            "kept",
            placed[0]["ShardId"],
            "AFTER_SEQUENCE_NUMBER",
            StartingSequenceNumber=placed[0]["SequenceNumber"],
        )
        assert after == found[1:]
        again = put(client, "kept", 30)["Records"]
        assert not {each["SequenceNumber"] for each in again} & {
            each["SequenceNumber"] for each in placed
        }


def test_a_shard_over_its_throughput_fails_its_own_records_and_no_others():
    with serving(enforce_limits=True) as server, closing(server.client()) as client:
        client.create_stream(StreamName="busy", ShardCount=2)
        halves = ["0", str(HASH_KEYS - 1)]
        records = [
            {"Data": b"x" * 60_000, "PartitionKey": "k", "ExplicitHashKey": halves[number == 7]}
            for number in range(40)
        ]
        placed = client.put_records(StreamName="busy", Records=records)
        failed = [number for number, each in enumerate(placed["Records"]) if "ErrorCode" in each]
        assert placed["FailedRecordCount"] == len(failed) > 0
        assert 7 not in failed
        assert failed == sorted(failed)
        assert {placed["Records"][number]["ErrorCode"] for number in failed} == {
            "ProvisionedThroughputExceededException"
        }
        kept = sum(map(len, everything(client, "busy").values()))
        assert kept == 40 - len(failed)


def test_a_put_over_the_throughput_is_refused_until_the_next_second():
    clock = lambda: 1_795_240_000_000  # noqa: E731 a clock that stands still
    with serving(clock=clock, enforce_limits=True) as server, closing(server.client()) as client:
        client.create_stream(StreamName="one", ShardCount=1)
        client.put_record(StreamName="one", Data=b"x" * 1_000_000, PartitionKey="k")
        with pytest.raises(client.exceptions.ProvisionedThroughputExceededException):
            client.put_record(StreamName="one", Data=b"x" * 100_000, PartitionKey="k")
