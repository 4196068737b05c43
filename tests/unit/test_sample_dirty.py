"""The dirty rows that other tests feed on are what they claim to be."""

import base64
import json
import random

import pytest

from pinlake.dataset import load
from pinlake.source.sample import generate
from reference import dirty

PINTEREST = load("pinterest")


@pytest.fixture(params=["pin", "geo", "user"])
def row(request):
    return next(generate(PINTEREST, request.param, 12, 1))


def test_every_faithful_form_holds_the_row(row):
    for value in dirty.faithful(row, random.Random(1)):
        assert plain(value) == row


def test_all_three_forms_of_a_time_occur():
    row = next(generate(PINTEREST, "geo", 12, 1))
    rng = random.Random(1)
    seen = {dirty.redated(row, rng)["timestamp"][4::6][:2] for _ in range(50)}
    assert seen == {"- ", "-T", ": "}


def test_no_damaged_form_is_the_row_itself(row):
    rng = random.Random(1)
    for _ in range(50):
        missing, wrong, null, *_rest, cut = dirty.damaged(row, rng)
        assert len(json.loads(missing)) == len(row) - 1
        assert json.loads(wrong).keys() == row.keys()
        assert None in json.loads(null).values()
        with pytest.raises(ValueError, match=r"Expecting|Unterminated|Invalid|delimiter"):
            json.loads(cut)


def test_the_same_seed_gives_the_same_variants(row):
    one, other = (dirty.variants(row, random.Random(5)) for _ in range(2))
    assert one == other
    assert all(isinstance(value, bytes) for value in one)
    assert one != dirty.variants(row, random.Random(6))


def plain(value):
    """Undo one faithful form by the rules of the contract."""
    row = json.loads(value)
    if isinstance(row, str):
        row = json.loads(row if row.startswith("{") else base64.b64decode(row))
    if isinstance(row, list):
        (row,) = row
    if "index" in row and "unique_id" not in row:
        row = {"ind": row.pop("index"), **row}
    elif "ind" in row and "unique_id" in row:
        row = {"index": row.pop("ind"), **row}
    for name in ("timestamp", "date_joined"):
        if name in row:
            row[name] = row[name][:10].replace(":", "-") + row[name][10:].replace("T", " ")
    return row
