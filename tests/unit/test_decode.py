"""What a record's bytes mean, case by case; decode_ways_agree holds DuckDB to the same."""

import base64
import json

import pytest

from decoding import by_engine
from pinlake.dataset import Column
from pinlake.engine.decode import Decoder, Reject, from_base64, is_json

IND = Column("ind", "INT", required=True, aliases=("index",))
NAME = Column("name", "STRING", required="present")
SHARE = Column("share", "DOUBLE")
BIG = Column("big", "BIGINT")
DONE = Column("done", "BOOLEAN")
ROW = b'{"ind":5,"name":"x"}'


def row_of(content, columns=(IND, NAME)):
    (found,) = Decoder(columns).decode(content)
    assert not isinstance(found, Reject), found.reason
    return json.loads(found.json), found.rescued and json.loads(found.rescued)


def reasons_of(content, columns=(IND, NAME)):
    return [(each.element, each.reason) for each in Decoder(columns).decode(content)]


@pytest.mark.parametrize(
    "content",
    [
        ROW,
        b' {"name" : "x" , "ind" : 5 } \n',
        b'{"index":5,"name":"x"}',
        b'{"ind":"5","name":"x"}',
        b'{"ind":"+05","name":"x"}',
        b"[" + ROW + b"]",
        json.dumps(ROW.decode()).encode(),
        base64.b64encode(ROW),
        json.dumps(base64.b64encode(ROW).decode()).encode(),
        json.dumps(base64.b64encode(base64.b64encode(ROW)).decode()).encode(),
        json.dumps([ROW.decode()]).encode(),
        json.dumps([base64.b64encode(ROW).decode()]).encode(),
        json.dumps(f"[{ROW.decode()}]").encode(),
    ],
)
def test_every_way_in_which_a_client_sends_a_row_gives_the_row(content):
    assert row_of(content) == ({"ind": 5, "name": "x"}, None)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (b"\xff", "not JSON"),
        (b"NaN", "not JSON"),
        (b'{"ind":NaN,"name":"x"}', "not JSON"),
        (b'{"ind":5,"name":"x",}', "not JSON"),
        (b'{"ind":5,"name":"\xff"}', "not JSON"),
        (b'{"ind":5,"name":"\\ud800"}', "not JSON"),
        (ROW + ROW, "not JSON"),
        (b"[" * 600 + b"]" * 600, "not JSON"),
        (b'"hello"', "not JSON"),
        (b'"17"', "not JSON"),
        (b"17", "not an object"),
        (b"null", "not an object"),
        (b"[]", "empty list"),
        (b"[[{}]]", "not an object"),
        (b"[null]", "not an object"),
        (b'["x"]', "not JSON"),
        (b'{"name":"x"}', "column ind is missing"),
        (b'{"ind":null,"name":"x"}', "column ind is null"),
        (b'{"ind":5}', "column name is missing"),
        (b'{"ind":9.5,"name":"x"}', "column ind is not a whole number: 9.5"),
        (b'{"ind":"1e3","name":"x"}', "column ind is not a whole number: 1e3"),
        (b'{"ind":"","name":"x"}', "column ind is not a whole number: "),
        (b'{"ind":true,"name":"x"}', "column ind is not a whole number: true"),
        (b'{"ind":[1],"name":"x"}', "column ind is not a whole number: a list"),
        (b'{"ind":2147483648,"name":"x"}', "column ind is out of range of INT: 2147483648"),
        (b'{"ind":1,"ind":2,"name":"x"}', "key ind comes twice"),
        (
            b'{"ind":"' + b"x" * 90 + b'","name":"x"}',
            f"column ind is not a whole number: {'x' * 39}…",
        ),
    ],
)
def test_what_is_no_row_says_why(content, reason):
    assert reasons_of(content) == [(0, reason)]


def test_each_element_of_a_list_is_a_row_or_says_why_it_is_none():
    found = Decoder((IND,)).decode(b'[{"ind":1}, {"ind":"x"}, 7, "{\\"ind\\":2}", []]')
    assert [each.element for each in found] == [0, 1, 2, 3, 4]
    assert [each.json for each in found if not isinstance(each, Reject)] == [
        b'{"ind":1}',
        b'{"ind":2}',
    ]
    bad = [each for each in found if isinstance(each, Reject)]
    assert [each.content for each in bad] == [b'{"ind":"x"}', b"7", b"[]"]


def test_the_canonical_name_beats_its_alias_and_the_loser_is_rescued():
    assert row_of(b'{"index":4,"ind":5,"name":"x"}') == ({"ind": 5, "name": "x"}, {"index": 4})
    assert reasons_of(b'{"index":4,"ind":null,"name":"x"}') == [(0, "column ind is null")]


