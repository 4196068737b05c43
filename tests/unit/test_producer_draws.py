"""The draws are those of the classic script."""

import random
from itertools import islice

import pytest

from pinlake.dataset import Emulation, load
from pinlake.producer.emulation import draws

CLASSIC = [7528, 2863, 5730, 8304, 8731, 1313, 4315, 10794, 5494, 5069]


def test_the_first_draws_are_the_classic_ones():
    assert [draw.number for draw in islice(draws(load("pinterest").producer), 10)] == CLASSIC


def test_they_are_the_order_of_the_real_rows(real_rows):
    numbers = [row["ind"] for row in real_rows["user"]]
    assert [draw.number for draw in islice(draws(Emulation()), len(numbers))] == numbers


@pytest.mark.parametrize("seed", [0, 7, 100, 2**40])
def test_any_seed_draws_as_the_classic_loop_does(seed):
    random.seed(seed)
    classic = [(random.randrange(0, 2), random.randint(0, 11000)) for _ in range(500)]
    assert list(islice(draws(Emulation(seed=seed)), 500)) == classic


def test_range_and_sleeps_are_those_of_the_data_set():
    emulation = Emulation(first=5, last=7, sleep_seconds=(2, 9))
    some = list(islice(draws(emulation), 200))
    assert {draw.number for draw in some} == {5, 6, 7}
    assert {draw.sleep for draw in some} == {2, 9}


def test_without_sleeps_nobody_sleeps():
    assert {draw.sleep for draw in islice(draws(Emulation(sleep_seconds=())), 50)} == {0}
