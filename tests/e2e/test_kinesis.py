"""Streams in a real Kinesis: puts, stage stream, questions and faults through the commands that a user has."""

import base64
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import requests
from deltalake import DeltaTable

import kinesis_server
from harness.faulty_kinesis import FaultyKinesis
from harness.kinesalite import KEYS, client, environment
from harness.pipeline import USER_ID, Gateway, ask, pinlake, post_to_kinesis, run_stages, wait_until

POSTS = 20
FRESH = ("--fresh", "--format", "json")


def put(url, stream, value, key="k", session=requests):
    """Put one value by the REST path; return the answer."""
    return session.put(
        f"{url}/streams/{stream}/record",
        data=json.dumps({"Data": value, "PartitionKey": key}),
        timeout=60,
    )


def put_raw(url, stream, *values, key="k"):
    """Put bytes as they are by the API."""
    entries = [{"Data": base64.b64encode(value).decode(), "PartitionKey": key} for value in values]
    answer = requests.post(
        url,
        headers={
            "Content-Type": kinesis_server.JSON_TYPE,
            "X-Amz-Target": "Kinesis_20131202.PutRecords",
            **kinesis_server.SIGNED,
        },
        data=json.dumps({"StreamName": stream, "Records": entries}),
        timeout=60,
    )
    assert answer.json()["FailedRecordCount"] == 0, answer.text


def tables(home):
    """Return all rows of every table of a lake, with their types, in one order."""
    found = {}
    for log in sorted((home / "lake").glob("**/_delta_log")):
        if log.parent.name.startswith("_draft"):
            continue
        table = DeltaTable(log.parent).to_pyarrow_table()
        rows = sorted(map(repr, table.to_pylist()))
        found[str(log.parent.relative_to(home / "lake"))] = (str(table.schema), rows)
    return found


def posted(home, real_rows, environment):
    """Post the same draws of the same dirty sample, the real rows and odd ones, and stream them."""
    with Gateway(home, "--user-id", USER_ID, environment=environment) as gateway:
        pinlake("post", "--via", "kinesis", "--posts", POSTS, "--url", gateway.url,
                "--home", home, environment=environment)  # fmt: skip
        with requests.Session() as session:
            for table, rows in real_rows.items():
                for row in rows:
                    post_to_kinesis(gateway.url, table, row, session)
        for value in ({"a": 1}, [1, 2], "text", 17):
            assert put(gateway.url, "unclaimed", value).status_code == 200
        assert put(gateway.url, "Kinesis-Prod-Stream", {"index": 1}, "nobody").status_code == 200
        for table in ("pin", "geo", "user"):
            row = json.dumps(next(iter(real_rows[table])), default=str).encode()
            put_raw(gateway.url, "Kinesis-Prod-Stream", row, b"no json {", key=f"{table}-1")
        put_raw(gateway.url, f"streaming-{USER_ID}-pin", b"\xff\xfe", b'{"index": "x"}', b"[]")
    return run_stages(home, "stream", environment=environment)["stream"]


@pytest.fixture(scope="module")
def embedded(tmp_path_factory, real_rows):
    """The tables of the embedded log, and the sample's database."""
    folder = tmp_path_factory.mktemp("embedded")
    source = {"PINLAKE_SOURCE": f"sqlite:///{folder / 'source.db'}"}
    pinlake("sample", "--home", folder, environment=source)
    posted(folder, real_rows, source)
    return tables(folder), source


@pytest.mark.slow
@pytest.mark.parametrize(
    "behind", ["kinesalite", pytest.param("gateway", marks=pytest.mark.release)]
)
def test_every_table_is_row_for_row_that_of_the_embedded_log(
    request, tmp_path, embedded, real_rows, behind
):
    with contextlib.ExitStack() as held:
        if behind == "kinesalite":
            url = request.getfixturevalue("kinesis").url
        else:
            url = held.enter_context(Gateway(tmp_path / "behind")).url
        expected, source = embedded
        there = {**source, **environment(url)}
        said = posted(tmp_path / "home", real_rows, there)
        assert said["rows"] > 0
        found = tables(tmp_path / "home")
        assert len(found) >= 8
        assert found.keys() == expected.keys()
        for table, (schema, rows) in found.items():
            assert schema == expected[table][0]
            differing = set(rows) ^ set(expected[table][1])
            assert (len(rows), sorted(differing)[:2]) == (len(expected[table][1]), []), table
        again = run_stages(tmp_path / "home", "stream", environment=there)["stream"]
        assert again.get("rows") == 0
        in_log = client(url).list_streams()["StreamNames"]
        assert "unclaimed" in in_log


def geo(number):
    return {"ind": number, "latitude": 1.0, "longitude": 2.0, "country": "X",
            "timestamp": "2020-01-01 00:00:00"}  # fmt: skip


