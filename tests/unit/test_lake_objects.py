"""The layout and the lines of objects."""

from __future__ import annotations

import base64
import json

import pytest

from pinlake.errors import ObjectTorn
from pinlake.lake import objects, offsets
from pinlake.lake.file import FileLake
from pinlake.lake.naming import Naming
from pinlake.lake.objects import ObjectKey


@pytest.fixture
def lake(tmp_path):
    return FileLake(tmp_path.as_uri())


def test_a_key_is_the_one_kafka_connect_would_write():
    key = ObjectKey("0abc12345678.pin", 3, 42)
    assert str(key) == "topics/0abc12345678.pin/partition=3/0abc12345678.pin+3+0000000042.json"


@pytest.mark.parametrize("start", [0, 9_999_999_999, 10_000_000_000])
def test_a_key_is_read_back_as_it_was_written(start):
    key = ObjectKey("a.b-c_d", 12, start)
    assert objects.parse(str(key)) == key


@pytest.mark.parametrize(
    "key",
    [
        "topics/a/partition=0/b+0+0000000000.json",
        "topics/a/partition=0/a+0-0000000000.json",
        "topics/a/partition=0/a0000000000.json",
        "topics/a/partition=0/a+0+0000000000.json.tmp",
        "topics/a/partition=0/a+0+0000000000.json\n",
        "raw/a/partition=0/a+0+0000000000.json",
    ],
)
def test_what_is_no_key_is_not_read_as_one(key):
    assert objects.parse(key) is None


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (b'{"a": 1,\n "b" : [1, 2.50]}', b'{"a":1,"b":[1,2.50]}'),
        (b' "x y" ', b'"x y"'),
        (b"1e400", b"1e400"),
        (b"12345678901234567890123", b"12345678901234567890123"),
        (b'{"a":1,"a":2}', b'{"a":1,"a":2}'),
        ('"é\u2028"'.encode(), '"é\u2028"'.encode()),
        (b'"\\u0000\\ud83d\\ude00"', b'"\\u0000\\ud83d\\ude00"'),
        (b"null", b"null"),
        (None, b"null"),
    ],
)
def test_json_stays_as_it_was_sent_but_for_the_space_between(value, line):
    assert objects.line(value) == line + b"\n"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" ",
        b"NaN",
        b'{"a":NaN}',
        b"Infinity",
        b"01",
        b"+1",
        b"1.",
        b"{'a':1}",
        b'{"a":1,}',
        b"1 2",
        b'{"a":1}{"a":2}',
        b'"a\nb"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf{}",
        b'"\\ud800"',
        b'"open',
        b"\x00\x01\x02",
        b"plain text",
        b"[" * 100_000 + b"]" * 100_000,
    ],
)
def test_what_is_no_json_becomes_a_string_of_its_base64(value):
    line = objects.line(value)
    assert line.endswith(b"\n")
    assert base64.b64decode(json.loads(line)) == value


def test_json_as_deep_as_allowed_is_json_and_one_deeper_is_not():
    def nested(depth):
        return b"[" * depth + b"]" * depth

    assert objects.line(nested(objects.MAX_DEPTH)) == nested(objects.MAX_DEPTH) + b"\n"
    assert objects.line(nested(objects.MAX_DEPTH + 1)).startswith(b'"')


def test_brackets_inside_strings_do_not_count_as_depth():
    value = json.dumps("[{" * 5000 + '"\\').encode()
    assert objects.line(value) == value + b"\n"


def test_a_record_is_one_line_whatever_is_in_it():
    content = objects.lines([b'{"a":\n1}', None, b"\n\n", b'"\\n"'])
    assert content.count(b"\n") == 4


def test_objects_are_listed_by_offset_even_past_ten_digits(lake):
    starts = [10_000_000_000, 0, 9_999_999_999, 5]
    for start in starts:
        objects.put(lake, ObjectKey("a", 0, start), b"1\n")
    found = objects.list_after(lake, "a", 0, None)
    assert [each.key.start for each in found] == sorted(starts)
    assert [each.size for each in found] == [2, 2, 2, 2]


def test_a_listing_begins_after_the_object_that_is_named(lake):
    for start in (0, 10, 20):
        objects.put(lake, ObjectKey("a", 0, start), b"1\n")
    assert [each.key.start for each in objects.list_after(lake, "a", 0, 10)] == [20]


@pytest.mark.parametrize(
    "naming",
    [
        Naming("kafka/in", "-", 0),
        Naming("topics", "+", 20, ".json.gz"),
        Naming("x/a.b-c", "_", 3),
    ],
)
@pytest.mark.parametrize("folder", ["partition=7", "year=2024/month=01", "a.b-c=a.b-c+1+2.json"])
def test_what_a_sink_was_configured_to_call_an_object_is_read_back(naming, folder):
    key = naming.key("a.b-c", folder, 12, 42)
    assert objects.parse(str(key)) == key
    assert (key.topic, key.partition, key.start) == ("a.b-c", 12, 42)


def test_objects_in_other_folders_are_listed_with_their_topic(lake):
    keys = [
        ObjectKey("a", 0, 10),
        Naming("kafka/in", "-", 0).key("a", "city=Oslo", 0, 5),
        Naming("topics", "+", 10, ".json.gz").key("a", "year=2024/month=01", 1, 0),
    ]
    objects.add_root(lake, "kafka/in")
    for key in keys:
        objects.put(lake, key, b"1\n")
    assert objects.topics(lake) == ["a"]
    assert objects.listing(lake, "a") == sorted(keys)
    assert [objects.get(lake, str(key)) for key in keys] == [b"1\n"] * 3


@pytest.mark.parametrize("held", [[0], [0, 1, 2], [3, 5, 6, 9], list(range(7, 5000, 3))])
def test_offsets_are_read_back_as_they_were_written(held):
    assert list(offsets.read(offsets.written(held))) == held


def test_an_object_whose_offsets_are_told_has_those_and_any_other_counts_on(lake):
    offsets.put(lake, "topics/k", "3,5-6")
    assert list(offsets.of(lake, "topics/k", 3, 3)) == [3, 5, 6]
    assert list(offsets.of(lake, "topics/other", 3, 3)) == [3, 4, 5]
    with pytest.raises(ObjectTorn, match="2 lines"):
        offsets.of(lake, "topics/k", 3, 2)


def test_drafts_and_foreign_files_are_not_listed(lake):
    objects.put(lake, ObjectKey("a", 0, 0), b"1\n")
    folder = lake.path("topics/a/partition=0")
    (folder / ".draft~1-1").write_bytes(b"torn")
    (folder / "notes.txt").write_bytes(b"mine")
    assert len(objects.list_after(lake, "a", 0, None)) == 1


def test_topics_and_partitions_are_found_in_order(lake):
    for topic, partition in (("b", 10), ("b", 9), ("a", 0)):
        objects.put(lake, ObjectKey(topic, partition, 0), b"")
    assert objects.topics(lake) == ["a", "b"]
    assert objects.partitions(lake, "b") == [9, 10]
    assert objects.partitions(lake, "none") == []


def test_an_object_that_is_gone_is_an_error_that_names_it(lake):
    with pytest.raises(FileNotFoundError, match="partition=0"):
        objects.get(lake, str(ObjectKey("a", 0, 0)))
