"""When the sink closes an object by the records' own times, and by the clock on the wall."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from pinlake.stage.partitioner import Tag
from pinlake.stage.rotation import (
    OpenObject,
    Rotation,
    extended,
    extended_by_folder,
    is_full,
    rotation_due,
    scheduled,
)

POLICY = Rotation(flush_size=10, seconds=5.0, size=100, record_ms=1000)
NOON = 1_700_049_600_000


def taken(tags, policy=POLICY, since=None):
    before = since or OpenObject(None)
    first = 0 if before.upto is None else before.upto + 1
    return extended_by_folder(
        before, range(first, first + len(tags)), [1] * len(tags), tags=tags, policy=policy, now=0.0
    )


@pytest.mark.parametrize(
    ("times", "count"),
    [
        ([0, 999], 2),
        ([0, 1000], 1),
        ([0, None, 999, 1000], 3),
        ([None, 5, 1004, 1005], 3),
        ([5000, 0, 5999, 6000], 3),
    ],
)
def test_a_record_so_much_later_than_the_first_begins_another_object(times, count):
    found = taken([Tag("a", time) for time in times])
    assert (found.count, is_full(found, POLICY)) == (count, count < len(times))


@pytest.mark.parametrize(("change", "count"), [(True, 2), (False, 4)])
def test_a_record_of_another_folder_begins_another_object_where_times_count(change, count):
    policy = Rotation(10, 5.0, 100, record_ms=1000, folder_change=change)
    assert taken([Tag("a", 0), Tag("a", 0), Tag("b", 0), Tag("a", 0)], policy).count == count


def test_folders_alone_close_nothing_where_times_do_not_count():
    found = taken([Tag("a"), Tag("b"), Tag("a")], Rotation(10, 5.0, 100))
    assert found.folders == {"a": (0, 2), "b": (1,)}


def test_the_first_record_of_a_later_read_may_belong_to_another_object():
    first = taken([Tag("a", 0)])
    assert not is_full(first, POLICY)
    again = taken([Tag("b", 0)], since=first)
    assert (again.count, is_full(again, POLICY)) == (1, True)


def test_size_closes_before_time_does():
    found = taken([Tag("a", 0)] * 12)
    assert (found.count, found.closed, found.folders["a"][-1]) == (10, False, 9)


@pytest.mark.parametrize(
    ("zone", "interval", "wall", "due"),
    [
        (UTC, 60_000, NOON + 1, NOON + 60_000),
        (UTC, 60_000, NOON, NOON + 60_000),
        (UTC, 7 * 3_600_000, NOON, NOON + 2 * 3_600_000),
        (ZoneInfo("Asia/Kolkata"), 3_600_000, NOON, NOON + 1_800_000),
    ],
)
def test_the_schedule_counts_its_multiples_since_midnight_in_its_zone(zone, interval, wall, due):
    policy = Rotation(10, 1e9, 100, schedule_ms=interval, zone=zone)
    found = scheduled(extended(OpenObject(None), [0], [1], policy, 0.0), policy, wall)
    assert found.due == due
    assert scheduled(found, policy, wall + 10**9).due == due, "it is set at the first record"
    assert not rotation_due(found, policy, 1.0, due - 1)
    assert rotation_due(found, policy, 1.0, due)


def test_without_a_schedule_the_wall_closes_nothing():
    policy = Rotation(10, 1e9, 100)
    found = scheduled(extended(OpenObject(None), [0], [1], policy, 0.0), policy, NOON)
    assert found.due is None
    assert not rotation_due(found, policy, 1.0, NOON * 2)