@pytest.mark.slow
def test_status_doctor_and_fresh_answers_read_kinesis_and_no_key_is_shown(tmp_path, kinesis):
    there = environment(kinesis.url)
    stream = f"streaming-{USER_ID}-geo"
    with Gateway(tmp_path, "--user-id", USER_ID, environment=there) as gateway:
        for number in range(5):
            assert put(gateway.url, stream, geo(number)).status_code == 200
        pinlake("stream", "--once", "--home", tmp_path, environment=there)
        assert put(gateway.url, stream, geo(5)).status_code == 200
        counted = "SELECT count(*) AS n FROM geo"
        assert ask(tmp_path, counted, "stream") == [{"n": 5}]
        asked = ("query", "--sql", counted, *FRESH, "--home", tmp_path)
        assert json.loads(pinlake(*asked, environment=there).stdout) == [{"n": 6}]
        said = pinlake("status", "--json", "--home", tmp_path, environment=there).stdout
        stages = {(each["stage"], each["table"]): each for each in json.loads(said)["stages"]}
        assert stages["stream", "geo"]["lag"] is None
        assert stages["stream", "geo"]["rows"] == 5
        told = pinlake("doctor", "--deep", "--json", "--home", tmp_path,
                       environment=there, check=False).stdout  # fmt: skip
    checks = [json.loads(line) for line in told.splitlines()]
    assert [each["severity"] for each in checks if each["check"] == "Kinesis"] == ["ok"]
    assert [each for each in checks if each["severity"] == "error"] == []
    plan = max((tmp_path / "lake/progress/stream/geo").glob("*.json")).read_text()
    log = next(iter(json.loads(plan)["ranges"].values()))["log"]
    assert log.startswith("kinesis:arn:aws:kinesis:us-east-1:")
    for text in (said, told, plan):
        assert KEYS["secret_key"] not in text
        assert KEYS["access_key"] not in text


def test_a_stream_made_again_underneath_stops_the_stage_with_what_to_do(tmp_path, kinesis):
    there = environment(kinesis.url)
    with closing(client(kinesis.url)) as boto:
        boto.create_stream(StreamName="t", ShardCount=1)
        boto.get_waiter("stream_exists").wait(StreamName="t", WaiterConfig={"Delay": 1})
        boto.put_record(StreamName="t", Data=b"1", PartitionKey="k")
        pinlake("sample", "--rows", "10", "--home", tmp_path)
        run_stages(tmp_path, "stream", environment=there)
        boto.delete_stream(StreamName="t")
        boto.get_waiter("stream_not_exists").wait(StreamName="t", WaiterConfig={"Delay": 1})
        boto.create_stream(StreamName="t", ShardCount=1)
        boto.get_waiter("stream_exists").wait(StreamName="t", WaiterConfig={"Delay": 1})
        boto.put_record(StreamName="t", Data=b"2", PartitionKey="k")
    done = pinlake("stream", "--once", "--home", tmp_path, environment=there, check=False)
    assert done.returncode == 1
    assert "another log" in done.stdout + done.stderr


class Clients:
    """Threads that put values of their own until they are stopped, each value until it is taken."""

    def __init__(self, url_of, stream, keys=4):
        self.acknowledged, self._stopped = [], threading.Event()
        self._url_of, self._stream = url_of, stream
        self._pool = ThreadPoolExecutor(keys)
        self._running = [self._pool.submit(self._put_all, number) for number in range(keys)]

    def _put_all(self, number):
        turn = 0
        while not self._stopped.is_set():
            value = {"n": number, "turn": turn}
            try:
                answer = put(self._url_of(), self._stream, value, f"key-{number}")
            except requests.RequestException:
                time.sleep(0.05)
                continue
            if answer.status_code == 200:
                self.acknowledged.append((number, turn))
                turn += 1
            else:
                time.sleep(0.05)

    def more(self, count):
        """Wait until so many more are acknowledged."""
        enough = len(self.acknowledged) + count
        wait_until(lambda: len(self.acknowledged) >= enough, 120)

    def stop(self):
        self._stopped.set()
        for each in self._running:
            each.result()
        self._pool.shutdown()


