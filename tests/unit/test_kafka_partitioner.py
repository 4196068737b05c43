"""A key goes to the partition that Kafka's own clients would choose."""

import pytest

from pinlake.gateway.kafka_partitioner import Partitioner, murmur2

# Source: org.apache.kafka.common.utils.UtilsTest.testMurmur2, as signed integers.
KAFKAS = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


def unsigned(number):
    return number & 0xFFFFFFFF


@pytest.mark.parametrize("key", KAFKAS)
def test_a_key_has_kafkas_hash(key):
    assert murmur2(key) == unsigned(KAFKAS[key])


@pytest.mark.parametrize("key", KAFKAS)
@pytest.mark.parametrize("partitions", [2, 3, 7, 100])
def test_a_key_goes_to_the_partition_of_its_hash_without_the_sign(key, partitions):
    # Source: Utils.toPositive is `number & 0x7fffffff`, not an absolute value.
    wanted = (unsigned(KAFKAS[key]) & 0x7FFFFFFF) % partitions
    assert {Partitioner().choose(key, partitions) for _ in range(3)} == {wanted}


def test_an_empty_key_is_a_key_and_stays_in_one_partition():
    partitioner = Partitioner()
    assert len({partitioner.choose(b"", 5) for _ in range(10)}) == 1


def test_records_without_a_key_take_each_partition_in_turn():
    partitioner = Partitioner()
    assert [partitioner.choose(None, 3) for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]


@pytest.mark.parametrize("key", [None, b"", b"abc"])
def test_one_partition_takes_everything(key):
    assert Partitioner().choose(key, 1) == 0
