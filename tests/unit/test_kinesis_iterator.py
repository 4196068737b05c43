"""An iterator says what it was sealed with, to the holder of the key, for 300 seconds."""

import base64

import pytest

from pinlake.gateway.kinesis import errors
from pinlake.gateway.kinesis.errors import Refused
from pinlake.gateway.kinesis.iterator import LIFETIME_MS, ShardIterator, key_of, opened

KEY = key_of("a log")
CREATED = 1_421_889_722_000
ITERATOR = ShardIterator("pins", 1_000, 3, 77, CREATED)


def test_an_iterator_opens_until_its_time_is_over():
    sealed = ITERATOR.sealed(KEY)
    assert opened(sealed, KEY, CREATED) == ITERATOR
    assert opened(sealed, KEY, CREATED + LIFETIME_MS) == ITERATOR
    with pytest.raises(Refused) as refused:
        opened(sealed, KEY, CREATED + LIFETIME_MS + 1_000)
    assert refused.value.error is errors.ITERATOR_EXPIRED
    assert str(refused.value) == (
        "Iterator expired. The iterator was created at time Thu Jan 22 01:22:02 UTC 2015 while "
        "right now it is Thu Jan 22 01:27:03 UTC 2015 which is further in the future than the "
        "tolerated delay of 300000 milliseconds."
    )


def test_any_changed_byte_makes_it_invalid():
    sealed = base64.b64decode(ITERATOR.sealed(KEY))
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(Refused, match="Invalid ShardIterator"):
            opened(base64.b64encode(changed).decode(), KEY, CREATED)


@pytest.mark.parametrize("text", ["", "a", "é", "AAAA", " ", "====", "A" * 512])
def test_what_is_no_iterator_is_invalid(text):
    with pytest.raises(Refused, match="Invalid ShardIterator"):
        opened(text, KEY, CREATED)


def test_the_key_is_the_logs():
    assert key_of("a log") != key_of("another log")
    assert key_of("a log") == KEY
