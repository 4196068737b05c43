"""What every log promises, over every implementation; the embedded one also read by a second reader."""

from __future__ import annotations

import threading
from array import array
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import pytest

from pinlake.errors import LogClosed, LogNotEmpty, PartitionUnknown, TopicExists, TopicUnknown
from pinlake.log.base import Append, Log, LogReader, PartitionSpec, PartitionState
from pinlake.log.memory import MemoryLog
from pinlake.log.open import open_log, open_reader
from pinlake.log.sqlite import SqliteLog, SqliteLogReader
from pinlake.log.waiting import settle
from pinlake.record import Partition, Record, stream, topic

PINS = topic("pins")
FIRST = Partition(PINS, 0)
SECOND = Partition(PINS, 1)
EVERYTHING = 1 << 40


class Clock:
    """A clock that stands still until it is set."""

    now = 1_000

    def __call__(self) -> int:
        return self.now


class Pair(NamedTuple):
    log: Log
    reader: LogReader
    clock: Clock


EMBEDDED = ("memory", "sqlite", "sqlite and its reader")


def pytest_generate_tests(metafunc):
    """Run what the embedded log alone promises over its implementations, the rest over all."""
    if "pair" in metafunc.fixturenames:
        alone = metafunc.definition.get_closest_marker("embedded")
        metafunc.parametrize("pair", EMBEDDED if alone else (*EMBEDDED, "kafka"), indirect=True)


@pytest.fixture
def pair(request, tmp_path):
    clock = Clock()
    if request.param == "kafka":
        yield from _kafka(request.getfixturevalue("kafka"))
        return
    if request.param == "memory":
        log = reader = MemoryLog(clock)
    else:
        log = reader = SqliteLog(tmp_path / "log.db", clock)
    if request.param == "sqlite and its reader":
        reader = SqliteLogReader(tmp_path / "log.db")
    yield Pair(log, reader, clock)
    reader.close()
    log.close()


def _kafka(broker):
    log, reader = open_log(broker.url), open_reader(broker.url)
    yield Pair(log, reader, None)
    reader.close()
    log.close()


@pytest.fixture
def log(pair):
    pair.log.create(PINS, [PartitionSpec(), PartitionSpec()])
    return pair.log


@pytest.fixture
def reader(pair, log):  # noqa: ARG001 the topic is made first
    return pair.reader


def values(reader, partition=FIRST, after=None, max_bytes=EVERYTHING, upto=None):
    return reader.read(partition, after, max_bytes, upto).values.values()


def submitted(log, *appends):
    future = Future()
    log.submit([Append(partition, records) for partition, records in appends], settle(future))
    return future


def records(*texts):
    return [Record(text.encode()) for text in texts]


def test_an_appended_record_is_read_back_whole(log, reader):
    full = Record(b'{"a":1}', b"key", (("h", b"1"), ("h", b"\x00\xff")), 42)
    assert log.append(FIRST, [full]) == [0]
    batch = reader.read(FIRST, None, EVERYTHING)
    assert batch.partition == FIRST
    assert batch.values.values() == [b'{"a":1}']
    assert batch.keys.values() == [b"key"]
    assert list(batch.headers) == [(("h", b"1"), ("h", b"\x00\xff"))]
    assert batch.times == array("q", [42])
    assert batch.positions == array("q", [0])


def test_null_is_not_empty(log, reader):
    given = [Record(None), Record(b""), Record(b"x", key=b""), Record(None, key=b"k")]
    log.append(FIRST, given)
    batch = reader.read(FIRST, None, EVERYTHING)
    assert batch.values.values() == [None, b"", b"x", None]
    assert batch.keys.values() == [None, None, b"", b"k"]


@pytest.mark.embedded
def test_a_record_without_a_time_gets_that_of_its_append(log, reader, pair):
    pair.clock.now = 77
    log.append(FIRST, [Record(b"a"), Record(b"b", time=5), Record(b"c")])
    assert list(reader.read(FIRST, None, EVERYTHING).times) == [77, 5, 77]


def test_headers_are_empty_where_no_record_has_any(log, reader):
    log.append(FIRST, records("a", "b"))
    assert len(reader.read(FIRST, None, EVERYTHING).headers) == 0


@pytest.mark.embedded
def test_records_with_and_without_keys_and_headers_are_read_as_one_batch(log, reader):
    log.append(FIRST, records("a"))
    log.append(FIRST, [Record(b"b", b"k", (("h", b"v"),), 9)])
    log.append(FIRST, [Record(None)])
    batch = reader.read(FIRST, None, EVERYTHING)
    assert batch.values.values() == [b"a", b"b", None]
    assert batch.keys.values() == [None, b"k", None]
    assert list(batch.headers) == [(), (("h", b"v"),), ()]
    assert list(batch.times) == [1000, 9, 1000]


