"""Streaming queries of Spark keep the stream tables that stage stream makes, over whatever stops them."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

import pinlake
from asking import ask
from cells import difference
from harness import notebook_cells
from harness.pipeline import USER_ID, Gateway, run_stages, wait_until
from harness.pipeline import pinlake as pinlake_command
from harness.spark_streams import (
    SHARED,
    everything_sent,
    from_kinesis,
    kinesis_at,
    put,
    stream_of,
    with_offsets,
)
from lakehouse_rows import everything
from pinlake.errors import (
    CheckpointExchanged,
    CheckpointUnfit,
    FreshRefused,
    RecordsUnfit,
    SettingInvalid,
    SparkFailed,
    TableMissing,
)
from pinlake.stage.micro_batches import Batches
from what_arrives import geo, pin, user

pytestmark = [pytest.mark.spark, pytest.mark.slow]
KILLS = 4
SHARED_SENT = [
    ("pin-1", json.dumps(pin(90_001)).encode()),
    ("geo-1", json.dumps(geo(90_002)).encode()),
    ("geo-1", b"junk"),
    ("neither", json.dumps(geo(90_003)).encode()),
    ("geo-2", json.dumps(geo(90_002, country="later")).encode()),
]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    with Gateway(tmp_path_factory.mktemp("streams") / "home", "--user-id", USER_ID) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def filled(gateway, real_rows):
    """The gateway, with everything that arrives in its streams."""
    put(gateway.url, everything_sent(real_rows, 25), SHARED_SENT)
    return gateway


def query(spark, gateway, table, home):
    records = from_kinesis(spark, gateway.url, SHARED, stream_of(table))
    return pinlake.stream(table, records, home=home, processingTime="0 seconds")


def set_all(monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def of_table(held, table):
    """Return the tables of one name."""
    return {name: each for name, each in held.items() if name.endswith(f"/{table}")}


def everything_geo(first, count):
    """Return so many rows, of which every seventh is no row and every fifth a key that was."""
    for ind in range(first, first + count):
        yield b"junk" if ind % 7 == 0 else json.dumps(geo(ind - ind % 5 // 4)).encode()


def has_more(folder, count, process):
    return len(list(folder.glob("*.json"))) > count or process.poll() is not None


@contextlib.contextmanager
def of_its_own(url, home):
    """Give the query of one table as a process, which is killed at the end, Java too."""
    paths = os.pathsep.join(["tests", os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-m", "spark_stream_process", url, str(home)],
        env=os.environ | {"PYTHONPATH": paths},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def produce(kafka, topic, values):
    """Make a topic of two partitions, and send values to it, none of them at once."""
    from confluent_kafka import Producer
    from confluent_kafka.admin import NewTopic

    admin = kafka.admin()
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(30)
    producer = Producer({"bootstrap.servers": kafka.servers})
    for number, value in enumerate(values):
        producer.produce(topic, value, partition=number % 2)
    assert producer.flush(30) == 0


def finish(*queries):
    """Let queries take what there is, and stop them; raise what ended one."""
    for each in queries:
        try:
            each.processAllAvailable()
        finally:
            each.stop()


def test_the_stream_notebook_gives_what_stage_stream_gives_and_a_query_goes_on_from_there(
    delta_spark, filled, tmp_path, monkeypatch
):
    home = tmp_path / "home"
    set_all(monkeypatch, kinesis_at(filled.url) | {"PINLAKE_HOME": str(home)})
    assert "stream: " in notebook_cells.run("stream", delta_spark).text
    put(filled.url, [("geo", json.dumps(geo(90_010)).encode()), ("geo", b"junk again")])
    for left in (home / "lake/checkpoints/geo/commits").glob("*0*"):
        left.unlink()  # as a kill leaves it after the table's commit: the batch is run again
    finish(query(delta_spark, filled, "geo", home))
    monkeypatch.undo()
    run_stages(filled.home, "stream")
    assert difference(with_offsets(everything(home)), everything(filled.home)) == []


def test_what_is_started_without_its_checkpoint_stops_all_and_says_what_to_do(
    delta_spark, filled, tmp_path, monkeypatch
):
    home = tmp_path / "home"
    set_all(monkeypatch, kinesis_at(filled.url))
    monkeypatch.setenv("PINLAKE_KINESIS_ONLY", "streaming-*-user,streaming-*-geo")
    done = pinlake.stream_tables(delta_spark, "user", trigger="availableNow", home=home)
    before = everything(home)
    assert done.rows == len(before["stream/user"].rows) > 0
    shutil.rmtree(home / "lake/checkpoints")
    with pytest.raises(
        SparkFailed, match=r"stream user: CheckpointExchanged: stream/user is fed by .* delete "
    ):
        pinlake.stream_tables(delta_spark, trigger="10 seconds", home=home)
    assert everything(home)["stream/user"] == before["stream/user"]
    assert not delta_spark.streams.active


def test_the_stream_notebook_on_kafka_gives_what_stage_stream_gives_of_its_topic(
    delta_spark, kafka, tmp_path, monkeypatch
):
    topic, sent = f"{USER_ID}.geo", everything_sent({}, 0)
    values = [*(each for table, each in sent if table == "geo"), None, b"\xff"]
    produce(kafka, topic, values)
    home, twin = tmp_path / "home", tmp_path / "twin"
    monkeypatch.setenv("PINLAKE_TOPICS", kafka.url)
    run_stages(twin, "stream", environment={"PINLAKE_STREAM_TOPICS": "true"})
    monkeypatch.setenv("PINLAKE_HOME", str(home))
    assert "stream: " in notebook_cells.run("stream", delta_spark, source="kafka").text
    assert difference(everything(home), everything(twin)) == []


@pytest.mark.release
@pytest.mark.timeout(1500)
def test_killed_in_the_middle_of_its_batches_it_loses_and_doubles_nothing(gateway, tmp_path):
    home, rng = tmp_path / "home", random.Random(1)
    plans = home / "lake/progress/stream/geo"
    for kill in range(KILLS):
        put(gateway.url, [("geo", each) for each in everything_geo(100_000 + 500 * kill, 500)])
        with of_its_own(gateway.url, home) as process:
            wait_until(partial(has_more, plans, kill, process), seconds=400, pause=0.02)
            time.sleep(rng.uniform(0, 3))
            assert process.poll() is None, "it was done before it was killed"
    with of_its_own(gateway.url, home) as process:
        assert process.wait(600) == 0
    run_stages(gateway.home, "stream")
    assert (
        difference(with_offsets(everything(home)), of_table(everything(gateway.home), "geo")) == []
    )


class Checkpoint:
    """A checkpoint as Spark writes it, and batches of it that a test makes by hand."""

    def __init__(self, folder, spark, home, table="user", query="one"):
        from pinlake.home import open_home

        self.folder, self.spark = folder, spark
        (folder / "offsets").mkdir(parents=True, exist_ok=True)
        (folder / "metadata").write_text(json.dumps({"id": query}))
        opened, dataset = open_home(home, create=True)
        self.batches = Batches(opened, dataset, dataset.tables[table], str(folder))
        self.user = stream_of(table)

    def run(self, batch, *values, offsets="first"):
        """Commit a micro-batch of values of one shard."""
        (self.folder / f"offsets/{batch}").write_text(offsets)
        columns = (
            "partitionKey string, data binary, stream string, shardId string, sequenceNumber string"
        )
        rows = [
            ("k", bytearray(value), self.user, "shardId-000000000003", str(10**55 * 4 + at))
            for at, value in enumerate(values)
        ]
        self.batches(self.spark.createDataFrame(rows, columns), batch)


def user_of(ind, **more):
    return json.dumps(user(ind, **more)).encode()


def test_a_batch_is_committed_once_whoever_stands_in_its_place_is_refused(delta_spark, tmp_path):
    home = tmp_path / "home"
    checkpoint = Checkpoint(tmp_path / "one", delta_spark, home)
    checkpoint.run(0, user_of(1), user_of(1, first_name="Later"), b"junk", user_of(None))
    checkpoint.run(1, user_of(2), offsets="second")
    before = everything(home)
    assert [len(before[name].rows) for name in sorted(before)] == [2, 2]
    assert "'400000" in before["quarantine/stream/user"].rows[0]
    checkpoint.run(1, user_of(2), offsets="second")
    for wrong in (
        lambda: checkpoint.run(1, user_of(2), user_of(3), offsets="of a copy that was put back"),
        lambda: checkpoint.run(0, user_of(1), offsets="first"),
        lambda: checkpoint.run(3, user_of(4), offsets="fourth"),
        lambda: Checkpoint(tmp_path / "two", delta_spark, tmp_path / "other").run(1, user_of(1)),
    ):
        with pytest.raises(CheckpointUnfit, match="Put the other back too"):
            wrong()
    with pytest.raises(CheckpointExchanged, match="the query other"):
        Checkpoint(tmp_path / "other", delta_spark, home, query="other").run(2, user_of(5))
    assert everything(home) == before


def test_a_table_that_stage_stream_feeds_is_refused_and_so_is_the_other_way_round(
    delta_spark, tmp_path
):
    home = tmp_path / "home"
    with Gateway(home, "--user-id", USER_ID) as gateway:
        put(gateway.url, [("user", user_of(1)), ("geo", json.dumps(geo(1)).encode())])
    Checkpoint(tmp_path / "geo", delta_spark, home, "geo").run(0, json.dumps(geo(2)).encode())
    ran = pinlake_command("stream", "--once", "--home", home, check=False)
    assert "stream geo is fed by the streaming query one" in ran.stderr
    assert (ran.returncode, ask(home, "SELECT ind FROM user", "stream")) == (1, [{"ind": 1}])
    with pytest.raises(CheckpointExchanged, match="the plans of stage stream"):
        Checkpoint(tmp_path / "user", delta_spark, home, "user").run(0, user_of(2))
    with pytest.raises(FreshRefused, match="a streaming query feeds stream/geo"):
        pinlake.open(home).ask("SELECT * FROM geo", fresh=True)


def test_records_that_are_none_of_the_tables_are_refused(delta_spark, tmp_path):
    foreign = Checkpoint(tmp_path / "one", delta_spark, tmp_path / "home")
    foreign.user = "payments"
    with pytest.raises(SparkFailed, match="user takes nothing of stream 'payments'"):
        foreign.run(0, user_of(1))
    with pytest.raises(SettingInvalid, match=r"streams of Kinesis .* or topics of Kafka"):
        pinlake.stream_tables(delta_spark, home=tmp_path / "home")
    rate = delta_spark.readStream.format("rate").load()
    with pytest.raises(RecordsUnfit, match="timestamp, value"):
        pinlake.stream("user", rate, home=tmp_path / "home")
    records = from_kinesis(delta_spark, "http://127.0.0.1:1", "payments")
    with pytest.raises(TableMissing, match="pin, geo, user"):
        pinlake.stream("payments", records, home=tmp_path / "home")
