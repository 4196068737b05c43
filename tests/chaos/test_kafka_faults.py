"""A real Kafka that fails under a running pipeline: what was acknowledged is in raw, once."""

import json

import pytest
from deltalake import DeltaTable

from harness.kafka_broker import Broker
from harness.load import Load, post, running
from harness.pipeline import USER_ID, Gateway, pinlake, run_stages, wait_until
from harness.small_disk import fill, small_disk

QUICK = {
    "PINLAKE_SINK_FLUSH_SIZE": "50",
    "PINLAKE_SINK_ROTATE_SECONDS": "0.5",
    "PINLAKE_BATCH_EVERY_SECONDS": "0.5",
    "PINLAKE_STREAM_TOPICS": "true",
    "PINLAKE_KAFKA_DELIVERY_TIMEOUT_MS": "4000",
}
GEO = f"{USER_ID}.geo"


@pytest.fixture
def in_kafka(kafka, monkeypatch):
    """Have every pinlake that is started keep its topics in Kafka, and work in small steps."""
    in_broker(kafka, monkeypatch)
    return kafka


def in_broker(broker, monkeypatch):
    for name, value in {**QUICK, "PINLAKE_TOPICS": broker.url}.items():
        monkeypatch.setenv(name, value)


def rows(home, table):
    """Return the rows of a table of the lake, or none where it is not there yet."""
    folder = home / "lake" / table
    if not any(folder.glob("_delta_log/*.json")):
        return []
    return DeltaTable(folder).to_pyarrow_table().to_pylist()


def in_raw(home, topic="t"):
    """Return the values of an unclaimed topic in raw by (partition, offset), each there once."""
    found = rows(home, f"raw/{topic}")
    by_place = {(each["_partition"], each["_offset"]): json.loads(each["value"]) for each in found}
    assert len(by_place) == len(found)
    return by_place


@pytest.mark.slow
def test_a_broker_that_is_killed_under_load_loses_and_doubles_nothing(in_kafka, tmp_path):
    home = tmp_path / "home"
    with Gateway(home) as gateway, running(home, "sink", "load"):
        load = Load(gateway.url)
        load.wait(100)
        in_kafka.kill()
        load.wait_for_refusal()
        in_kafka.start()
        load.wait(100)
        acknowledged = load.end()
        wait_until(lambda: acknowledged.keys() <= in_raw(home).keys(), pause=0.5)
    assert {status for status, _ in load.refused} == {503}
    found = in_raw(home)
    assert {place: found[place] for place in acknowledged} == acknowledged


@pytest.mark.release
@pytest.mark.slow
def test_a_broker_without_disk_refuses_and_goes_on_once_there_is_room(monkeypatch, tmp_path):
    pytest.importorskip("confluent_kafka", reason="confluent-kafka, our extra kafka, is missing")
    with small_disk(tmp_path / "disk", 24) as disk:
        broker = Broker(tmp_path / "kafka", disk / "data")
        broker.start()
        try:
            in_broker(broker, monkeypatch)
            fill_up_and_make_room(broker, tmp_path / "home", disk)
        finally:
            broker.kill()


def fill_up_and_make_room(broker, home, disk):
    with Gateway(home) as gateway, running(home, "sink", "load"):
        load = Load(gateway.url)
        load.wait(100)
        fill(disk / "other")
        load.wait_for_refusal()
        wait_until(broker.died)  # Kafka ends itself when it cannot write its only folder
        (disk / "other").unlink()
        broker.start()
        load.wait(100)
        acknowledged = load.end()
        wait_until(lambda: acknowledged.keys() <= in_raw(home).keys(), pause=0.5)
    assert set(load.refused) == {(503, "1")}
    found = in_raw(home)
    assert {place: found[place] for place in acknowledged} == acknowledged


@pytest.mark.release
@pytest.mark.slow
def test_a_topic_deleted_underneath_stops_its_own_stages_alone(in_kafka, tmp_path):
    home = tmp_path / "home"
    with Gateway(home) as gateway, running(home, "sink", "load", "stream") as said:
        assert post(gateway.url, GEO, *geo(range(3))).status_code == 200
        assert post(gateway.url, "t", *range(3)).status_code == 200
        wait_until(lambda: len(rows(home, "raw/geo")) == len(rows(home, "stream/geo")) == 3)
        wait_until(lambda: len(in_raw(home)) == 3)
        delete(in_kafka, GEO)
        assert post(gateway.url, "t", 3).status_code == 200
        wait_until(lambda: len(in_raw(home)) == 4)
        gone = troubles(home)
        assert [each["severity"] for each in gone] == ["warning", "warning"]
        assert f"{GEO}, which sink has read, is not in the cluster" in gone[0]["what"]
        while post(gateway.url, GEO, *geo(range(3, 9))).status_code != 200:
            pass
        wait_until(lambda: all("another log" in said[each].read_text() for each in STOPPED))
        assert post(gateway.url, "t", 4).status_code == 200
        wait_until(lambda: len(in_raw(home)) == 5)
        assert len(rows(home, "raw/geo")) == len(rows(home, "stream/geo")) == 3
        again = troubles(home)
        assert [each["severity"] for each in again] == ["error", "error"]
        assert "made again since" in again[0]["what"]