def test_positions_ascend_by_one_in_each_partition(log, reader):
    assert log.append(FIRST, records("a", "b")) == [0, 1]
    assert log.append(SECOND, records("c")) == [0]
    assert log.append(FIRST, records("d")) == [2]
    assert values(reader, FIRST) == [b"a", b"b", b"d"]
    assert values(reader, SECOND) == [b"c"]


@pytest.mark.embedded
@pytest.mark.parametrize("after", [None, -1, 0, 1, 2, 3, 4, 5, 6, 99])
@pytest.mark.parametrize("upto", [None, -1, 0, 1, 2, 3, 4, 5, 6, 99])
def test_a_range_is_read_whatever_appends_it_cuts(log, reader, after, upto):
    log.append(FIRST, records("0", "1", "2"))
    log.append(FIRST, records("3"))
    log.append(FIRST, records("4", "5"))
    low = 0 if after is None else after + 1
    high = 6 if upto is None else upto + 1
    expected = [position for position in range(6) if low <= position < high]
    batch = reader.read(FIRST, after, EVERYTHING, upto)
    assert list(batch.positions) == expected
    assert batch.values.values() == [str(position).encode() for position in expected]


@pytest.mark.parametrize("max_bytes", [0, 1, 4, 5, 9, 10, 11, 49, 50, 51])
def test_a_read_returns_at_most_max_bytes_but_one_record(log, reader, max_bytes):
    log.append(FIRST, [Record(b"12345")] * 5)
    log.append(FIRST, [Record(b"12345")] * 5)
    got = values(reader, max_bytes=max_bytes)
    assert got == [b"12345"] * len(got)
    assert len(got) == 1 or sum(map(len, got)) <= max_bytes


def test_reading_on_after_upto_reads_everything_once(log, reader):
    for number in range(40):
        log.append(FIRST, records(*(f"{number}-{row}" for row in range(number % 5 + 1))))
    seen, after = [], None
    while len(batch := reader.read(FIRST, after, 23)):
        seen += batch.values.values()
        after = batch.upto
    assert seen == values(reader)
    assert len(seen) == 120


def test_an_empty_partition_reads_as_an_empty_batch(reader):
    batch = reader.read(FIRST, None, EVERYTHING)
    assert len(batch) == len(batch.values) == len(batch.keys) == len(batch.times) == 0
    with pytest.raises(IndexError):
        _ = batch.upto


def test_what_is_not_there_is_an_error_that_names_it(reader):
    with pytest.raises(TopicUnknown, match="topic 'nowhere'"):
        reader.read(Partition(topic("nowhere"), 0), None, 1)
    with pytest.raises(PartitionUnknown, match="topic 'pins' has no partition 7"):
        reader.read(Partition(PINS, 7), None, 1)
    with pytest.raises(TopicUnknown, match="stream 'pins'"):
        reader.describe(stream("pins"))
    with pytest.raises(TopicUnknown):
        reader.find_time(Partition(topic("nowhere"), 0), 0)


@pytest.mark.embedded
def test_what_is_not_there_is_not_trimmed(log):
    with pytest.raises(PartitionUnknown):
        log.trim(Partition(PINS, 7), 0)


def test_an_append_to_what_is_not_there_is_refused(log):
    with pytest.raises(TopicUnknown):
        log.append(Partition(topic("nowhere"), 0), records("a"))
    with pytest.raises(PartitionUnknown):
        log.append(Partition(PINS, 7), records("a"))


def test_a_submit_is_stored_whole_or_not_at_all(log, reader):
    refused = submitted(log, (FIRST, records("a")), (Partition(PINS, 7), records("b")))
    assert isinstance(refused.exception(timeout=30), PartitionUnknown)
    assert values(reader) == []
    assert log.append(FIRST, records("c")) == [0]


def test_a_submit_takes_several_partitions_and_one_of_them_twice(log, reader):
    log.append(FIRST, records("0"))
    parts = (FIRST, records("a", "b")), (SECOND, records("c")), (FIRST, records("d"))
    assert submitted(log, *parts).result(timeout=30) == [1, 0, 3]
    assert values(reader) == [b"0", b"a", b"b", b"d"]
    assert values(reader, SECOND) == [b"c"]


