"""Which positions may go: by age, by size, and never what a stage needs."""

import pytest

from pinlake.log.base import Segment
from pinlake.log.retention import HOUR_MS, Retention, past, retention_of, spared
from pinlake.record import Kind
from pinlake.settings import Log

NOW = 1_000_000
HOURLY = [Segment(10 * n, 10 * n + 10, latest=100 * n, bytes=50) for n in range(5)]


@pytest.mark.parametrize(
    ("kept", "stop"),
    [(0, 50), (NOW - 401, 50), (NOW - 400, 40), (NOW - 250, 30), (NOW - 1, 10), (NOW, None)],
)
def test_a_segment_goes_once_its_latest_record_is_older_than_the_limit(kept, stop):
    assert past(HOURLY, Retention(milliseconds=kept), NOW) == stop


@pytest.mark.parametrize(("size", "stop"), [(1, 40), (50, 40), (51, 30), (199, 10), (201, None)])
def test_the_oldest_segments_go_while_those_behind_them_fill_the_size(size, stop):
    assert past(HOURLY, Retention(bytes=size), NOW) == stop


def test_without_a_limit_nothing_goes():
    assert past(HOURLY, Retention(), 10**15) is None


def test_either_limit_is_enough():
    assert past(HOURLY, Retention(milliseconds=NOW - 1, bytes=100), NOW) == 30


def test_a_record_of_the_future_keeps_what_came_after_it():
    segments = [Segment(0, 1, NOW * 2, 5), Segment(1, 2, 0, 5)]
    assert past(segments, Retention(milliseconds=10), NOW) is None


def test_nothing_is_past_in_an_empty_partition():
    assert past([], Retention(0, 0), NOW) is None


@pytest.mark.parametrize(
    ("floor", "free"), [(None, None), (8, None), (9, 10), (18, 10), (19, 20), (29, 30), (999, 30)]
)
def test_only_whole_segments_below_the_floor_are_spared_by_the_stages(floor, free):
    assert spared(HOURLY, 30, floor) == free


def test_a_topics_own_hours_go_before_the_settings():
    limits = Log(retention_hours=2.0, stream_retention_hours=1.0, retention_bytes=7)
    assert retention_of(Kind.TOPIC, {}, limits) == Retention(2 * HOUR_MS, 7)
    assert retention_of(Kind.STREAM, {}, limits) == Retention(HOUR_MS, 7)
    assert retention_of(Kind.STREAM, {"retention_hours": 48}, limits).milliseconds == 48 * HOUR_MS
    assert retention_of(Kind.TOPIC, {}, Log(retention_hours=0)) == Retention(None, None)
