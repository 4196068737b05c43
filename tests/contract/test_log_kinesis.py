"""What a real Kinesis promises as a log of streams, over kinesalite and over our own gateway."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from typing import NamedTuple

import pytest

import kinesis_server
from harness.faulty_kinesis import FaultyKinesis
from harness.kinesalite import KEYS, REGION, client
from pinlake.errors import (
    KinesisCannot,
    LogClosed,
    PartitionUnknown,
    RecordsTrimmed,
    SettingInvalid,
    StreamsBusy,
    StreamsUnreachable,
    TopicExists,
    TopicUnknown,
)
from pinlake.log.base import Append, PartitionSpec, is_untold
from pinlake.log.kinesis import client as kinesis_client
from pinlake.log.kinesis.position import place, position
from pinlake.log.kinesis.queue import Entry
from pinlake.log.open import open_log, open_reader
from pinlake.log.waiting import settle
from pinlake.record import Partition, Record, stream, topic
from pinlake.settings import Kinesis

PINS = stream("pins")
FIRST = Partition(PINS, 0)
SECOND = Partition(PINS, 1)
EVERYTHING = 1 << 40
URL = f"kinesis://{REGION}"


def settings(url, **others):
    return Kinesis(endpoint=url, fetch_seconds=0.0, **KEYS, **others)


class Place(NamedTuple):
    """A Kinesis, and a log and a reader of it with any settings."""

    url: str
    log: Callable
    reader: Callable


@pytest.fixture(params=["kinesalite", "gateway"])
def server(request):
    if request.param == "kinesalite":
        yield request.getfixturevalue("kinesis").url
        return
    with kinesis_server.serving() as ours:
        yield ours.url


@pytest.fixture
def opened(server):
    return placed_at(server)


def placed_at(url):
    return Place(
        url,
        lambda **others: closing(open_log(URL, kinesis=settings(url, **others))),
        lambda **others: closing(open_reader(URL, kinesis=settings(url, **others))),
    )


@pytest.fixture
def log(opened):
    with opened.log() as made:
        made.create(PINS, [PartitionSpec(), PartitionSpec()])
        yield made


@pytest.fixture
def reader(opened, log):  # noqa: ARG001 the stream is made first
    with opened.reader() as made:
        yield made


def records(*texts):
    return [Record(text.encode(), b"key") for text in texts]


def numbered(count, start=0):
    return [Record(b"%d" % number, b"key") for number in range(start, start + count)]


def read_all(reader, partition=FIRST, after=None, max_bytes=EVERYTHING, upto=None):
    """Return the values and the positions of each batch that a range is read in."""
    found = []
    while True:
        batch = reader.read(partition, after, max_bytes, upto)
        if not len(batch):
            return found
        assert list(batch.positions) == list(
            range(batch.positions[0], batch.positions[0] + len(batch))
        )
        found.append((batch.values.values(), batch.positions[0], batch.upto))
        after = batch.upto


def values(reader, *arguments, **others):
    return [value for batch in read_all(reader, *arguments, **others) for value in batch[0]]


def test_a_record_is_read_back_with_its_key_and_its_time(log, reader):
    before = time.time() * 1000
    log.append(FIRST, [Record(b'{"a":1}', b"key")])
    batch = reader.read(FIRST, None, EVERYTHING)
    assert batch.partition == FIRST
    assert batch.values.values() == [b'{"a":1}']
    assert batch.keys.values() == [b"key"]
    assert list(batch.positions) == [0]
    assert abs(batch.times[0] - before) < 5000
    assert len(batch.headers) == 0


def test_records_keep_their_order_in_every_shard_and_positions_ascend(log, reader):
    for turn in range(3):
        log.append(FIRST, numbered(4, turn * 4))
    log.append(SECOND, records("other"))
    assert values(reader) == [b"%d" % number for number in range(12)]
    assert values(reader, SECOND) == [b"other"]
    ends = [end for _, _, end in read_all(reader, max_bytes=1)]
    assert ends == sorted(set(ends))
    assert [place(end).count for end in ends] == list(range(1, 13))


def test_a_range_is_read_the_same_however_often_and_by_whatever_reader(opened, log, reader):
    log.append(FIRST, numbered(20))
    rng = random.Random(7)
    ends = [end for _, _, end in read_all(reader, max_bytes=1)]
    with opened.reader() as other:
        for _ in range(12):
            low, high = sorted(rng.sample(range(20), 2))
            expected = [b"%d" % number for number in range(low + 1, high + 1)]
            for each in (reader, other):
                found = read_all(each, after=ends[low], max_bytes=rng.choice((1, 5, EVERYTHING)),
                                 upto=ends[high])  # fmt: skip
                assert [value for batch in found for value in batch[0]] == expected
                assert found[0][1] == low + 1
                assert found[-1][2] == ends[high]


def test_reading_on_meets_what_is_put_meanwhile_and_nothing_twice(log, reader):
    found, after = [], None
    for turn in range(4):
        log.append(FIRST, numbered(3, turn * 3))
        for batch, _, end in read_all(reader, after=after):
            found += batch
            after = end
    assert found == [b"%d" % number for number in range(12)]


def test_an_end_is_untold_and_read_up_to_it_gives_all_that_was_there(log, reader):
    log.append(FIRST, numbered(5))
    state = reader.describe(PINS).partitions[0]
    assert is_untold(state.end)
    assert state.held is None
    assert len(values(reader, upto=state.end - 1)) == 5
    log.append(FIRST, numbered(5))
    again = reader.describe(PINS).partitions[0]
    assert again.end > state.end
    assert len(values(reader, upto=again.end - 1)) == 10


def test_a_moment_that_was_read_to_its_end_stays_read(log, reader):
    log.append(FIRST, numbered(2))
    end = reader.describe(PINS).partitions[0].end - 1
    ((_, _, last),) = read_all(reader, upto=end)
    log.append(FIRST, numbered(2))
    assert len(reader.read(FIRST, last, EVERYTHING, end)) == 0
    assert len(reader.read(FIRST, last, EVERYTHING)) == 2


def test_a_batch_holds_one_record_at_least_however_large(log, reader):
    log.append(FIRST, [Record(b"x" * 100_000, b"key"), Record(b"y", b"key")])
    assert [len(batch) for batch, _, _ in read_all(reader, max_bytes=10)] == [1, 1]


def test_many_records_are_read_whole_with_little_room(opened, log):
    log.append(FIRST, [Record(b"%05d" % number * 200, b"key") for number in range(1200)])
    with opened.reader(buffer_bytes=100_000) as narrow:
        found = [int(value[:5]) for value in values(narrow, max_bytes=50_000)]
        assert found == list(range(1200))
        assert [int(value[:5]) for value in values(narrow, max_bytes=50_000)] == found


def test_each_record_is_fetched_once_though_it_is_planned_and_read_again(opened, log):
    log.append(FIRST, numbered(1000))
    with FaultyKinesis(opened.url) as counting, placed_at(counting.url).reader() as reader:
        end = reader.describe(PINS).partitions[0].end - 1
        ends = [each for _, _, each in read_all(reader, max_bytes=500, upto=end)]
        for after, upto in zip([None, *ends], ends, strict=False):
            assert values(reader, after=after, upto=upto)
        asked = counting.done["GetRecords"]
    assert asked <= 3


def test_names_are_those_that_are_asked_for(opened, log):
    log.create(stream("other"))
    with opened.reader() as all_, opened.reader(only="pi*, nothing") as some:
        assert all_.names("stream") == ["other", "pins"]
        assert some.names("stream") == ["pins"]
        assert all_.names("topic") == []


def test_what_is_not_there_is_told(log, reader):
    for call in (reader.describe, reader.log_id):
        for name in (stream("absent"), topic("pins")):
            with pytest.raises(TopicUnknown):
                call(name)
    with pytest.raises(PartitionUnknown):
        reader.read(Partition(PINS, 7), None, 1)
    with pytest.raises(PartitionUnknown):
        log.append(Partition(PINS, 7), records("a"))
    with pytest.raises(TopicExists):
        log.create(PINS)


def test_a_stream_made_again_has_another_identity_and_none_of_the_old_records(opened, log, reader):
    before = reader.log_id(PINS)
    log.append(FIRST, records("old"))
    assert values(reader) == [b"old"]
    log.delete(PINS)
    time.sleep(1.1)  # kinesalite knows creation times by the second
    log.create(PINS)
    log.append(FIRST, records("new"))
    with opened.reader() as fresh:
        assert fresh.log_id(PINS) == log.log_id(PINS) != before
        assert values(fresh) == [b"new"]
    assert values(reader) == [b"new"]


def test_a_submit_over_shards_answers_with_a_position_for_each(log, reader):
    future: Future = Future()
    appends = [Append(FIRST, records("a", "b")), Append(SECOND, records("c"))]
    log.submit(appends, settle(future))
    first, second = future.result(30)
    assert values(reader, after=first) == [b"b"]
    assert values(reader, SECOND, after=second) == []
    empty: Future = Future()
    log.submit((), settle(empty))
    assert empty.result(30) == []


def test_what_kinesis_cannot_do_is_refused_with_what_to_do(log):
    for call in (
        lambda: log.trim(FIRST, 1),
        lambda: log.segments(FIRST),
        lambda: log.alter(PINS, close=[0]),
        lambda: log.create(topic("other")),
    ):
        with pytest.raises(KinesisCannot, match="Kinesis cannot"):
            call()


def test_a_closed_log_says_so(log):
    log.close()
    log.close()
    with pytest.raises(LogClosed):
        log.describe(PINS)
    with pytest.raises(LogClosed):
        log.put(PINS, [], lambda *_: None)


def test_the_first_record_at_or_after_a_time_is_found(log, reader):
    log.append(FIRST, records("a"))
    time.sleep(1.1)  # kinesalite tells times by the second
    middle = int(time.time() * 1000)
    time.sleep(1.1)
    log.append(FIRST, records("b"))
    _, (_, _, second) = read_all(reader, max_bytes=1)
    assert place(reader.find_time(FIRST, middle)).sequence == place(second).sequence


@pytest.mark.usefixtures("log")
def test_throttled_puts_and_reads_lose_and_double_nothing(opened):
    with FaultyKinesis(opened.url, seed=3, rate=0.3) as faulty:
        place_ = placed_at(faulty.url)
        with place_.log() as throttled, place_.reader() as reader:
            found, after = [], None
            for turn in range(6):
                throttled.append(FIRST, numbered(30, turn * 30))
                for batch, _, end in read_all(reader, after=after):
                    found += batch
                    after = end
            assert sorted(map(int, found)) == list(range(180))
            with opened.reader() as direct:
                assert values(direct) == found
        assert faulty.done["throttled entries"] > 30
        assert faulty.done["throttled GetRecords"] > 0


@pytest.mark.usefixtures("log")
def test_what_waits_is_bounded_and_more_is_refused_before_memory_grows(opened):
    with (
        FaultyKinesis(opened.url) as faulty,
        placed_at(faulty.url).log(queue_bytes=1000, put_seconds=0.5) as narrow,
    ):
        faulty.away = True
        answers: list = []
        entry = Entry(b"x" * 97, "key")
        for _ in range(10):
            narrow.put(PINS, [entry], lambda placed, error: answers.append(error or placed))
        with pytest.raises(StreamsBusy, match="queue_bytes"):
            narrow.put(PINS, [entry], lambda *_: None)
        due = time.monotonic() + 30
        while len(answers) < 10 and time.monotonic() < due:
            time.sleep(0.02)
        assert [type(each) for each in answers] == [StreamsUnreachable] * 10
        faulty.away = False
        narrow.append(FIRST, records("a"))


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(
    ("mangle", "taken"),
    [
        (lambda records: records[:-1], [True, True, False]),
        (lambda records: [{**each, "ShardId": "odd"} for each in records], [True, True, True]),
    ],
)
def test_an_answer_that_is_not_as_it_should_be_settles_each_record_once(opened, mangle, taken):
    with (
        FaultyKinesis(opened.url) as faulty,
        placed_at(faulty.url).log(queue_bytes=300) as log,
    ):
        faulty.mangle = mangle
        entries = [Entry(b"x" * 77, "key")] * 3
        for _ in range(3):  # the room of what waits is given back each time, and not twice
            answer: Future = Future()  # which is an error to answer twice
            log.put(PINS, entries, lambda *told, answer=answer: answer.set_result(told))
            placed, error = answer.result(30)
            assert error is None
            assert [each.sequence_number is not None for each in placed] == taken
        with pytest.raises(StreamsBusy):
            log.put(PINS, [*entries, entries[0]], lambda *_: None)


def test_a_kinesis_that_is_not_there_is_told_in_bounded_time_and_without_keys(monkeypatch):
    monkeypatch.setattr(kinesis_client, "PATIENCE", kinesis_client.Patience(away=0.5))
    began = time.monotonic()
    with (
        closing(open_reader(URL, kinesis=settings("http://127.0.0.1:9"))) as reader,
        pytest.raises(StreamsUnreachable, match="pinlake doctor") as caught,
    ):
        reader.names("stream")
    assert time.monotonic() - began < 20
    assert KEYS["secret_key"] not in str(caught.value)
    assert KEYS["secret_key"] not in repr(reader.connection)


@pytest.mark.parametrize(
    ("url", "others"),
    [
        ("kinesis://", {}),
        ("kinesis://key:word@us-east-1", {}),
        ("kinesis://us-east-1:80", {}),
        (URL, {"endpoint": "127.0.0.1:80"}),
        (URL, {"endpoint": "http://key:word@host"}),
        (URL, {"access_key": "only"}),
    ],
)
def test_settings_that_cannot_be_are_refused_without_their_secrets(url, others):
    for opening in (open_log, open_reader):
        with pytest.raises(SettingInvalid) as caught:
            opening(url, kinesis=Kinesis(**others))
        assert "word" not in str(caught.value)
        assert "only" not in str(caught.value)


def shards_of(kinesis, name="pins"):
    found = kinesis.list_shards(StreamName=name)["Shards"]
    return {int(each["ShardId"][-12:]): each for each in found}


def settled(kinesis, name="pins"):
    while True:
        described = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        if described["StreamStatus"] == "ACTIVE":
            return
        time.sleep(0.02)


def test_shards_that_are_split_and_merged_tell_their_parents(kinesis):
    place_ = placed_at(kinesis.url)
    with closing(client(kinesis.url)) as boto, place_.log() as log, place_.reader() as reader:
        log.create(PINS, [PartitionSpec()])
        log.append(FIRST, numbered(3))
        assert len(values(reader)) == 3
        boto.split_shard(
            StreamName="pins", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127)
        )
        settled(boto)
        boto.merge_shards(
            StreamName="pins",
            ShardToMerge="shardId-000000000001",
            AdjacentShardToMerge="shardId-000000000002",
        )
        settled(boto)
        time.sleep(1.1)
        states = {each.number: each for each in reader.describe(PINS).partitions}
        assert [each.closed for each in states.values()] == [True, True, True, False]
        assert [each.parents for each in states.values()] == [(), (0,), (0,), (1, 2)]
        assert len(values(reader)) == 3
        assert values(reader, SECOND) == []
        with pytest.raises(PartitionUnknown):
            log.append(FIRST, records("x"))
        log.append(Partition(PINS, 3), records("child"))
        assert values(reader, Partition(PINS, 3)) == [b"child"]


def test_an_iterator_that_expired_is_made_again(opened, log):
    log.append(FIRST, numbered(3))
    with FaultyKinesis(opened.url) as faulty, placed_at(faulty.url).reader() as reader:
        ((_, _, after),) = read_all(reader)
        log.append(FIRST, numbered(3, 3))
        faulty.once["GetRecords"] = "ExpiredIteratorException"
        assert values(reader, after=after) == [b"3", b"4", b"5"]
        assert faulty.once == {}


def test_a_record_that_was_trimmed_stops_the_reader_unless_told_to_skip(clocked):
    place_, trim = clocked
    with place_.log() as log, place_.reader() as reader, place_.reader(trimmed="skip") as skipping:
        log.create(PINS)
        log.append(FIRST, numbered(10))
        ends = [end for _, _, end in read_all(reader, max_bytes=1)]
        trim(6)
        with place_.reader() as fresh:
            assert values(fresh, after=ends[7]) == [b"8", b"9"]
            with pytest.raises(RecordsTrimmed, match=r"pins/0 .* retention"):
                fresh.read(FIRST, ends[3], EVERYTHING)
            with pytest.raises(RecordsTrimmed):
                fresh.read(FIRST, ends[3], EVERYTHING)  # not the second time either
        assert values(skipping, after=ends[3]) == [b"6", b"7", b"8", b"9"]


def test_a_plan_of_records_that_are_gone_is_not_carried_out(clocked):
    place_, trim = clocked
    with place_.log() as log, place_.reader() as reader:
        log.create(PINS)
        log.append(FIRST, numbered(10))
        ends = [end for _, _, end in read_all(reader, max_bytes=1)]
        trim(6)
        with place_.reader() as fresh:
            for after, upto in ((None, ends[3]), (None, ends[8])):
                with pytest.raises(RecordsTrimmed, match="planned"):
                    values(fresh, after=after, upto=upto)


@pytest.fixture
def clocked():
    """Our gateway as the Kinesis, and a way to have it forget records."""
    from pinlake.log.memory import MemoryLog

    held = MemoryLog(lambda: int(time.time() * 1000))
    with kinesis_server.serving(held) as ours:
        yield placed_at(ours.url), lambda before: held.trim(FIRST, before)


def test_a_position_holds_what_sequence_numbers_take():
    largest = 10**56
    assert place(position(largest, 7)).sequence == largest
    assert position(largest, 0) < position(largest, 1) < position(largest + 1, 0)
    assert not is_untold(position(largest, 1 << 60))


def test_a_count_goes_on_that_another_log_began(opened, log, reader):
    log.append(FIRST, numbered(3))
    after = log.skip(FIRST, 40)
    batch = reader.read(FIRST, after, EVERYTHING)
    assert (list(batch.positions), batch.values.values()) == ([40, 41, 42], [b"0", b"1", b"2"])
    assert place(batch.upto).count == 43
    with opened.reader() as anew:
        again = anew.read(FIRST, after, EVERYTHING, upto=batch.upto)
        assert list(again.positions) == [40, 41, 42]
    log.append(FIRST, numbered(1, start=3))
    assert list(reader.read(FIRST, batch.upto, EVERYTHING).positions) == [43]