def test_an_invalid_append_does_not_fail_its_neighbours(log, reader):
    nowhere = Partition(topic("nowhere"), 0)
    futures = [
        submitted(log, (nowhere if number % 3 == 1 else FIRST, records(str(number))))
        for number in range(30)
    ]
    errors = [future.exception(timeout=30) for future in futures]
    assert [isinstance(error, TopicUnknown) for error in errors] == [n % 3 == 1 for n in range(30)]
    assert values(reader) == [str(number).encode() for number in range(30) if number % 3 != 1]


def test_an_append_of_nothing_gives_the_end(log, reader):
    log.append(FIRST, records("a"))
    assert log.append(FIRST, []) == []
    assert submitted(log, (FIRST, [])).result(timeout=30) == [1]
    assert submitted(log).result(timeout=30) == []
    assert reader.describe(PINS).partitions[0].end == 1


def test_a_done_that_fails_does_not_stop_the_log(log, reader, capfd):
    def broken(*_):
        raise ZeroDivisionError

    log.submit([Append(FIRST, records("a"))], broken)
    assert log.append(FIRST, records("b")) == [1]
    assert values(reader) == [b"a", b"b"]
    assert "done failed" in "".join(capfd.readouterr())


def test_concurrent_submitters_keep_their_own_order_and_leave_no_gap(log, reader):
    def append_many(worker):
        futures = [submitted(log, (FIRST, records(f"{worker}:{n}"))) for n in range(100)]
        return [(future.result(timeout=60)[0], f"{worker}:{n}") for n, future in enumerate(futures)]

    with ThreadPoolExecutor(8) as pool:
        answers = [answer for some in pool.map(append_many, range(8)) for answer in some]
    stored = values(reader)
    assert sorted(position for position, _ in answers) == list(range(800))
    assert all(stored[position] == text.encode() for position, text in answers)
    for worker in range(8):
        mine = [text for text in stored if text.startswith(b"%d:" % worker)]
        assert mine == [b"%d:%d" % (worker, n) for n in range(100)]


@pytest.mark.embedded
def test_a_topic_is_described_as_it_stands(pair):
    attributes = {"retention": 24, "hash": "3402823669", "big": 2**100, "text": "ü€"}
    specs = [PartitionSpec({"range": ["0", "9"]}), PartitionSpec()]
    created = pair.log.create(PINS, specs, attributes)
    assert created == pair.reader.describe(PINS)
    assert created.created == 1000
    assert created.attributes == attributes
    assert created.partitions == (
        PartitionState(0, 0, 0, attributes={"range": ["0", "9"]}),
        PartitionState(1, 0, 0),
    )
    pair.log.append(SECOND, records("a", "b"))
    assert pair.reader.describe(PINS).partitions[1] == PartitionState(1, 0, 2)


@pytest.mark.embedded
def test_a_topic_may_have_no_partition_yet(pair):
    pair.log.create(PINS, [])
    assert pair.reader.describe(PINS).partitions == ()
    with pytest.raises(PartitionUnknown):
        pair.log.append(FIRST, records("a"))


@pytest.mark.embedded
def test_topics_and_streams_have_their_own_names(pair):
    for name in (topic("b"), topic("a"), stream("b"), stream("c")):
        pair.log.create(name)
    assert pair.reader.names("topic") == ["a", "b"]
    assert pair.reader.names("stream") == ["b", "c"]
    pair.log.append(Partition(stream("b"), 0), records("in the stream"))
    assert values(pair.reader, Partition(topic("b"), 0)) == []


def test_a_name_is_created_once(log):
    with pytest.raises(TopicExists, match="topic 'pins' exists"):
        log.create(PINS)


def test_a_deleted_topic_is_gone(log, reader):
    log.append(FIRST, records("a"))
    log.delete(PINS)
    assert reader.names("topic") == []
    for call in (
        lambda: reader.describe(PINS),
        lambda: reader.read(FIRST, None, 1),
        lambda: log.append(FIRST, records("b")),
        lambda: log.delete(PINS),
        lambda: log.alter(PINS, attributes={}),
    ):
        with pytest.raises(TopicUnknown):
            call()


@pytest.mark.embedded
def test_a_topic_made_again_goes_on_where_it_stopped(log, reader):
    identity = reader.log_id(PINS)
    log.append(FIRST, records("a", "b"))
    log.append(SECOND, records("c"))
    log.delete(PINS)
    made = log.create(PINS, [PartitionSpec({"again": True})])
    assert made.partitions == (PartitionState(0, 2, 2, attributes={"again": True}, origin=2),)
    assert log.append(FIRST, records("d")) == [2]
    assert values(reader) == [b"d"]
    assert log.alter(PINS, add=[PartitionSpec(), PartitionSpec()]).partitions[1:] == (
        PartitionState(1, 1, 1, origin=1),
        PartitionState(2, 0, 0),
    )
    assert log.append(SECOND, records("e")) == [1]
    assert reader.log_id(PINS) == identity


