"""What Kafka alone does to a log: gaps, other identities, limits, and brokers that do not answer."""

from __future__ import annotations

import gc
import itertools
import time
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka import KafkaError

from harness.pipeline import wait_until
from pinlake.errors import (
    LogBusy,
    LogCannot,
    LogNotEmpty,
    LogUnreachable,
    RecordTooLarge,
    SettingInvalid,
    TopicNotTaken,
    TopicUnknown,
)
from pinlake.log.base import Append, PartitionSpec
from pinlake.log.kafka.connection import connection
from pinlake.log.kafka.failures import LeaderMoving, failure
from pinlake.log.kafka.log import SKIPPED
from pinlake.log.kafka.reader import KafkaLogReader
from pinlake.log.open import open_log, open_reader
from pinlake.record import Partition, Record, stream, topic

PINS = topic("pins")
FIRST = Partition(PINS, 0)
EVERYTHING = 1 << 40
NOBODY = "kafka://127.0.0.1:9"


@pytest.fixture
def log(kafka):
    with closing(open_log(kafka.url)) as opened:
        opened.create(PINS)
        yield opened


@pytest.fixture
def reader(kafka):
    with closing(open_reader(kafka.url)) as opened:
        yield opened


def in_transaction(broker, name, values, *, commit):
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": broker.servers, "transactional.id": "other"})
    producer.init_transactions(30)
    producer.begin_transaction()
    for value in values:
        producer.produce(name, value, partition=0)
    producer.flush()
    (producer.commit_transaction if commit else producer.abort_transaction)(30)


def threads():
    """Return how many threads of librdkafka are in this process."""
    names = Path("/proc/self/task").glob("*/comm")
    return sum(each.read_text().startswith("rdk:") for each in names)


def ended(reader):
    return reader.describe(PINS).partitions[0].end


def test_every_range_is_read_over_the_gaps_of_transactions(kafka, log, reader):
    log.append(FIRST, [Record(b"0"), Record(b"1")])
    in_transaction(kafka, "pins", [b"2"], commit=True)  # 3 is its mark
    wait_until(lambda: ended(reader) == 4)  # a broker writes the mark after it has answered
    in_transaction(kafka, "pins", [b"gone", b"gone"], commit=False)  # 4 and 5, 6 is its mark
    wait_until(lambda: ended(reader) == 7)
    log.append(FIRST, [Record(b"7")])
    in_transaction(kafka, "pins", [b"8"], commit=True)  # 9 is its mark
    wait_until(lambda: ended(reader) == 10)
    there = {0, 1, 2, 7, 8}
    bounds = (None, 0, 1, 3, 6, 8, 99)
    for after, upto in itertools.product(bounds, bounds):
        low = 0 if after is None else after + 1
        high = 99 if upto is None else upto
        batch = reader.read(FIRST, after, EVERYTHING, upto)
        assert list(batch.positions) == sorted(there & set(range(low, high + 1))), (after, upto)
        assert batch.values.values() == [str(at).encode() for at in batch.positions]


def test_what_is_behind_an_open_transaction_waits_for_its_end(kafka, log, reader):
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": kafka.servers, "transactional.id": "open"})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce("pins", b"in doubt", partition=0)
    producer.flush()
    log.append(FIRST, [Record(b"behind")])
    assert len(reader.read(FIRST, None, EVERYTHING)) == 0
    producer.commit_transaction(30)
    wait_until(lambda: len(reader.read(FIRST, None, EVERYTHING)) > 0)
    assert reader.read(FIRST, None, EVERYTHING).values.values() == [b"in doubt", b"behind"]


def test_a_topic_made_again_has_another_identity_and_none_of_the_old_records(log, reader):
    before = reader.log_id(PINS)
    log.append(FIRST, [Record(b"old")])
    assert reader.read(FIRST, None, EVERYTHING).values.values() == [b"old"]
    log.delete(PINS)
    with pytest.raises(TopicUnknown):
        reader.log_id(PINS)
    log.create(PINS)
    assert reader.log_id(PINS) != before
    assert len(reader.read(FIRST, None, EVERYTHING)) == 0
    assert log.append(FIRST, [Record(b"new")]) == [0]
    assert reader.read(FIRST, None, EVERYTHING).values.values() == [b"new"]


