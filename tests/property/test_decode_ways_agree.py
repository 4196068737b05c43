"""DuckDB's way, the one-by-one way and the reference decode everything alike."""

import base64
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from decoding import assert_agree, by_engine, by_hand, by_reference
from pinlake.dataset import Column

COLUMNS = (
    Column("ind", "INT", required=True, aliases=("index",)),
    Column("name", "STRING", required="present"),
    Column("size", "BIGINT"),
    Column("share", "DOUBLE", required="present"),
    Column("done", "BOOLEAN", aliases=("finished",)),
)
TYPICAL = {"ind": 7, "name": "x", "size": 5, "share": 0.5, "done": True}

raw_numbers = st.sampled_from(
    [
        "0",
        "-0",
        "1",
        "-1",
        "007",
        "1.0",
        "9.5",
        "1e3",
        "1E400",
        "-1e400",
        "1.10",
        "2147483647",
        "2147483648",
        "-2147483648",
        "-2147483649",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "18446744073709551616",
        "123456789012345678901234567890",
        "0.1234567890123456789012345",
        "1e-400",
        "5e-324",
        "NaN",
        "Infinity",
    ]
)
raw_texts = st.one_of(
    st.text(max_size=5),
    st.sampled_from(["5", "+5", " 5", "9.5", "1e3", "", "true", "TRUE", ".5", "5.", "٣", "1_0"]),
    st.sampled_from(["NaN", ",}", "[1,]", "nan", "null", "aGk=", "{}", '{"ind": 3}', "x" * 60]),
).map(json.dumps)


def as_object(pairs, space=" "):
    return "{" + ",".join(f"{key}:{space}{value}" for key, value in pairs) + "}"


raw_values = st.recursive(
    st.one_of(raw_numbers, raw_texts, st.sampled_from(["null", "true", "false"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(st.tuples(raw_texts, inner), max_size=2).map(as_object),
    ),
    max_leaves=4,
)
keys = st.sampled_from(["ind", "index", "name", "size", "share", "done", "finished", "Ind", "more"])


@st.composite
def objects(draw):
    """An object: mostly the known keys in order, then mutated."""
    pairs = {key: json.dumps(value) for key, value in TYPICAL.items()}
    for key in draw(st.lists(keys, max_size=3)):
        pairs[key] = draw(raw_values)
    for key in draw(st.lists(keys, max_size=1)):
        pairs.pop(key, None)
    items = [(json.dumps(key), value) for key, value in pairs.items()]
    items = draw(st.sampled_from([items, items, items, items[::-1], [*items, *items[:1]]]))
    text = as_object(items, draw(st.sampled_from(["", " ", "\n"])))
    return (
        text if draw(st.booleans()) else draw(st.sampled_from([text, text[:-1] + ",}", text + " "]))
    )


@st.composite
def contents(draw):
    """A record's value: an object, or one wrapped as clients wrap it, or junk."""
    element = st.one_of(objects(), objects().map(json.dumps), raw_values)
    text = draw(
        st.one_of(
            objects(),
            objects(),
            objects().map(json.dumps),
            st.lists(element, max_size=3).map(lambda items: f"[{','.join(items)}]"),
            raw_values,
        )
    )
    content = text.encode("utf-8", "surrogatepass")
    wrap = draw(st.sampled_from(["", "", "", "", "base64", "string", "both", "cut"]))
    if wrap == "cut":
        return content[: draw(st.integers(0, len(content)))]
    if wrap in {"base64", "both"}:
        content = base64.b64encode(content)
    if wrap in {"string", "both"}:
        content = json.dumps(content.decode("utf-8", "replace")).encode()
    return content


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(contents(), st.binary(max_size=6)), max_size=30))
def test_all_ways_of_decoding_agree(batch):
    wanted = by_reference(batch, COLUMNS)
    assert_agree(by_engine(batch, COLUMNS), wanted)
    assert_agree(by_hand(batch, COLUMNS), wanted)
