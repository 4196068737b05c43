"""A reader that is behind the log's beginning is told so; one that is not notices nothing."""

import pytest

from pinlake.errors import RecordsGone, TopicUnknown
from pinlake.log.memory import MemoryLog
from pinlake.log.reading import read_on
from pinlake.record import Partition, Record, topic

FIRST = Partition(topic("t"), 0)


@pytest.fixture
def log():
    log = MemoryLog()
    log.create(topic("t"))
    log.append(FIRST, [Record(b"%d" % number) for number in range(10)])
    return log


def read(log, after, upto=9):
    return read_on(log, FIRST, after, 1 << 20, upto).values.values()


def test_a_gap_is_an_error_that_names_what_is_gone(log):
    log.trim(FIRST, 7)
    with pytest.raises(RecordsGone, match="2 records, positions 5 to 6, are gone unread") as error:
        read(log, 4)
    assert (error.value.first, error.value.last) == (5, 6)


def test_a_gap_up_to_the_end_is_one_too(log):
    log.trim(FIRST, 10)
    with pytest.raises(RecordsGone, match="positions 8 to 9"):
        read(log, 7)


def test_who_comes_right_behind_the_beginning_misses_nothing(log):
    log.trim(FIRST, 7)
    assert read(log, 6) == [b"7", b"8", b"9"]
    assert read(log, 9) == []
    assert read(log, 3, upto=3) == []


def test_who_reads_from_the_beginning_takes_it_as_it_is(log):
    log.trim(FIRST, 7)
    assert read(log, None) == [b"7", b"8", b"9"]


def test_what_went_with_a_deleted_topic_is_not_missed(log):
    log.delete(topic("t"))
    with pytest.raises(TopicUnknown):
        read(log, 4)
    log.create(topic("t"))
    assert read(log, 4, upto=20) == []
    log.append(FIRST, [Record(b"new"), Record(b"newer"), Record(b"newest")])
    assert read(log, 4, upto=20) == [b"new", b"newer", b"newest"]
    log.trim(FIRST, 12)
    with pytest.raises(RecordsGone, match="2 records, positions 10 to 11"):
        read(log, 4, upto=20)