def test_identities_tell_cluster_and_topic(log, reader):
    log.create(topic("other"))
    one, other = reader.log_id(PINS), reader.log_id(topic("other"))
    assert one.rpartition(":")[0] == other.rpartition(":")[0]
    assert one != other
    assert log.log_id(PINS) == one


def test_partitions_are_added_and_take_records(log, reader):
    state = log.alter(PINS, add=[PartitionSpec(), PartitionSpec()])
    assert len(state.partitions) == 3
    assert log.append(Partition(PINS, 2), [Record(b"x")]) == [0]
    assert reader.read(Partition(PINS, 2), None, EVERYTHING).values.values() == [b"x"]


def test_more_partitions_than_cursors_are_read_whole(log, reader):
    log.alter(PINS, add=[PartitionSpec()] * 11)
    for number in range(12):
        log.append(Partition(PINS, number), [Record(b"%d" % number)] * 3)
    after = dict.fromkeys(range(12))
    for _ in range(3):
        for number in range(12):
            batch = reader.read(Partition(PINS, number), after[number], 1)
            assert batch.values.values() == [b"%d" % number]
            after[number] = batch.upto


def test_what_kafka_cannot_do_is_refused_with_what_to_do(log):
    for call in (
        lambda: log.trim(FIRST, 1),
        lambda: log.segments(FIRST),
        lambda: log.alter(PINS, close=[0]),
        lambda: log.alter(PINS, attributes={"a": 1}),
        lambda: log.create(topic("other"), [PartitionSpec({"a": 1})]),
        lambda: log.create(stream("other")),
    ):
        with pytest.raises(LogCannot, match="Kafka cannot"):
            call()


def test_a_record_that_is_too_large_is_refused_with_all_of_its_request(log, reader):
    with pytest.raises(RecordTooLarge, match=r"message\.max\.bytes"):
        log.append(FIRST, [Record(b"small"), Record(b"x" * 2_000_000)])
    assert len(reader.read(FIRST, None, EVERYTHING)) == 0
    assert log.append(FIRST, [Record(b"next")]) == [0]


@pytest.mark.usefixtures("log")
def test_each_record_is_told_its_own_position_though_others_produce_meanwhile(kafka, reader):
    from confluent_kafka import Producer

    other, scattered = Producer({"bootstrap.servers": kafka.servers, "linger.ms": 0}), False
    alone = {"batch.num.messages": "1", "linger.ms": "0"}  # each record its own batch
    told = {}
    with closing(open_log(kafka.url, kafka=alone)) as slow:
        for turn in range(200):
            for _ in range(50):
                other.produce("pins", b"other", partition=0)
            values = [b"%d %d" % (turn, number) for number in range(50)]
            positions = slow.append(FIRST, [Record(each) for each in values])
            other.poll(0)
            told |= dict(zip(positions, values, strict=True))
            scattered = scattered or positions[-1] - positions[0] >= 50
            if scattered:
                break
    other.flush()
    assert scattered
    batch = reader.read(FIRST, None, EVERYTHING)
    stored = dict(zip(batch.positions, batch.values.values(), strict=True))
    assert {position: stored[position] for position in told} == told


def test_topics_of_others_are_not_there_where_a_regex_names_ours(kafka, log):
    log.create(topic("others"))
    with closing(open_log(kafka.url, kafka={"topics.regex": "pin.|mine"})) as ours:
        assert ours.names("topic") == ["pins"]
        assert ours.append(FIRST, [Record(b"x")]) == [0]
        for call in (ours.log_id, ours.describe, ours.delete):
            with pytest.raises(TopicUnknown):
                call(topic("others"))
        with pytest.raises(TopicUnknown):
            ours.append(Partition(topic("others"), 0), [Record(b"x")])
        for name in ("others", "mined", "__mine"):
            with pytest.raises(TopicNotTaken, match=r"topics\.regex"):
                ours.create(topic(name))
        ours.create(topic("mine"))
    assert log.names("topic") == ["mine", "others", "pins"]


