"""When an object is closed."""

from __future__ import annotations

import pytest

from pinlake.stage.rotation import OpenObject, Rotation, extended, is_full, rotation_due

POLICY = Rotation(flush_size=10, seconds=5.0, size=100)


def opened(first, lengths, after=None, now=0.0, policy=POLICY):
    return extended(OpenObject(after), range(first, first + len(lengths)), lengths, policy, now)


def test_an_empty_object_is_never_due():
    assert not rotation_due(OpenObject(None), POLICY, now=1e9)


@pytest.mark.parametrize(("count", "due"), [(9, False), (10, True)])
def test_an_object_is_due_at_its_flush_size(count, due):
    assert rotation_due(opened(0, [1] * count), POLICY, now=0.0) is due


@pytest.mark.parametrize(("lengths", "due"), [([99], False), ([99, 1], True), ([100], True)])
def test_an_object_is_due_at_its_bytes(lengths, due):
    assert rotation_due(opened(0, lengths), POLICY, now=0.0) is due


@pytest.mark.parametrize(("now", "due"), [(4.9, False), (5.0, True)])
def test_an_object_is_due_at_its_age(now, due):
    assert rotation_due(opened(0, [1]), POLICY, now) is due


def test_age_counts_from_the_first_record_not_from_later_ones():
    grown = extended(opened(0, [1], now=1.0), [1], [1], POLICY, now=4.0)
    assert grown.opened == 1.0


def test_no_more_records_are_taken_than_the_flush_size():
    taken = opened(5, [1] * 25, after=4)
    assert (taken.count, taken.upto, is_full(taken, POLICY)) == (10, 14, True)


def test_the_record_that_reaches_the_bytes_is_taken_and_the_next_is_not():
    taken = opened(0, [60, 60, 60])
    assert (taken.count, taken.size, taken.upto) == (2, 120, 1)


def test_a_record_larger_than_the_limit_is_taken_alone():
    taken = opened(0, [1000, 1])
    assert (taken.count, taken.upto) == (1, 0)


def test_a_run_without_gaps_is_one_object_over_several_reads():
    grown = extended(opened(0, [1, 1]), [2, 3], [1, 1], POLICY, 0.0)
    assert grown.starts == (0,)


def test_each_gap_begins_an_object_of_its_own():
    first = extended(OpenObject(None), [3, 4, 7], [1, 1, 1], POLICY, 0.0)
    second = extended(first, [9, 10], [1, 1], POLICY, 0.0)
    assert second.starts == (3, 7, 9)


def test_a_gap_after_the_last_rotation_does_not_split_the_next_object():
    assert extended(OpenObject(4), [6, 7], [1, 1], POLICY, 0.0).starts == (6,)
