"""The engine's steps of stage stream: ranges of the log into stream tables and quarantine."""

import base64
import json

import pytest

from harness.delta_log import assert_sound, schema_of
from pinlake.dataset import Column, Table
from pinlake.engine import records
from pinlake.engine.base import LogRange, LogRanges, Step
from pinlake.errors import TopicUnknown
from pinlake.record import Partition, Record, stream, topic
from steps import World

TABLE = Table(
    "t",
    key="ind",
    columns=(Column("ind", "INT", required=True), Column("name", "STRING")),
    clean_sql="SELECT ind, name FROM t",
)
UNROUTED = Table("_unrouted")


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.engine.close()


def row(ind, name="x"):
    return json.dumps({"ind": ind, "name": name}).encode()


def test_rows_duplicates_and_quarantine_add_up_to_the_records(world):
    upto = world.post("s", [row(1), b"junk", row(1, "y"), b"[" + row(2) + b",7]"])
    outcome = world.stream(TABLE, 1, "s", None, upto)
    assert (outcome.rows, outcome.duplicates, outcome.quarantined, outcome.version) == (2, 1, 2, 1)
    assert world.rows("stream/t") == [(1, "x"), (2, "x")]
    assert world.rows("quarantine/stream/t") == [
        ("s", "0", "1", 0, "not JSON", b"junk"),
        ("s", "0", "3", 1, "not an object", b"7"),
    ]
    assert_sound(world.folder / "stream/t")


