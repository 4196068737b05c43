"""The engine's steps of stage load: objects into raw tables and quarantine."""

import base64
import json

import pytest
from deltalake import DeltaTable

from harness.delta_log import actions, assert_sound, schema_of
from pinlake.dataset import Column, Table
from pinlake.errors import ColumnsChanged, ObjectForeign
from steps import World

TABLE = Table(
    "t",
    key="ind",
    columns=(Column("ind", "INT", required=True), Column("name", "STRING"), Column("at", "DOUBLE")),
)


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.engine.close()


def row(ind, name="x", at=0.5):
    return json.dumps({"ind": ind, "name": name, "at": at}).encode()


def test_rows_keep_where_they_come_from(world):
    first = world.put("a.t", [row(1), b"[" + row(2) + b"," + row(3) + b"]"], start=7)
    second = world.put("b.t", [row(4)], start=0, partition=2)
    outcome = world.load(TABLE, 1, first, second)
    assert (outcome.rows, outcome.duplicates, outcome.quarantined) == (4, 0, 0)
    assert world.rows("raw/t") == [
        (1, "x", 0.5, "a.t", 0, 7, 0, first, None),
        (2, "x", 0.5, "a.t", 0, 8, 0, first, None),
        (3, "x", 0.5, "a.t", 0, 8, 1, first, None),
        (4, "x", 0.5, "b.t", 2, 0, 0, second, None),
    ]


def test_the_raw_table_has_the_columns_then_the_provenance_at_the_lowest_protocol(world):
    world.load(TABLE, 1, world.put("a.t", [row(1)]))
    assert schema_of(world.folder / "raw/t") == [
        ("ind", "integer"),
        ("name", "string"),
        ("at", "double"),
        ("_topic", "string"),
        ("_partition", "integer"),
        ("_offset", "long"),
        ("_element", "integer"),
        ("_object", "string"),
        ("_rescued_data", "string"),
    ]
    assert_sound(world.folder / "raw/t")


def test_what_is_no_row_is_quarantined_with_the_bytes_that_were_sent(world):
    sent = [b"\xff\x00", b"not JSON", b'{"ind": 1.5}', b"[1, 2]", None, b'"some text"']
    outcome = world.load(TABLE, 1, world.put("a.t", sent, start=3))
    assert (outcome.rows, outcome.quarantined) == (0, 7)
    assert schema_of(world.folder / "quarantine/load/t") == [
        ("topic", "string"),
        ("partition", "string"),
        ("position", "string"),
        ("element", "integer"),
        ("reason", "string"),
        ("bytes", "binary"),
    ]
    assert world.rows("quarantine/load/t") == [
        ("a.t", "0", "3", 0, "not JSON", b"\xff\x00"),
        ("a.t", "0", "4", 0, "not JSON", b"not JSON"),
        ("a.t", "0", "5", 0, "column ind is not a whole number: 1.5", b'{"ind":1.5}'),
        ("a.t", "0", "6", 0, "not an object", b"1"),
        ("a.t", "0", "6", 1, "not an object", b"2"),
        ("a.t", "0", "7", 0, "not an object", b"null"),
        ("a.t", "0", "8", 0, "not JSON", b'"some text"'),
    ]


def test_a_commit_carries_the_step_and_its_counts(world):
    outcome = world.load(TABLE, 5, world.put("a.t", [row(1), b"x"]))
    assert outcome.version == 1
    (txn,) = [action for _, kind, action in actions(world.folder / "raw/t") if kind == "txn"]
    assert (txn["appId"], txn["version"]) == ("load/t", 5)
    newest = world.history("raw/t")[0]
    assert (newest["rows"], newest["duplicates"], newest["quarantined"]) == ("1", "0", "1")


def test_a_step_without_rows_is_still_a_commit(world):
    assert world.load(TABLE, 1, world.put("a.t", [b"x"])).version == 1
    assert world.load(TABLE, 1, world.put("a.t", [b"x"])).found_done
    assert DeltaTable(str(world.folder / "raw/t")).transaction_version("load/t") == 1


def test_an_empty_object_gives_no_rows(world):
    outcome = world.load(TABLE, 1, world.put("a.t", []))
    assert (outcome.rows, outcome.quarantined) == (0, 0)


def test_a_thousand_objects_of_one_record_are_one_commit(world):
    keys = [world.put("a.t", [row(number)], start=number) for number in range(1000)]
    assert world.load(TABLE, 1, *keys).rows == 1000
    assert [found[0] for found in sorted(world.rows("raw/t", "_offset"))] == list(range(1000))


def test_odd_and_plain_records_may_alternate_over_many_blocks(world):
    plain, odd = row(1, "p" * 3000), b'{"name":"q","ind":"2","more":1}'
    sent = [odd if number % 7 == 0 else plain for number in range(6000)]
    keys = [world.put("a.t", sent[at : at + 1500], start=at) for at in range(0, 6000, 1500)]
    assert world.load(TABLE, 1, *keys).rows == 6000
    found = sorted(world.rows("raw/t", "_offset", "ind", "_rescued_data"))
    assert found == [
        (number, 2, '{"more":1}') if number % 7 == 0 else (number, 1, None)
        for number in range(6000)
    ]


def test_a_file_that_is_no_object_is_refused_by_name(world):
    with pytest.raises(ObjectForeign, match=r"topics/a\.t/notes\.txt"):
        world.load(TABLE, 1, "topics/a.t/notes.txt")


def test_an_object_that_is_gone_is_no_empty_one(world):
    with pytest.raises(FileNotFoundError):
        world.load(TABLE, 1, "topics/a.t/partition=0/a.t+0+0000000000.json")


def test_other_columns_than_the_table_has_are_refused(world):
    world.load(TABLE, 1, world.put("a.t", [row(1)]))
    fewer = Table("t", key="ind", columns=TABLE.columns[:1])
    with pytest.raises(ColumnsChanged, match="raw/t"):
        world.load(fewer, 2, world.put("a.t", [b'{"ind":1}'], start=1))


def test_a_topic_that_nobody_claims_is_json_text_with_its_provenance(world):
    sent = [b'{ "a" : 1.10 }', b"[1, 2]", b"no JSON", b"NaN", None, b'"NaN ,]"', b""]
    outcome = world.load(Table("any.topic"), 1, world.put("any.topic", sent))
    assert (outcome.rows, outcome.quarantined) == (7, 0)
    assert schema_of(world.folder / "raw/any.topic")[0] == ("value", "string")
    found = [value for _, value in sorted(world.rows("raw/any.topic", "_offset", "value"))]
    assert found == [
        '{"a":1.10}',
        "[1,2]",
        json.dumps(base64.b64encode(b"no JSON").decode()),
        json.dumps(base64.b64encode(b"NaN").decode()),
        "null",
        '"NaN ,]"',
        '""',
    ]


def test_a_foreign_object_whose_lines_are_no_json_still_loads_as_base64(world):
    key = world.put("any.topic", [])
    world.lake.put(key, b"[1,]\n{\n\xff\n")
    assert world.load(Table("any.topic"), 1, key).rows == 3
    values = [json.loads(value) for (value,) in world.rows("raw/any.topic", "value")]
    assert sorted(map(base64.b64decode, values)) == [b"[1,]", b"{", b"\xff"]