@pytest.mark.embedded
def test_positions_go_on_however_often_a_topic_is_made_again(log, reader):
    for times in range(4):
        assert log.append(FIRST, records("x")) == [times]
        log.delete(PINS)
        log.create(PINS)
    assert reader.describe(PINS).partitions == (PartitionState(0, 4, 4, origin=4),)


@pytest.mark.embedded
def test_a_closed_partition_is_read_but_takes_nothing(log, reader):
    log.append(FIRST, records("a"))
    state = log.alter(PINS, close=[0], add=[PartitionSpec({"parent": 0})])
    assert state == reader.describe(PINS)
    assert [partition.closed for partition in state.partitions] == [True, False, False]
    assert state.partitions[2].attributes == {"parent": 0}
    with pytest.raises(PartitionUnknown):
        log.append(FIRST, records("b"))
    assert values(reader) == [b"a"]
    assert log.append(Partition(PINS, 2), records("c")) == [0]


@pytest.mark.embedded
def test_a_topic_made_again_has_no_closed_partition(log):
    log.alter(PINS, close=[0])
    log.delete(PINS)
    log.create(PINS)
    assert log.append(FIRST, records("a")) == [0]


@pytest.mark.embedded
def test_attributes_are_replaced_or_left(log, reader):
    assert log.alter(PINS, attributes={"a": 1}).attributes == {"a": 1}
    assert log.alter(PINS, close=[1]).attributes == {"a": 1}
    assert log.alter(PINS, attributes={"b": 2}).attributes == {"b": 2}
    assert reader.describe(PINS).attributes == {"b": 2}


@pytest.mark.embedded
def test_an_alter_that_names_an_unknown_partition_changes_nothing(log, reader):
    before = reader.describe(PINS)
    with pytest.raises(PartitionUnknown):
        log.alter(PINS, attributes={"a": 1}, close=[0, 9], add=[PartitionSpec()])
    assert reader.describe(PINS) == before


@pytest.mark.parametrize(
    ("time", "position"), [(0, 0), (10, 0), (11, 1), (20, 1), (21, 3), (30, 3), (31, 6), (99, 6)]
)
def test_a_time_is_found_where_its_first_record_stands(log, reader, time, position):
    for at in (10, 20, 20, 30, 30, 30):
        log.append(FIRST, [Record(b"x", time=at)])
    assert reader.find_time(FIRST, time) == position


@pytest.mark.parametrize(("time", "position"), [(5, 0), (9, 1), (31, 3), (40, 3), (41, 6)])
def test_a_time_is_found_among_records_out_of_order(log, reader, time, position):
    log.append(FIRST, [Record(b"x", time=at) for at in (8, 30, 10)])
    log.append(FIRST, [Record(b"x", time=at) for at in (40, 7, 9)])
    assert reader.find_time(FIRST, time) == position


@pytest.mark.embedded
def test_the_time_of_a_trimmed_record_is_not_found(log, reader):
    for at in (50, 10, 20):
        log.append(FIRST, [Record(b"x", time=at)])
    log.trim(FIRST, 1)
    assert reader.find_time(FIRST, 15) == 2
    assert reader.find_time(FIRST, 50) == 3


@pytest.mark.embedded
def test_trimmed_records_are_gone_and_the_rest_stays(log, reader):
    for text in "abcde":
        log.append(FIRST, records(text))
    log.trim(FIRST, 3)
    assert reader.describe(PINS).partitions[0] == PartitionState(0, 3, 5)
    assert values(reader) == values(reader, after=0) == [b"d", b"e"]
    assert values(reader, upto=2) == []
    log.trim(FIRST, 1)
    assert values(reader) == [b"d", b"e"]
    assert log.append(FIRST, records("f")) == [5]


@pytest.mark.embedded
def test_trimming_everything_keeps_the_end(log, reader):
    log.append(FIRST, records("a", "b"))
    log.append(SECOND, records("c"))
    log.trim(FIRST, 1000)
    assert reader.describe(PINS).partitions == (PartitionState(0, 2, 2), PartitionState(1, 0, 1))
    assert values(reader) == []
    assert log.append(FIRST, records("d")) == [2]
    assert values(reader) == [b"d"]


@pytest.mark.embedded
def test_trimming_keeps_what_is_at_or_above_the_position(log, reader):
    log.append(FIRST, records("a", "b", "c"))
    log.append(FIRST, records("d"))
    log.trim(FIRST, 2)
    assert reader.describe(PINS).partitions[0].beginning <= 2
    assert values(reader, after=1) == [b"c", b"d"]