def started(home, there):
    """Start stage stream for ever."""
    return subprocess.Popen(
        [sys.executable, "-m", "pinlake", "stream", "--home", str(home)],
        env={**os.environ, **there},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def rows_of(home, name):
    """Return (shard, position, value) of each row of a stream that no data set claims."""
    rows = DeltaTable(home / "lake/stream" / name).to_pyarrow_table().to_pylist()
    found = [(row["_shard"], int(row["_position"]), json.loads(row["value"])) for row in rows]
    return sorted((p, o, (v["n"], v["turn"])) for p, o, v in found)


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_by_kills_throttling_splits_and_merges(tmp_path, kinesis):
    """The gateway and the stage are killed, 30 % throttled, and the shard is split and merged."""
    with FaultyKinesis(kinesis.url, seed=11, rate=0.3) as faulty:
        there = environment(faulty.url)
        gateways = [Gateway(tmp_path, environment=there)]
        clients = Clients(lambda: gateways[-1].url, "t")
        stage = started(tmp_path, there)
        try:
            wait_until(lambda: rows_in(tmp_path, "t") > 0, 120)
            reshard(kinesis, "split", "shardId-000000000000")
            clients.more(30)
            stage.kill()
            stage.wait(30)
            gateways[-1].kill()
            gateways.append(Gateway(tmp_path, environment=there))
            stage = started(tmp_path, there)
            reshard(kinesis, "merge", "shardId-000000000001", "shardId-000000000002")
            before = rows_in(tmp_path, "t")
            wait_until(lambda: rows_in(tmp_path, "t") > before, 120)
            stage.kill()
            stage.wait(30)
        finally:
            clients.stop()
            stage.kill()
            stage.wait(30)
            gateways[-1].stop()
        run_stages(tmp_path, "stream", environment=there)
        assert faulty.done["throttled entries"] > 20
        assert faulty.done["throttled GetRecords"] > 0
    found = rows_of(tmp_path, "t")
    places = [(partition, offset) for partition, offset, _ in found]
    assert {partition for partition, _ in places} == {0, 1, 2, 3}
    for shard in range(4):
        offsets = [offset for partition, offset in places if partition == shard]
        assert offsets == list(range(len(offsets)))
    assert set(clients.acknowledged) <= {value for _, _, value in found}
    in_kinesis = values_of(kinesis, "t")
    assert sorted(value for _, _, value in found) == sorted(in_kinesis)


@pytest.mark.slow
def test_a_kinesis_that_was_away_is_gone_on_with_and_a_key_is_one_row(tmp_path, kinesis):
    there = environment(kinesis.url, put_seconds=2)
    stream = f"streaming-{USER_ID}-geo"
    acknowledged, refused = [], []

    def client_of(numbers):
        for number in numbers:
            while True:
                answer = put(gateway.url, stream, geo(number))
                if answer.status_code == 200:
                    acknowledged.append(number)
                    break
                refused.append(answer.status_code)
                time.sleep(0.1)

    with Gateway(tmp_path, environment=there) as gateway, ThreadPoolExecutor(4) as pool:
        client_of(range(3))
        stage = started(tmp_path, there)
        try:
            kinesis.kill()
            clients = [pool.submit(client_of, range(n, n + 10)) for n in (10, 20, 30, 40)]
            wait_until(lambda: refused)
            kinesis.start()
            for each in clients:
                each.result()
            count = "SELECT count(*) AS n FROM geo"
            wait_until(lambda: rows_in(tmp_path, "geo") == 43)
            assert stage.poll() is None
        finally:
            stage.kill()
            stage.wait(30)
    assert set(refused) == {503}
    assert len(acknowledged) == 43
    run_stages(tmp_path, "stream", environment=there)
    assert ask(tmp_path, count, "stream") == [{"n": 43}]


def rows_in(home, table):
    try:
        return DeltaTable(home / "lake/stream" / table).to_pyarrow_table(columns=[]).num_rows
    except Exception:  # noqa: BLE001 it is not there yet
        return 0


def reshard(kinesis, how, shard, adjacent=None):
    """Split a shard in two, or merge two, and wait until it is done."""
    with closing(client(kinesis.url)) as boto:
        if how == "split":
            boto.split_shard(StreamName="t", ShardToSplit=shard, NewStartingHashKey=str(2**127))
        else:
            boto.merge_shards(StreamName="t", ShardToMerge=shard, AdjacentShardToMerge=adjacent)
        summary = "StreamDescriptionSummary"
        wait_until(
            lambda: (
                boto.describe_stream_summary(StreamName="t")[summary]["StreamStatus"] == "ACTIVE"
            )
        )


def values_of(kinesis, stream):
    """Return what Kinesis itself holds."""
    with closing(client(kinesis.url)) as boto:
        found = []
        for shard in boto.list_shards(StreamName=stream)["Shards"]:
            asked = {"StreamName": stream, "ShardId": shard["ShardId"]}
            at = boto.get_shard_iterator(**asked, ShardIteratorType="TRIM_HORIZON")
            records = boto.get_records(ShardIterator=at["ShardIterator"])["Records"]
            found += [json.loads(each["Data"]) for each in records]
        return [(each["n"], each["turn"]) for each in found]
