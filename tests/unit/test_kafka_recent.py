"""What was read of Kafka a moment ago is given once more, and no more than there is room for."""

from array import array

from pinlake.log.base import Batch
from pinlake.log.columns import column
from pinlake.log.kafka.recent import A_RECORD, Recent
from pinlake.record import Partition, topic

FIRST = Partition(topic("t"), 0)
KEY = (FIRST, "id", None)


def batch(first, *values):
    positions = array("q", range(first, first + len(values)))
    return Batch(FIRST, positions, array("q", positions), column(values), column(values))


def test_a_batch_is_given_once():
    recent, read = Recent(100), batch(0, b"a", b"b")
    recent.keep(KEY, read)
    assert recent.take(KEY, 1, 100) is read
    assert recent.take(KEY, 1, 100) is None


def test_a_batch_that_does_not_fit_into_what_is_asked_for_is_read_anew():
    recent, read = Recent(100), batch(0, b"a", b"b")
    recent.keep(KEY, read)
    assert recent.take(KEY, 0, 100) is None
    assert recent.take(KEY, 1, 1) is None
    assert recent.take(KEY, None, 100) is None
    assert recent.take((FIRST, "another", None), 1, 100) is None
    assert recent.take((FIRST, "id", 0), 1, 100) is None
    assert recent.take(KEY, 1, 2) is read


def test_the_oldest_batches_make_room():
    recent = Recent(2 * (8 + A_RECORD))
    for number in range(4):
        recent.keep((FIRST, "id", number), batch(number, b"xxxx"))
    held = [recent.take((FIRST, "id", number), number, 100) is not None for number in range(4)]
    assert held == [False, False, True, True]


def test_the_room_is_that_of_what_is_held_now():
    recent = Recent(2 * (10 + A_RECORD))
    for _ in range(5):
        recent.keep(KEY, batch(0, b"xxxxx"))
        assert recent.take(KEY, 0, 100)
    recent.keep(KEY, batch(0, b"xxxx"))
    recent.keep(KEY, batch(0, b"yyyyy"))
    recent.keep((FIRST, "id", 7), batch(8, b"zzzzz"))
    assert recent.take(KEY, 0, 100)


def test_without_room_nothing_is_held():
    recent = Recent(0)
    recent.keep(KEY, batch(0, b"a"))
    assert recent.take(KEY, 0, 100) is None


def test_records_that_are_all_null_take_room_too():
    recent = Recent(0)
    recent.keep(KEY, batch(0, None, None))
    assert recent.take(KEY, 1, 100) is None