def pieces(log, partition=FIRST):
    """Return the segments, which must lie one behind the other from the beginning to the end."""
    found = list(log.segments(partition))
    state = log.describe(partition.log_name).partitions[partition.number]
    edges = [state.beginning, *(each.stop for each in found)]
    assert [each.start for each in found] == edges[:-1]
    assert edges[-1] == state.end
    return found


@pytest.mark.embedded
def test_segments_hold_all_that_the_partition_holds(log):
    assert pieces(log) == []
    log.append(FIRST, [Record(b"abc", b"k", time=7), Record(None, time=9), Record(b"d", time=8)])
    log.append(SECOND, records("other"))
    log.append(FIRST, [Record(b"late", time=3)])
    found = pieces(log)
    assert sum(each.bytes for each in found) == 9
    assert max(each.latest for each in found) == 9
    log.trim(FIRST, 3)
    assert [(each.start, each.stop) for each in pieces(log)] == [(3, 4)]
    assert 4 <= pieces(log)[0].bytes <= 9
    log.trim(FIRST, 4)
    assert pieces(log) == []


@pytest.mark.embedded
def test_segments_of_what_is_not_there_are_an_error(log):
    with pytest.raises(PartitionUnknown):
        log.segments(Partition(PINS, 2))
    with pytest.raises(TopicUnknown):
        log.segments(Partition(topic("absent"), 0))


@pytest.mark.embedded
def test_segments_go_with_their_topic_and_do_not_come_back(log):
    log.append(FIRST, records("a", "b"))
    log.delete(PINS)
    log.create(PINS)
    assert pieces(log) == []
    log.append(FIRST, records("c"))
    assert [(each.start, each.bytes) for each in pieces(log)] == [(2, 1)]
    log.alter(PINS, add=[PartitionSpec()])
    assert [(each.start, each.bytes) for each in pieces(log)] == [(2, 1)]


@pytest.mark.embedded
def test_all_topics_of_a_log_have_one_identity(log, reader):
    log.create(topic("other"))
    assert reader.log_id(PINS) == reader.log_id(topic("other")) == log.log_id(PINS)
    assert len(reader.log_id(PINS)) >= 32


def test_a_closed_log_takes_nothing_and_says_so(log):
    log.close()
    log.close()
    assert isinstance(submitted(log, (FIRST, records("a"))).exception(timeout=30), LogClosed)
    for call in (
        lambda: log.create(topic("other")),
        lambda: log.delete(PINS),
        lambda: log.describe(PINS),
        lambda: log.names("topic"),
        lambda: log.read(FIRST, None, 1),
    ):
        with pytest.raises(LogClosed):
            call()


def test_what_was_submitted_before_close_is_stored(log):
    futures = [submitted(log, (FIRST, records("a"))) for _ in range(50)]
    log.close()
    assert [future.result(timeout=30) for future in futures] == [[n] for n in range(50)]


def test_a_reader_follows_the_end_from_another_thread(log, reader):
    seen = []

    def follow():
        after = None
        while len(seen) < 200:
            batch = reader.read(FIRST, after, 50)
            seen.extend(batch.values.values())
            after = batch.upto if len(batch) else after

    thread = threading.Thread(target=follow)
    thread.start()
    for number in range(200):
        log.append(FIRST, records(str(number)))
    thread.join(60)
    assert seen == [str(number).encode() for number in range(200)]


def test_an_empty_partition_begins_where_another_log_stopped(pair, log):
    log.skip(SECOND, 7)
    log.skip(SECOND, 7)
    log.skip(SECOND, 3)
    state = pair.reader.describe(PINS).partitions
    assert [(each.beginning, each.end) for each in state] == [(0, 0), (7, 7)]
    assert log.append(SECOND, [Record(b"a"), Record(b"b")]) == [7, 8]
    assert list(pair.reader.read(SECOND, 6, EVERYTHING).positions) == [7, 8]
    assert pair.reader.read(SECOND, None, EVERYTHING).values.values() == [b"a", b"b"]
    log.skip(SECOND, 7)
    assert pair.reader.describe(PINS).partitions[1].end == 9


def test_records_are_never_skipped(pair, log):
    log.append(FIRST, [Record(b"a"), Record(b"b")])
    with pytest.raises(LogNotEmpty, match="position 7"):
        log.skip(FIRST, 7)
    assert pair.reader.read(FIRST, None, EVERYTHING).values.values() == [b"a", b"b"]
    assert log.append(FIRST, [Record(b"c")]) == [2]
