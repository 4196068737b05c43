"""The query that checks records while it reads them takes what is plain, rightly, or fails."""

import json
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from decoding import assert_agree, by_hope, by_reference
from pinlake.dataset import Column

COLUMNS = (
    Column("ind", "INT", required=True, aliases=("index",)),
    Column("name", "STRING", required="present"),
    Column("size", "BIGINT"),
    Column("share", "DOUBLE", required="present"),
    Column("title", "STRING"),
    Column("done", "BOOLEAN"),
)
MANY = ["as written", "escaped"]
EXPECTED = [*MANY, "few"]
TYPICAL = {
    "ind": "7",
    "name": '"x"',
    "size": "5",
    "share": "0.5",
    "title": '"5"',
    "done": "true",
}
PLAIN = [
    {},
    {"name": r'"caf\u00e9 \ud83d\udcb0 \"quoted\" \\ \n"', "title": '"é 💰"'},
    {"name": '"[1]"', "title": '"{}"'},
    {"name": '""', "title": '"null"'},
    {"ind": "-2147483648", "size": "9223372036854775807"},
    {"share": "-19.4061", "done": "false"},
    {"share": "45"},
    {"share": "1e-7"},
    {"name": "null", "title": "null"},
    {"name": r'"a\u0000b"'},
    {"name": '":"', "title": '","'},
    {"name": r'",\"ind\":7,"'},
    {"share": "-0.0"},
]
ODD = [
    {"ind": '"7"', "name": "5"},  # as many texts and numbers as there should be
    {"ind": "5.0", "share": "7"},
    {"done": "1", "name": "true", "ind": '"7"'},
    {"size": "1e3", "share": "7"},
    {"ind": "2147483648"},
    {"size": "9223372036854775808"},
    {"share": "1e400"},
    {"share": "NaN"},
    {"ind": "null"},
    {"name": "5.10"},
    {"name": '{"name": "x"}'},
    {"name": '["x"]'},
    {"done": "0"},
    {"share": '"0.5"'},
    {"share": "Infinity", "title": "0.5"},
    {"share": "nan"},
    {"share": "-inf"},
    {"ind": '"7"', "name": r'",\"ind\":7,"', "title": "7"},
    {"ind": "7.0", "share": "5"},
    {"ind": "7e0", "share": "5"},
    {"name": '":"', "title": "5", "more": '":"'},
    {"more": "1"},
    {"name": r'"\ud800"'},
    {"name": '"\t"'},
]
values = st.sampled_from(
    [value for each in PLAIN + ODD for value in each.values()]
    + ["-0", "-0.0", "007", "0", "1.0", "true", "TRUE", "[]", "{}", '"', "", '"a\x00b"', "\x00"]
    + ["nan", "inf", "-inf", "7.0", "7e0", '":"', '","', r'",\"ind\":7,"', r'"\"ind\":7}"']
    + [r'"\/"', r'"\x"', r'"\u00"', r'"\udcb0"', '"\x7f"', "1E5", "+1", ".5", "123456789012345678"]
)
names = st.sampled_from([*TYPICAL, "index", "Ind", r"na\u006de", "more", ""])


def text_of(pairs, comma=",", colon=":", end="}"):
    fields = comma.join(f'"{name}"{colon}{value}' for name, value in pairs)
    return ("{" + fields + end).encode()


def of(changes):
    return text_of({**TYPICAL, **changes}.items())


@st.composite
def records(draw):
    """A record of the usual shape with few changes, or one of two with as many values."""
    pairs = list(TYPICAL.items())
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(pairs) - 1))
        name, value = pairs[place]
        other = draw(st.integers(0, len(pairs) - 1))
        change = draw(st.sampled_from(["value", "value", "swap", "name", "drop", "again", "order"]))
        if change == "value":
            pairs[place] = (name, draw(values))
        elif change == "swap":
            pairs[place], pairs[other] = (name, pairs[other][1]), (pairs[other][0], value)
        elif change == "name":
            pairs[place] = (draw(names), value)
        elif change == "drop" and len(pairs) > 1:
            del pairs[place]
        elif change == "again":
            pairs.insert(other, (name, draw(values)))
        else:
            pairs[place], pairs[other] = pairs[other], pairs[place]
    comma, colon = (
        draw(st.sampled_from([",", ",", ", ", ",\n", ",,"])),
        draw(st.sampled_from([":", ":", ": ", " : "])),
    )
    end = draw(st.sampled_from(["}", "}", "}\n", " }", ",}", ", }", "", "}}", "} \n", "}x"]))
    content = text_of(pairs, comma, colon, end)
    return (
        content[: draw(st.integers(1, len(content)))] if draw(st.integers(0, 9)) == 0 else content
    )


@settings(max_examples=200, deadline=None)
@given(records(), st.sampled_from(EXPECTED))
@example(of({"ind": '"7"', "name": "5"}), "few")
@example(of({"ind": '"7"', "name": "5"}), "escaped")
def test_what_the_query_takes_is_what_the_rules_make_of_it(record, expected):
    found = by_hope([record], COLUMNS, expected)
    if found is not None:
        assert_agree(found, by_reference([record], COLUMNS))


@pytest.mark.parametrize("changes", PLAIN, ids=str)
@pytest.mark.parametrize("order", ["usual", "another"])
@pytest.mark.parametrize("expected", MANY)
def test_plain_records_are_taken(changes, order, expected):
    pairs = list({**TYPICAL, **changes}.items())
    if order == "another":
        random.Random(3).shuffle(pairs)
    record = text_of(pairs, ", ", ": ")
    found = by_hope([record], COLUMNS, expected)
    assert found is not None
    assert_agree(found, by_reference([record], COLUMNS))


@pytest.mark.parametrize(
    "changes", [each for each in PLAIN if "null" not in each.values()], ids=str
)
@pytest.mark.parametrize("blank", ["", " "])
def test_of_few_records_the_usual_ones_are_taken(changes, blank):
    record = text_of({**TYPICAL, **changes}.items(), f",{blank}", f":{blank}")
    found = by_hope([record], COLUMNS, "few")
    unusual = ({"share": "45"},)
    usual = changes not in unusual and not changes.get("ind", "").startswith("-")
    assert (found is not None) == usual
    if found is not None:
        assert_agree(found, by_reference([record], COLUMNS))


@pytest.mark.parametrize("changes", ODD, ids=str)
@pytest.mark.parametrize("expected", EXPECTED)
@pytest.mark.parametrize("blank", ["", " "])
def test_a_record_that_is_not_plain_is_not_taken(changes, expected, blank):
    record = text_of({**TYPICAL, **changes}.items(), f",{blank}", f":{blank}")
    assert by_hope([record], COLUMNS, expected) is None


@pytest.mark.parametrize("expected", EXPECTED)
def test_columns_whose_names_are_no_plain_text_are_told_from_texts(expected):
    columns = (Column('a"ind', "INT"), Column("ind", "INT"), Column("name", "STRING"))
    record = rb'{"a\"ind":7,"ind":"7","name":5}'
    assert by_hope([record], columns, expected) is None


@pytest.mark.parametrize("changes", ODD, ids=str)
@pytest.mark.parametrize("expected", MANY)
def test_a_record_that_is_not_plain_stops_the_query_wherever_it_is(changes, expected):
    typical = json.dumps({name: json.loads(value) for name, value in TYPICAL.items()}).encode()
    batch = [typical] * 5000
    assert by_hope(batch, COLUMNS, expected) is not None
    batch[4321] = of(changes)
    assert by_hope(batch, COLUMNS, expected) is None