def test_unknown_keys_are_rescued_with_their_own_json():
    row, rescued = row_of(b'{"ind":5,"name":"x","more":{"a" : 1.10},"Ind":9}')
    assert row == {"ind": 5, "name": "x"}
    assert rescued == {"more": {"a": 1.10}, "Ind": 9}
    (found,) = Decoder((IND,)).decode(b'{"ind":5,"more":[ 1.10, 12345678901234567890123 ]}')
    assert found.rescued == '{"more":[1.10,12345678901234567890123]}'


@pytest.mark.parametrize(
    ("json_value", "text"),
    [
        (b"1.10", "1.10"),
        (b"12345678901234567890123", "12345678901234567890123"),
        (b"1E400", "1E400"),
        (b"true", "true"),
        (b'{ "a" : [ 1.0 ] }', '{"a":[1.0]}'),
        (b'"\\u00e9\\u0000"', "é\x00"),
        (b'""', ""),
    ],
)
def test_a_text_column_keeps_what_was_sent(json_value, text):
    content = b'{"ind":5,"name":' + json_value + b"}"
    assert row_of(content) == ({"ind": 5, "name": text}, None)
    assert by_engine([content], (IND, NAME)) == {(100, 0): ((5, text), None)}


@pytest.mark.parametrize(
    ("column", "json_value", "value"),
    [
        (SHARE, b'"-1.5e3"', -1500.0),
        (SHARE, b"7", 7.0),
        (SHARE, b'".5"', 0.5),
        (SHARE, b"12345678901234567890123", 12345678901234567890123.0),
        (BIG, b"-9223372036854775808", -(2**63)),
        (BIG, b'"9223372036854775807"', 2**63 - 1),
        (DONE, b'"false"', False),
        (DONE, b"true", True),
    ],
)
def test_numbers_and_truth_values_may_come_as_text(column, json_value, value):
    content = b'{"ind":5,"' + column.name.encode() + b'":' + json_value + b"}"
    assert row_of(content, (IND, column)) == ({"ind": 5, column.name: value}, None)
    assert by_engine([content], (IND, column)) == {(100, 0): ((5, value), None)}


@pytest.mark.parametrize(
    ("column", "json_value"),
    [
        (SHARE, b"1e400"),
        (SHARE, b'"NaN"'),
        (SHARE, b'" 1"'),
        (SHARE, b"false"),
        (BIG, b"9223372036854775808"),
        (BIG, b"1.0"),
        (DONE, b"1"),
        (DONE, b'"TRUE"'),
    ],
)
def test_what_does_not_fit_an_optional_column_is_null_and_rescued(column, json_value):
    content = b'{"ind":5,"' + column.name.encode() + b'":' + json_value + b"}"
    rescued = (b'{"' + column.name.encode() + b'":' + json_value + b"}").decode()
    assert by_engine([content], (IND, column)) == {(100, 0): ((5, None), rescued)}


def test_a_key_without_a_name_is_no_column():
    assert row_of(b'{"ind":5,"":1}', (IND, SHARE)) == ({"ind": 5, "share": None}, {"": 1})


def test_an_optional_column_may_be_missing():
    assert row_of(b'{"ind":5}', (IND, SHARE)) == ({"ind": 5, "share": None}, None)


def test_names_that_differ_in_case_alone_are_told_apart():
    columns = (IND, Column("size", "INT", aliases=("SIZE", "Ind")))
    contents = [b'{"ind":1,"SIZE":2}', b'{"ind":1,"Ind":2}', b'{"IND":1,"size":2}']
    assert by_engine(contents, columns) == {
        (100, 0): ((1, 2), None),
        (101, 0): ((1, 2), None),
        (102, 0): "column ind is missing",
    }


def test_names_that_need_quotes_are_columns_like_any_other():
    columns = (Column('it\'s "1"', "STRING", required=True), Column("{a} b", "INT"))
    content = json.dumps({columns[0].name: "x", columns[1].name: 3}).encode()
    assert by_engine([content], columns) == {(100, 0): (("x", 3), None)}


def test_base64_is_strict():
    assert from_base64(b"aGk=") == b"hi"
    assert from_base64(b"") == b""
    for text in (b"aGk", b"aGk=\n", b"a", b"aG-_", b" aGk=", b"===="):
        assert from_base64(text) is None


def test_json_is_strict():
    assert is_json(b' {"a": [1e400, "\\u00e9"]} ')
    for text in (b"", b"[1,]", b"Infinity", b"\xef\xbb\xbf1", b"01", b"'a'", b"{a:1}", b'"\t"'):
        assert not is_json(text)