def test_what_is_closed_leaves_no_thread_behind(kafka, log):
    """One that lives on when its process ends uses what OpenSSL has let go of by then."""
    log.append(FIRST, [Record(b"a")])
    log.close()
    gc.collect()  # what other tests left
    before = threads()
    with closing(open_log(kafka.url)) as other, closing(open_reader(kafka.url)) as another:
        other.append(FIRST, [Record(b"b")])
        assert len(another.read(FIRST, None, 1000)) == 2
        assert threads() > before
    assert threads() <= before


@pytest.mark.usefixtures("log")
def test_kafkas_own_topics_are_none_of_ours(kafka, log):
    from confluent_kafka import Consumer, TopicPartition

    group = Consumer({"bootstrap.servers": kafka.servers, "group.id": "other"})
    group.commit(offsets=[TopicPartition("pins", 0, 0)], asynchronous=False)
    group.close()
    assert "__consumer_offsets" in kafka.admin().list_topics(timeout=10).topics
    assert log.names("topic") == ["pins"]
    with pytest.raises(TopicUnknown):
        log.append(Partition(topic("__consumer_offsets"), 0), [Record(b"x")])


def test_a_full_queue_refuses_whole_requests_and_takes_more_later(kafka, log):
    log.close()
    room = {"queue.buffering.max.messages": "100", "linger.ms": "200"}
    answers = []
    with closing(open_log(kafka.url, kafka=room)) as narrow:
        narrow.append(FIRST, [Record(b"warm")])
        for _ in range(5):
            many = [Append(FIRST, [Record(b"x")] * 40)]
            narrow.submit(many, lambda firsts, error: answers.append(error or firsts[0]))
    assert [each for each in answers if isinstance(each, int)] == [1, 41]
    assert [type(each) for each in answers if not isinstance(each, int)] == [LogBusy] * 3
    with closing(open_log(kafka.url, kafka=room)) as narrow:
        assert narrow.append(FIRST, [Record(b"y")]) == [81]


def test_a_broker_that_is_not_there_is_told_in_bounded_time():
    reader = KafkaLogReader(connection(NOBODY, {}), seconds=1.0)
    began = time.monotonic()
    for call in (
        lambda: reader.names("topic"),
        lambda: reader.log_id(PINS),
        lambda: reader.read(FIRST, None, 1),
    ):
        with pytest.raises(LogUnreachable, match="See whether"):
            call()
    assert time.monotonic() - began < 20
    reader.close()


@pytest.mark.parametrize("code", [KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_LEADER_EPOCH])
def test_what_passes_when_a_leader_is_found_is_told_from_what_does_not(code):
    told = failure(KafkaError(code), PINS, connection(NOBODY, {}))
    assert isinstance(told, LeaderMoving)


def test_a_setting_that_librdkafka_does_not_know_is_told_without_its_value(kafka):
    with pytest.raises(SettingInvalid, match=r"sasl\.pasword") as caught:
        open_reader(kafka.url, {"sasl.pasword": "s3cret"})
    assert "s3cret" not in str(caught.value)
    with pytest.raises(SettingInvalid, match="kafka") as caught:
        open_reader(kafka.url, {"security.protocol": "SSL", "ssl.key.pem": "s3cret"})
    assert "s3cret" not in str(caught.value)


def test_a_skip_that_was_interrupted_goes_on(log, reader):
    log.append(FIRST, [SKIPPED] * 3)
    log.skip(FIRST, 10)
    state = reader.describe(PINS).partitions[0]
    assert (state.beginning, state.end) == (10, 10)


def test_a_record_among_skipped_ones_is_kept(log, reader):
    log.append(FIRST, [SKIPPED, Record(b"a"), SKIPPED])
    with pytest.raises(LogNotEmpty):
        log.skip(FIRST, 10)
    assert reader.describe(PINS).partitions[0].beginning == 0
