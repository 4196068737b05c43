"""Stage stream over a Kinesis that is resharded: parents first, and what became of closed shards."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing

import pytest
from deltalake import DeltaTable

from harness.kinesalite import KEYS, REGION, client
from pinlake.errors import PartitionGone
from pinlake.home import open_home
from pinlake.lake.open import open_lake
from pinlake.lake.progress import Plans
from pinlake.stage.loop import run_stage

STREAM = "t"


@pytest.fixture
def home(tmp_path, kinesis, monkeypatch):
    for name, value in KEYS.items():
        monkeypatch.setenv(f"PINLAKE_KINESIS_{name.upper()}", value)
    monkeypatch.setenv("PINLAKE_KINESIS_ENDPOINT", kinesis.url)
    monkeypatch.setenv("PINLAKE_KINESIS_FETCH_SECONDS", "0")
    monkeypatch.setenv("PINLAKE_STREAM_PLAN_BYTES", "20")
    monkeypatch.setenv("PINLAKE_STREAMS", f"kinesis://{REGION}")
    return open_home(tmp_path / "home", create=True)


@pytest.fixture
def boto(kinesis):
    with closing(client(kinesis.url)) as found:
        found.create_stream(StreamName=STREAM, ShardCount=1)
        found.get_waiter("stream_exists").wait(StreamName=STREAM, WaiterConfig={"Delay": 1})
        yield found


def put(boto, *numbers):
    for number in numbers:
        boto.put_record(StreamName=STREAM, Data=b"%d" % number, PartitionKey=str(number))


def reshard(boto, action, **shards):
    getattr(boto, action)(StreamName=STREAM, **shards)
    asked = {"StreamName": STREAM}
    while (
        boto.describe_stream_summary(**asked)["StreamDescriptionSummary"]["StreamStatus"]
        != "ACTIVE"
    ):
        time.sleep(0.02)


def split(boto, shard, at=2**127):
    reshard(
        boto,
        "split_shard",
        ShardToSplit=f"shardId-{shard:012d}",
        NewStartingHashKey=str(at),
    )


def streamed(home):
    report = run_stage("stream", *home, once=True, stop=threading.Event())
    return report.rows


def plans(home):
    held = Plans(open_lake(home[0]), "stream", STREAM)
    folder = home[0].path / "lake" / held.folder
    return [json.loads(each.read_text()) for each in sorted(folder.glob("*.json"))]


def test_a_child_is_planned_only_once_its_parents_were_read_whole(home, boto):
    put(boto, *range(20))
    split(boto, 0)
    put(boto, *range(20, 40))
    reshard(
        boto,
        "merge_shards",
        ShardToMerge="shardId-000000000001",
        AdjacentShardToMerge="shardId-000000000002",
    )
    put(boto, *range(40, 60))
    assert streamed(home) == 60
    parents = {"t/1": {"t/0"}, "t/2": {"t/0"}, "t/3": {"t/1", "t/2"}}
    known = plans(home)
    assert len(known) > 3
    for plan in known:
        for key in plan["ranges"]:
            for parent in parents.get(key, ()):
                assert plan["ranges"][parent]["ended"]
    table = DeltaTable(home[0].path / "lake/stream/t").to_pyarrow_table().to_pylist()
    assert sorted(int(row["value"]) for row in table) == list(range(60))
    for shard in range(4):
        held = sorted(
            (int(row["_position"]), int(row["value"])) for row in table if row["_shard"] == shard
        )
        assert [value for _, value in held] == sorted(value for _, value in held)
        assert [position for position, _ in held] == list(range(len(held)))
    assert streamed(home) == 0


def test_a_shard_that_ended_without_another_record_is_noted_once(home, boto):
    put(boto, 1)
    assert streamed(home) == 1
    split(boto, 0)
    assert streamed(home) == 0
    assert [plan["ranges"]["t/0"].get("ended", False) for plan in plans(home)] == [False, True]
    assert streamed(home) == 0
    assert len(plans(home)) == 2
    put(boto, 2, 3)
    assert streamed(home) == 2


def test_a_shard_that_is_gone_before_it_was_read_whole_stops_the_stage(home, boto):
    put(boto, 1)
    assert streamed(home) == 1
    held = Plans(open_lake(home[0]), "stream", STREAM)
    latest = held.latest()
    read = latest.ranges["t/0"]
    still = type(read)(read.log, read.upto, read.upto)
    gone = {"t/0": still, "t/7": still}
    assert held.put(type(latest)(latest.number + 1, gone))
    put(boto, 2)
    with pytest.raises(PartitionGone, match="t/7"):
        streamed(home)
