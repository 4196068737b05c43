"""Partitions are those that Kafka's own producer chooses."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinlake.gateway.kafka.partitioner import Partitioner, murmur2

# Source: org.apache.kafka.common.utils.UtilsTest.testMurmur2
HASHES = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize("key", HASHES)
def test_the_hash_is_kafkas(key):
    assert murmur2(key) == HASHES[key] & 0xFFFFFFFF


@given(key=st.binary(), partitions=st.integers(1, 1000))
def test_a_key_has_one_partition_and_it_exists(key, partitions):
    chosen = Partitioner().choose(key, partitions)
    assert 0 <= chosen < partitions
    assert Partitioner().choose(key, partitions) == chosen


@given(partitions=st.integers(1, 50), rounds=st.integers(1, 5))
def test_records_without_a_key_take_turns(partitions, rounds):
    partitioner = Partitioner()
    chosen = Counter(partitioner.choose(None, partitions) for _ in range(partitions * rounds))
    assert chosen == dict.fromkeys(range(partitions), rounds)
