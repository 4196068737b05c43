"""Whatever bytes a CSV file holds, each of them is in one record, or in a blank line."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from pinlake.source.delimited import entries

PIECES = st.sampled_from(
    [b'"', b",", b"\n", b"\r\n", b"\r", b"a", b"1.5", b" ", b"\xff", b"\x00", "é".encode()]
)
TEXTS = st.lists(PIECES, max_size=40).map(b"".join)
FIELDS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=6)
TABLES = st.lists(st.lists(FIELDS, min_size=2, max_size=4), max_size=6)


@given(TEXTS)
def test_every_byte_is_in_one_record_or_in_a_blank_line(content):
    at = 0
    for each in entries(content, ","):
        assert not content[at : each.start].strip(b"\r\n")
        assert each.start < each.end
        assert each.line == 1 + content[: each.start].count(b"\n")
        assert bool(each.fields) != each.fault.startswith("not CSV")
        at = each.end
    assert not content[at:].strip(b"\r\n")


@given(TABLES)
def test_what_was_written_as_csv_is_read_as_it_was(table):
    written = io.StringIO()
    csv.writer(written, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(table)
    found = list(entries(written.getvalue().encode(), ","))
    assert [each.fields for each in found] == table
    assert not any(each.fault for each in found)


@given(TEXTS, st.integers(0, 60))
def test_a_text_may_be_cut_behind_any_record(content, place):
    whole = list(entries(content, ","))
    if not whole:
        return
    cut = whole[place % len(whole)]
    rest = entries(content[cut.end :], ",", cut.line + content[cut.start : cut.end].count(b"\n"))
    assert [each.fields for each in rest] == [
        each.fields for each in whole[place % len(whole) + 1 :]
    ]
