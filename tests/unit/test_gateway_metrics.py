"""Durations are counted in the bucket whose bound they do not pass."""

import math

import pytest

from pinlake.gateway.metrics import BOUNDS, Durations


@pytest.mark.parametrize("bound", BOUNDS)
def test_a_duration_of_a_bound_is_in_its_bucket_and_a_longer_one_is_not(bound):
    durations = Durations()
    durations.note(bound)
    durations.note(math.nextafter(bound, math.inf))
    counts = dict(durations.buckets())
    assert counts[str(bound)] == 1
    assert counts["+Inf"] == 2
    assert sum(count == 0 for count in counts.values()) == BOUNDS.index(bound)


def test_a_duration_beyond_all_bounds_is_in_the_last_bucket_alone():
    durations = Durations()
    durations.note(3600.0)
    assert [count for _, count in durations.buckets()] == [0.0] * len(BOUNDS) + [1.0]
    assert durations.sum == 3600.0