@pytest.mark.slow
def test_partitions_that_are_added_underneath_are_posted_to_and_read(in_kafka, tmp_path):
    from confluent_kafka.admin import NewPartitions

    home, third = tmp_path / "home", {"value": 7, "partition": 2}
    with Gateway(home) as gateway, running(home, "sink", "load"):
        load = Load(gateway.url)
        load.wait(20)
        admin = in_kafka.admin()
        admin.create_partitions([NewPartitions("t", 3)])["t"].result(20)
        answers = []
        wait_until(lambda: taken(answers, gateway, third))
        load.wait(30)
        acknowledged = {**load.end(), (2, answers[-1]["offset"]): 7}
        wait_until(lambda: acknowledged.keys() <= in_raw(home).keys(), pause=0.5)
    assert {partition for partition, _ in acknowledged} == {0, 1, 2}
    found = in_raw(home)
    assert {place: found[place] for place in acknowledged} == acknowledged


@pytest.mark.release
@pytest.mark.slow
def test_records_that_kafka_forgot_unread_stop_a_stage_until_the_loss_is_accepted(
    in_kafka, tmp_path
):
    with Gateway(tmp_path) as gateway:
        assert post(gateway.url, GEO, *geo(range(3))).status_code == 200
        run_stages(tmp_path, "sink", "stream")
        assert post(gateway.url, GEO, *geo(range(3, 9))).status_code == 200
    forget(in_kafka, GEO, before=7)
    for stage in ("sink", "stream"):
        done = pinlake(stage, "--once", "--home", tmp_path, check=False)
        assert done.returncode == 1
        assert "4 records, positions 3 to 6, are gone unread" in done.stdout + done.stderr
        assert "--once --accept-loss" in done.stdout + done.stderr
    told = troubles(tmp_path)
    assert [each["severity"] for each in told] == ["error", "error"]
    assert "4 records of" in told[0]["what"]
    assert "positions 3 to 6" in told[0]["what"]
    for stage in ("sink", "stream"):
        done = pinlake(stage, "--once", "--accept-loss", "--home", tmp_path)
        assert "positions 3 to 6" in done.stderr
    run_stages(tmp_path, "sink", "load", "stream")
    assert sorted(each["_offset"] for each in rows(tmp_path, "raw/geo")) == [0, 1, 2, 7, 8]
    assert sorted(each["ind"] for each in rows(tmp_path, "stream/geo")) == [0, 1, 2, 7, 8]
    assert troubles(tmp_path) == []


def test_a_loss_is_accepted_for_one_run_alone(tmp_path):
    done = pinlake("sink", "--accept-loss", "--home", tmp_path, check=False)
    assert done.returncode == 2
    assert "--once" in done.stderr


STOPPED = ("sink", "stream")


def geo(numbers):
    """Return rows of the table geo."""
    return [{"ind": n, "latitude": 1.0, "longitude": 2.0, "country": "X",
             "timestamp": "2020-01-01 00:00:00"} for n in numbers]  # fmt: skip


def taken(answers, gateway, record):
    """Post a record to a partition that is new, and tell whether it is there already."""
    answers.append(post(gateway.url, "t", record).json()["offsets"][0])
    return answers[-1]["offset"] is not None


def delete(broker, name):
    admin = broker.admin()  # what it was asked ends with it
    admin.delete_topics([name], operation_timeout=10)[name].result(20)


def forget(broker, name, *, before):
    """Have the broker forget a partition's first records, as its retention does."""
    from confluent_kafka import TopicPartition

    admin = broker.admin()
    asked = admin.delete_records([TopicPartition(name, 0, before)])
    assert [each.result(20).low_watermark for each in asked.values()] == [before]


def troubles(home):
    """Return what doctor finds wrong with Kafka."""
    said = pinlake("doctor", "--json", "--home", home, check=False).stdout
    found = [json.loads(line) for line in said.splitlines()]
    return [each for each in found if each["check"] == "Kafka" and each["severity"] != "ok"]