def test_a_batch_of_thousands_is_taken_as_one_of_few_is(world):
    world.stream(TABLE, 1, "s", None, world.post("s", [row(1, "first"), row(5_500, "first")]))
    numbers = [*range(3 * records.FEW // 2), 7, 8]
    last = world.post("s", [*(row(number, f"n{at}") for at, number in enumerate(numbers)), b"junk"])
    outcome = world.stream(TABLE, 2, "s", 1, last)
    taken = 3 * records.FEW // 2 - 2
    assert (outcome.rows, outcome.duplicates, outcome.quarantined) == (taken, 4, 1)
    held = dict(world.rows("stream/t"))
    assert len(held) == taken + 2
    assert (held[1], held[5_500], held[7], held[8]) == ("first", "first", "n7", "n8")
    assert_sound(world.folder / "stream/t")


def test_a_range_takes_its_own_records_alone(world):
    upto = world.post("s", [row(number) for number in range(10)])
    world.stream(TABLE, 1, "s", None, 3)
    world.stream(TABLE, 2, "s", 3, 3)
    world.stream(TABLE, 3, "s", 3, upto)
    assert [ind for ind, _ in sorted(world.rows("stream/t"))] == list(range(10))


def test_the_bytes_of_a_value_stay_as_they_were_sent(world):
    sent = [b"\xff\n", b' "aGVsbG8=" ', None, b""]
    world.stream(TABLE, 1, "s", None, world.post("s", sent))
    assert world.rows("quarantine/stream/t", "position", "reason", "bytes") == [
        ("0", "not JSON", b"\xff\n"),
        ("1", "not JSON", b' "aGVsbG8=" '),
        ("2", "not an object", b"null"),
        ("3", "not JSON", b""),
    ]


def test_several_partitions_are_one_step_in_order(world):
    upto = world.post("a", [row(1, "a0")])
    world.post("b", [row(1, "b0"), row(2, "b0")])
    ranges = LogRanges(
        (
            LogRange(Partition(stream("a"), 0), None, upto),
            LogRange(Partition(stream("b"), 0), None, 1),
        )
    )
    assert world.engine.run(Step("stream", TABLE, 1, ranges)).duplicates == 1
    assert world.rows("stream/t") == [(1, "a0"), (2, "b0")]


def test_a_topic_and_a_stream_of_one_name_are_told_apart(world):
    world.post("s", [row(1, "stream"), row(2, "stream")])
    world.log.create(topic("s"))
    world.log.append(Partition(topic("s"), 0), [Record(row(1, "topic")), Record(b"junk")])
    ranges = LogRanges(
        (
            LogRange(Partition(stream("s"), 0), None, 1),
            LogRange(Partition(topic("s"), 0), None, 1),
        )
    )
    outcome = world.engine.run(Step("stream", TABLE, 1, ranges))
    assert (outcome.rows, outcome.duplicates, outcome.quarantined) == (2, 1, 1)
    assert world.rows("stream/t") == [(1, "stream"), (2, "stream")]
    assert world.rows("quarantine/stream/t", "topic", "position") == [("s", "1")]


def test_the_longest_pattern_that_fits_a_partition_key_takes_the_record(world):
    keys = ["pin", "pin-partition", "pine", "PIN", "pi[n]", "pi?", "geo"]
    upto = world.post("s", [row(number) for number in range(7)], keys)
    patterns = ("pin*", "pine*", "pi[n]*", "pi?*")
    taken = {}
    for takes in patterns:
        table = Table(f"t{len(taken)}", key="ind", columns=TABLE.columns)
        sql = f"SELECT ind, name FROM {table.name}"
        table = Table(table.name, key="ind", columns=TABLE.columns, clean_sql=sql)
        rivals = tuple(each for each in patterns if each != takes)
        world.stream(table, 1, "s", None, upto, takes, rivals)
        taken[takes] = [keys[ind] for ind, _ in world.rows(f"stream/{table.name}")]
    assert taken == {
        "pin*": ["pin", "pin-partition"],
        "pine*": ["pine"],
        "pi[n]*": ["pi[n]"],
        "pi?*": ["pi?"],
    }
    outcome = world.stream(UNROUTED, 1, "s", None, upto, "", patterns)
    assert (outcome.rows, outcome.quarantined) == (0, 2)
    assert world.rows("quarantine/stream/_unrouted", "position", "reason", "bytes") == [
        ("3", "no table takes the partition key", row(3)),
        ("6", "no table takes the partition key", row(6)),
    ]


def test_what_nobody_takes_is_quarantined_once(world):
    upto = world.post("s", [row(1)], ["geo"])
    assert world.stream(UNROUTED, 1, "s", None, upto, "", ("pin*",)).quarantined == 1
    world.restart()
    assert world.stream(UNROUTED, 1, "s", None, upto, "", ("pin*",)).found_done
    assert len(world.rows("quarantine/stream/_unrouted")) == 1


def test_nothing_unrouted_writes_nothing(world):
    upto = world.post("s", [row(1)], ["pin"])
    outcome = world.stream(UNROUTED, 1, "s", None, upto, "", ("pin*",))
    assert (outcome.quarantined, outcome.version) == (0, None)
    assert world.versions() == {}


def test_a_record_without_a_partition_key_or_with_a_key_of_bytes_fits_no_pattern(world):
    world.log.create(stream("s"))
    records = [Record(row(1)), Record(row(2), key=b"\xff"), Record(row(3), key=b"p")]
    world.log.append(Partition(stream("s"), 0), records)
    world.stream(TABLE, 1, "s", None, 2, "p*")
    assert world.rows("stream/t") == [(3, "x")]
    world.stream(UNROUTED, 1, "s", None, 2, "", ("p*",))
    assert world.rows("quarantine/stream/_unrouted", "position") == [("0",), ("1",)]


def test_a_stream_that_nobody_claims_is_json_text_with_its_provenance(world):
    upto = world.post("any", [b'{ "a": 1 }', b"no JSON", b"[1]"], ["k", "", "ü"])
    outcome = world.stream(Table("any"), 1, "any", None, upto)
    assert (outcome.rows, outcome.quarantined) == (3, 0)
    assert schema_of(world.folder / "stream/any") == [
        ("value", "string"),
        ("_partition_key", "string"),
        ("_stream", "string"),
        ("_shard", "integer"),
        ("_position", "string"),
        ("_element", "integer"),
    ]
    encoded = json.dumps(base64.b64encode(b"no JSON").decode())
    assert sorted(world.rows("stream/any"), key=lambda found: found[4]) == [
        ('{ "a": 1 }', "k", "any", 0, "0", 0),
        (encoded, "", "any", 0, "1", 0),
        ("[1]", "ü", "any", 0, "2", 0),
    ]


def test_a_step_keeps_the_keys_of_former_steps(world):
    first = world.post("s", [row(1, "a"), row(2, "a")])
    world.stream(TABLE, 1, "s", None, first)
    upto = world.post("s", [row(2, "b"), row(3, "b")])
    assert world.stream(TABLE, 2, "s", first, upto).duplicates == 1
    assert world.rows("stream/t") == [(1, "a"), (2, "a"), (3, "b")]


def test_a_stream_that_is_gone_is_an_error_and_no_empty_commit(world):
    with pytest.raises(TopicUnknown):
        world.stream(TABLE, 1, "gone", None, 5)
    assert world.versions() == {}
