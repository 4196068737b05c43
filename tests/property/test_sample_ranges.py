"""A row depends on its number and the seed alone, however its range is cut."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pinlake.dataset import load
from pinlake.source.sample import generate

PINTEREST = load("pinterest")
TABLES = st.sampled_from(["pin", "geo", "user"])


@settings(max_examples=40, deadline=None)
@given(TABLES, st.integers(0, 5000), st.integers(0, 1500), st.integers(0, 1500), st.integers(0, 9))
def test_a_range_is_the_same_whole_or_in_two_parts(table, first, left, right, seed):
    whole = list(generate(PINTEREST, table, first, left + right, seed))
    parts = [
        *generate(PINTEREST, table, first, left, seed),
        *generate(PINTEREST, table, first + left, right, seed),
    ]
    assert whole == parts


@settings(max_examples=40, deadline=None)
@given(TABLES, st.integers(0, 3_000_000), st.integers(-5, 2**70))
def test_a_row_alone_is_the_same_again_and_has_its_own_number(table, number, seed):
    (row,) = generate(PINTEREST, table, number, 1, seed)
    assert [row] == list(generate(PINTEREST, table, number, 1, seed))
    assert row["index" if table == "pin" else "ind"] == number
