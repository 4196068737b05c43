"""Whatever records are stored, in whatever batches: a range read back is that range of the list."""

from __future__ import annotations

from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from pinlake.log.base import Column
from pinlake.log.batches import Rows, decode, encode, position_of, row_id
from pinlake.log.columns import column, cut, fitting
from pinlake.record import Partition, Record, topic

FIRST = Partition(topic("pins"), 0)
NOW = 1_000
EVERYTHING = 1 << 40

optional_bytes = st.none() | st.binary(max_size=12)
headers = st.lists(st.tuples(st.text(max_size=4), st.binary(max_size=4)), max_size=2).map(tuple)
records = st.builds(
    Record,
    value=optional_bytes,
    key=st.none() | optional_bytes,
    headers=st.just(()) | headers,
    time=st.none() | st.integers(0, 2000),
)
batches = st.lists(st.lists(records, min_size=1, max_size=8), min_size=1, max_size=6)


def stored(groups, first, piece_bytes=EVERYTHING):
    rows, latest = [], 0
    for group in groups:
        rows += encode(first, group, NOW, latest, piece_bytes)
        first += len(group)
        latest = rows[-1].latest
    return rows


def read_back(rows):
    names = [row._asdict() for row in rows]
    return Rows(*([row[name] for row in names] for name in Rows._fields))


def as_records(batch):
    told = batch.headers or [()] * len(batch)
    columns = zip(batch.values.values(), batch.keys.values(), told, batch.times, strict=True)
    return [Record(*each) for each in columns]


def with_time(record):
    time = NOW if record.time is None else record.time
    return Record(record.value, record.key, record.headers, time)


@given(batches, st.integers(0, 2**44 - 100), st.integers(0, 50), st.integers(1, 50), st.data())
def test_a_range_of_stored_batches_is_that_range_of_the_list(groups, first, skip, take, data):
    model = [with_time(record) for group in groups for record in group]
    piece = data.draw(st.sampled_from([0, 1, 20, EVERYTHING]))
    skip = skip % len(model)
    stop = min(skip + take, len(model))
    rows = read_back(stored(groups, row_id(3, first), piece))
    batch = decode(FIRST, rows, first + skip, first + stop, EVERYTHING)
    assert as_records(batch) == model[skip:stop]
    assert list(batch.positions) == list(range(first + skip, first + stop))
    assert batch.partition == FIRST


@given(batches, st.integers(0, 60), st.integers(0, 40))
def test_a_limit_cuts_after_the_last_value_that_fits(groups, max_bytes, skip):
    model = [record.value or b"" for group in groups for record in group]
    skip = skip % len(model)
    batch = decode(FIRST, read_back(stored(groups, row_id(1, 0))), skip, len(model), max_bytes)
    taken = [value or b"" for value in batch.values.values()]
    assert taken == model[skip : skip + len(taken)]
    assert len(taken) == 1 or sum(map(len, taken)) <= max_bytes
    following = model[skip + len(taken) :]
    assert not following or sum(map(len, [*taken, following[0]])) > max_bytes


@given(batches, st.integers(0, 30))
def test_pieces_adjoin_and_keep_the_highest_time(groups, piece_bytes):
    rows = stored(groups, row_id(2, 5), piece_bytes)
    assert [position_of(row.id) for row in rows] == [
        5 + before for before in accumulate([row.records for row in rows[:-1]], initial=0)
    ]
    times = [NOW if r.time is None else r.time for group in groups for r in group]
    highest = list(accumulate(times, max))
    assert [row.latest for row in rows] == [
        highest[end - 1] for end in accumulate(row.records for row in rows)
    ]
    assert all(row.records == 1 or len(row.data) <= piece_bytes for row in rows)


@given(st.lists(optional_bytes), st.integers(0, 12), st.integers(0, 12))
def test_a_cut_column_is_the_column_of_the_cut_list(values, start, stop):
    whole = column(values)
    assert isinstance(whole, Column)
    assert whole.values() == values
    assert cut(whole, start, stop).values() == values[start:stop]
    assert all(whole.lengths[row] == 0 for row in whole.nulls)
    assert [b - a for a, b in pairwise(whole.offsets())] == list(whole.lengths)


@given(st.lists(st.integers(0, 20), min_size=1), st.integers(0, 100))
def test_as_many_fit_as_the_sum_allows_but_one(lengths, max_bytes):
    fits = [count for count in range(1, len(lengths) + 1) if sum(lengths[:count]) <= max_bytes]
    assert fitting(lengths, max_bytes) == max([1, *fits])


@given(st.integers(0, 2**19 - 1), st.integers(0, 2**44 - 1))
def test_a_row_id_holds_its_position_and_fits_into_sqlite(partition, position):
    row = row_id(partition, position)
    assert position_of(row) == position
    assert row < row_id(partition + 1, 0)
    assert row < 2**63
