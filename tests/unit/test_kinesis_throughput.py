"""A shard takes 1,000 records and 1 MiB a second, and no more."""

from pinlake.gateway.kinesis.throughput import BYTES_A_SECOND, RECORDS_A_SECOND, Throughput
from pinlake.record import Partition, stream

FIRST, SECOND = Partition(stream("pins"), 0), Partition(stream("pins"), 1)


def test_a_thousand_records_fit_into_a_second():
    throughput = Throughput()
    taken = [throughput.take(FIRST, 1, 5_999) for _ in range(RECORDS_A_SECOND + 5)]
    assert taken == [True] * RECORDS_A_SECOND + [False] * 5
    assert throughput.take(SECOND, 1, 5_999)
    assert throughput.take(FIRST, 1, 6_000)


def test_what_does_not_fit_takes_no_room_from_what_does():
    throughput = Throughput()
    assert throughput.take(FIRST, BYTES_A_SECOND - 10, 0)
    assert not throughput.take(FIRST, 11, 0)
    assert throughput.take(FIRST, 10, 0)
    assert not throughput.take(FIRST, 1, 0)
