"""Hash keys, sequence numbers, iterators and CBOR hold their laws for any values."""

import re
from bisect import bisect_right
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pinlake.gateway.kinesis import cbor
from pinlake.gateway.kinesis.iterator import ShardIterator, opened
from pinlake.gateway.kinesis.sequence import (
    HASH_KEYS,
    SequenceNumber,
    even_ranges,
    hash_key,
    parse,
    shard_id,
    shard_number,
)
from pinlake.gateway.kinesis.streams import POSITION_BITS, Stream, specs
from pinlake.log.base import PartitionState, TopicState
from pinlake.record import stream

SECONDS = some.integers(0, 2**32)
POSITIONS = some.integers(0, 2**POSITION_BITS - 2)
NAMES = some.from_regex(r"[a-zA-Z0-9_.-]{1,128}", fullmatch=True)
NUMBERS = some.builds(
    SequenceNumber,
    created=SECONDS,
    shard=some.integers(0, 2**31 - 1),
    index=some.integers(0, 2**63 - 1),
    time=SECONDS,
)


def made(name, created, shards=3):
    partitions = (
        PartitionState(number, 0, 0, attributes=spec.attributes)
        for number, spec in enumerate(specs(shards))
    )
    return Stream(TopicState(stream(name), created, tuple(partitions)))


@given(some.integers(1, 2_000))
def test_ranges_cover_the_hash_keys_without_gap_or_overlap(shards):
    ranges = even_ranges(shards)
    assert (ranges[0][0], ranges[-1][1]) == (0, HASH_KEYS - 1)
    assert all(low <= high for low, high in ranges)
    assert all(before[1] + 1 == after[0] for before, after in pairwise(ranges))
    widths = [high - low + 1 for low, high in ranges]
    assert max(widths) - min(widths) < shards


@given(some.integers(0, HASH_KEYS - 1), some.integers(1, 200))
def test_every_hash_key_has_the_one_shard_whose_range_holds_it(key, shards):
    shard = made("pins", 1, shards).shard_for(key)
    assert shard.first_hash <= key <= shard.last_hash
    starts = [low for low, _ in even_ranges(shards)]
    assert shard.number == bisect_right(starts, key) - 1


@given(some.text(min_size=1, max_size=256).filter(lambda text: text.isprintable()))
def test_a_partition_keys_hash_is_in_the_space(key):
    assert 0 <= hash_key(key) < HASH_KEYS


def test_a_partition_keys_hash_is_its_md5():
    assert hash_key("") == 0xD41D8CD98F00B204E9800998ECF8427E


@given(NUMBERS)
def test_a_sequence_number_reads_back_what_it_was_made_of(number):
    assert parse(str(number)) == number


@given(NUMBERS)
def test_the_layout_in_hexadecimal_digits_is_the_documented_one(number):
    assert f"{int(str(number)):x}" == (
        f"2{number.created:09x}{number.shard % 16:x}{number.index:016x}00"
        f"{number.time:09x}{number.shard:08x}2"
    )


@given(some.integers(0, 10**60).map(str) | some.text(max_size=60) | NUMBERS.map(str))
def test_no_text_is_read_as_a_number_that_is_written_otherwise(text):
    number = parse(text)
    assert number is None or str(number) == text


@given(
    some.integers(1_400_000_000_000, 4_000_000_000_000),
    some.lists(some.tuples(POSITIONS, some.integers(0, 10**12)), min_size=2, max_size=20),
)
def test_within_a_shard_sequence_numbers_grow_with_the_position_whatever_the_times(created, rows):
    a_stream = made("pins", created)
    shard = a_stream.shards[1]
    rows.sort()
    numbers = [a_stream.sequence(shard, position, created + time) for position, time in rows]
    assert {len(number) for number in numbers} == {56}
    for (before, _), (after, _), low, high in zip(
        rows, rows[1:], numbers, numbers[1:], strict=False
    ):
        assert before == after or int(low) < int(high)
    assert int(a_stream.first_sequence(shard)) < int(numbers[0])


@given(NAMES, SECONDS, POSITIONS)
def test_a_sequence_number_leads_back_to_its_position(name, created, position):
    a_stream = made(name, created)
    number = parse(a_stream.sequence(a_stream.shards[2], position, created + 5_000))
    assert a_stream.is_of(number)
    assert number.shard == 2
    assert a_stream.position(number, after=False) == position
    assert a_stream.position(number, after=True) == position + 1


@given(SECONDS, POSITIONS)
def test_a_sequence_number_of_a_stream_made_another_second_is_not_of_this_one(created, position):
    first, later = made("pins", created), made("pins", created + 1_000)
    number = parse(first.sequence(first.shards[0], position, created))
    assert not later.is_of(number)


@given(some.integers(0, 10**11))
def test_a_shard_id_reads_back(number):
    assert shard_number(shard_id(number)) == number
    assert re.fullmatch(r"shardId-\d{12}", shard_id(number))


@given(NAMES, SECONDS, some.integers(0, 500), POSITIONS, SECONDS, some.binary(min_size=8))
def test_an_iterator_is_opened_with_its_key_alone(name, made_at, shard, position, created, key):
    iterator = ShardIterator(name, made_at, shard, position, created)
    sealed = iterator.sealed(key)
    assert len(sealed) <= 512
    assert opened(sealed, key, created) == iterator
    with pytest.raises(Exception, match=r"Invalid ShardIterator\."):
        opened(sealed, key + b"x", created)


VALUES = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(2**64), 2**64 - 1)
    | some.floats(allow_nan=False)
    | some.text()
    | some.binary(),
    lambda inner: some.lists(inner, max_size=5) | some.dictionaries(some.text(), inner, max_size=5),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_in_cbor_reads_back(value):
    again = cbor.decode(cbor.encode(value))
    assert again == value
    assert type(again) is type(value)


@given(some.binary(max_size=60))
def test_no_bytes_break_the_reader_of_cbor(data):
    try:
        value = cbor.decode(data)
    except ValueError:
        return
    assert value is None or isinstance(
        value, bool | int | float | str | bytes | list | dict | cbor.Timestamp
    )
