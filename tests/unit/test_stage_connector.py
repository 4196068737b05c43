"""What the sink makes of a real connector's configuration."""

from __future__ import annotations

import json
import math
import re
from array import array
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pinlake.errors import ConnectorInvalid, ConnectorUnreadable
from pinlake.log.base import Batch
from pinlake.log.columns import column
from pinlake.record import Partition, topic
from pinlake.settings import Sink
from pinlake.stage.connector.configuration import joda, read_connector
from pinlake.stage.connector.keys import FAMILIES, HONOURED, IGNORED, reason_not
from pinlake.stage.connector.properties import read_properties
from pinlake.stage.partitioner import ByField, ByTime, Default

PAGE = Path(__file__).parents[2] / "docs" / "stages.md"
BY_TIME = {
    "partitioner.class": "io.confluent.connect.storage.partitioner.TimeBasedPartitioner",
    "partition.duration.ms": "3600000",
    "path.format": "'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH",
    "locale": "en-US",
    "timezone": "UTC",
}
REAL = """
# as Confluent's documentation has it
name=s3-sink
connector.class=io.confluent.connect.s3.S3SinkConnector
tasks.max=1
topics=s3_topic
s3.region=us-west-2
s3.bucket.name=confluent-kafka-connect-s3-testing
s3.part.size=5242880
flush.size=3
storage.class=io.confluent.connect.s3.storage.S3Storage
format.class=io.confluent.connect.s3.format.json.JsonFormat
partitioner.class=io.confluent.connect.storage.partitioner.DefaultPartitioner
schema.compatibility=NONE
"""


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "connector"
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, "utf-8")
        return path

    return write


def test_java_properties_are_read_as_java_reads_them(write):
    content = (
        "! a comment\n  # another\n\na=1\nb : two words \nc three\nd\\ d=x\\=y\\\n   z\n"
        "e=\\u00e9\\t|\\q\nf\ng=\r\nh==\na=2\nlast=\\\\"
    )
    assert read_properties(write(content)) == {
        "a": "2",
        "b": "two words",
        "c": "three",
        "d d": "x=yz",
        "e": "é\t|q",
        "f": "",
        "g": "",
        "h": "=",
        "last": "\\",
    }


def test_a_comment_in_the_middle_of_a_continued_line_is_text(write):
    assert read_properties(write("a=1,\\\n  #2,\\\n  3\nb=4")) == {"a": "1,#2,3", "b": "4"}


@pytest.mark.parametrize("wrapped", [False, True])
def test_json_is_read_flat_or_as_connects_rest_interface_takes_it(write, wrapped):
    values = {"topics": "a", "flush.size": 3, "x": True}
    content = {"name": "n", "config": values} if wrapped else {"name": "n", **values}
    found = read_properties(write(content))
    assert found == {"name": "n", "topics": "a", "flush.size": "3", "x": "true"}


@pytest.mark.parametrize(
    "content", ['{"topics": ["a"]}', '{"topics": ', "a=\\u12", '{"config": {"a": null}}']
)
def test_a_file_that_is_neither_is_one_clear_error(write, content):
    with pytest.raises(ConnectorUnreadable, match=r"\.properties file"):
        read_properties(write(content))


def test_a_file_that_is_missing_is_one_clear_error(tmp_path):
    with pytest.raises(ConnectorUnreadable, match="No such file"):
        read_connector(tmp_path / "none")


def test_the_documented_example_is_honoured_but_for_the_keys_that_it_says(write):
    found = read_connector(write(REAL))
    assert (found.rotation.flush_size, found.partitioner) == (3, Default())
    assert (found.takes("s3_topic"), found.takes("other")) == (True, False)
    assert {each.key for each in found.notices} == {
        "tasks.max",
        "s3.region",
        "s3.bucket.name",
        "s3.part.size",
        "storage.class",
        "schema.compatibility",
    }
    assert all(str(each).startswith(f"{each.key} is not honoured: ") for each in found.notices)


def test_an_unknown_key_is_said_with_the_nearest_one(write):
    (notice,) = read_connector(write("flush.sise=3")).notices
    assert str(notice) == "flush.sise is not honoured: it is unknown; did you mean flush.size?"


def test_a_key_of_a_family_is_not_honoured_for_the_familys_reason():
    assert reason_not("value.converter.schema.registry.url") == FAMILIES["value.converter."]


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector"}, "connector.class"),
        ({"format.class": "io.confluent.connect.s3.format.avro.AvroFormat"}, "format.class"),
        ({"transforms": "route"}, "transforms"),
        ({"directory.delim": "_"}, "directory.delim"),
        ({"flush.size": "0"}, "flush.size"),
        ({"flush.size": "many"}, "flush.size"),
        ({"rotate.interval.ms": "1.5"}, "rotate.interval.ms"),
        ({"rotate.schedule.interval.ms": "60000"}, "timezone"),
        ({"topics": "a", "topics.regex": "a.*"}, "topics.regex"),
        ({"topics.regex": "a("}, "topics.regex"),
        ({"topics.dir": "../up"}, "topics.dir"),
        ({"topics.dir": "raw/in"}, "topics.dir"),
        ({"topics.dir": "a//b"}, "topics.dir"),
        ({"file.delim": "1"}, "file.delim"),
        ({"filename.offset.zero.pad.width": "-1"}, "filename.offset.zero.pad.width"),
        ({"s3.compression.type": "snappy"}, "s3.compression.type"),
        ({"partitioner.class": "com.example.MyPartitioner"}, "partitioner.class"),
        ({"partitioner.class": "FieldPartitioner"}, "partition.field.name"),
        ({**BY_TIME, "partition.duration.ms": "-1"}, "partition.duration.ms"),
        ({**BY_TIME, "partition.duration.ms": ""}, "partition.duration.ms"),
        ({**BY_TIME, "path.format": ""}, "path.format"),
        ({**BY_TIME, "path.format": "'open"}, "path.format"),
        ({**BY_TIME, "path.format": "YYYY//MM"}, "path.format"),
        ({**BY_TIME, "path.format": "'..'/MM"}, "path.format"),
        ({**BY_TIME, "path.format": "YYYY-q"}, "path.format"),
        ({**BY_TIME, "locale": ""}, "locale"),
        ({**BY_TIME, "locale": "fr-FR", "path.format": "MMMM"}, "locale"),
        ({**BY_TIME, "timezone": "Mars/Base"}, "timezone"),
        ({**BY_TIME, "timezone": ""}, "timezone"),
        ({**BY_TIME, "timestamp.extractor": "com.example.Mine"}, "timestamp.extractor"),
        ({"rotate.file.on.partition.change": "maybe"}, "rotate.file.on.partition.change"),
    ],
)
def test_what_cannot_be_honoured_without_another_meaning_is_refused(write, values, key):
    with pytest.raises(ConnectorInvalid, match=rf"{re.escape(key)} = .* cannot be honoured: "):
        read_connector(write(values))


def test_what_the_file_leaves_open_is_as_the_settings_say(write):
    settings = Sink(flush_size=7, rotate_seconds=1.5, rotate_bytes=99)
    rotation = read_connector(write("topics=a"), settings).rotation
    assert (rotation.flush_size, rotation.seconds, rotation.size) == (7, 1.5, 99)


@pytest.mark.parametrize(
    ("values", "seconds", "record_ms"),
    [
        ({"rotate.interval.ms": "1500"}, 1.5, 0),
        ({"rotate.interval.ms": "-1"}, math.inf, 0),
        ({"rotate.schedule.interval.ms": "60000", "timezone": "UTC"}, math.inf, 0),
        ({**BY_TIME, "rotate.interval.ms": "60000"}, 60.0, 60_000),
    ],
)
def test_rotation_by_time_follows_the_partitioner(write, values, seconds, record_ms):
    rotation = read_connector(write(values)).rotation
    assert (rotation.seconds, rotation.record_ms) == (seconds, record_ms)


def test_names_of_objects_follow_the_configuration(write):
    values = {
        "topics.dir": "kafka/in/",
        "file.delim": "-",
        "filename.offset.zero.pad.width": 4,
        "s3.compression.type": "gzip",
    }
    naming = read_connector(write(values)).naming
    assert str(naming.key("a", "x=1", 2, 3)) == "kafka/in/a/x=1/a-2-0003.json.gz"


def test_topics_are_taken_by_name_or_by_a_pattern_of_the_whole_name(write):
    named = read_connector(write("topics= a , b.c ")).takes
    assert [named(each) for each in ("a", "b.c", "b", "")] == [True, True, False, False]
    matched = read_connector(write({"topics.regex": r"0abc.*\.(pin|geo)"})).takes
    assert [matched(each) for each in ("0abc12.pin", "0abc12.pins")] == [True, False]


def test_each_partitioner_is_known_by_its_own_name_or_its_class(write):
    field = {"partitioner.class": "FieldPartitioner", "partition.field.name": "a, b"}
    assert read_connector(write(field)).partitioner == ByField(("a", "b"))
    hourly = read_connector(write({**BY_TIME, "partitioner.class": "x.HourlyPartitioner"}))
    assert isinstance(hourly.partitioner, ByTime)
    assert hourly.partitioner.folder(1_700_000_000_000) == "year=2023/month=11/day=14/hour=22"
    daily = read_connector(write({**BY_TIME, "partitioner.class": "DailyPartitioner"}))
    assert daily.partitioner.folder(1_700_000_000_000) == "year=2023/month=11/day=14"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("YYYY-MM-dd", "2024-03-09"),
        ("yy/M/d/H/m/s", "24/3/9/5/7/8"),
        ("'dt'=YYYY'-'MM'-'dd/'hr'=HH'/us-east-1'", "dt=2024-03-09/hr=05/us-east-1"),
        ("'it''s' ''D'' DDD", "it's '69' 069"),
        ("EEE EEEE MMM MMMM a", "Sat Saturday Mar March AM"),
        ("xxxx-'W'ww-e", "2024-W10-6"),
        ("kk KK hh", "05 05 05"),
        ("SSS S SSSSS", "123 1 12300"),
        ("Z ZZ ZZZ", "+0100 +01:00 Europe/Paris"),
        ("CC G", "20 AD"),
    ],
)
def test_path_formats_are_joda_times(pattern, text):
    at = datetime(2024, 3, 9, 5, 7, 8, 123_000, ZoneInfo("Europe/Paris"))
    assert joda.compiled(pattern)(at) == text


@pytest.mark.parametrize(
    ("zone", "time", "folder"),
    [
        ("UTC", "2024-03-10T23:59", "2024-03-10 23"),
        ("America/New_York", "2024-03-10T06:59", "2024-03-10 01"),
        ("America/New_York", "2024-03-10T07:00", "2024-03-10 03"),
        ("Asia/Kolkata", "2024-01-01T00:29", "2024-01-01 05"),
        ("UTC", "1969-12-31T23:59", "1970-01-01 00"),
    ],
)
def test_a_folder_of_time_begins_by_the_clock_of_its_zone(zone, time, folder):
    """The last one as the connector's own division does it, towards zero."""
    at = int(datetime.fromisoformat(time + "+00:00").timestamp() * 1000)
    by_hour = ByTime(3_600_000, ZoneInfo(zone), joda.compiled("YYYY-MM-dd HH"))
    assert by_hour.folder(at) == folder


def test_a_fixed_offset_is_a_zone(write):
    found = read_connector(write({**BY_TIME, "timezone": "-05:30"})).partitioner
    assert found.zone.utcoffset(None) == -timedelta(hours=5, minutes=30)


@pytest.mark.parametrize(
    ("value", "folder"),
    [
        (b'{"city":"Oslo"}', "city=Oslo"),
        (b'{"city":12}', "city=12"),
        (b'{"city":-0}', "city=-0"),
        (b'{"city":true}', "city=true"),
        (b'{"city":null}', "city=null"),
        (b'{"city":"a/../b%"}', "city=a%2F..%2Fb%25"),
        (b'{"city":"\\u0000\\n"}', "city=%00%0A"),
        ('{"city":"Ærø"}'.encode(), "city=Ærø"),
        (b'{"city":1.5}', "city=__HIVE_DEFAULT_PARTITION__"),
        (b'{"city":[1]}', "city=__HIVE_DEFAULT_PARTITION__"),
        (b"{}", "city=__HIVE_DEFAULT_PARTITION__"),
        (b"[1]", "city=__HIVE_DEFAULT_PARTITION__"),
        (b"no json", "city=__HIVE_DEFAULT_PARTITION__"),
        (b'{"city":"\xff"}', "city=__HIVE_DEFAULT_PARTITION__"),
        (b'{"city":"\\ud800"}', "city=__HIVE_DEFAULT_PARTITION__"),
        (None, "city=__HIVE_DEFAULT_PARTITION__"),
        (b'{"city":"' + b"x" * 300 + b'"}', "city=__HIVE_DEFAULT_PARTITION__"),
    ],
)
def test_a_folder_is_named_by_the_field_and_never_leaves_the_topic(value, folder):
    assert ByField(("city",)).folder(value) == folder


def test_fields_may_be_several_and_lie_within_others():
    partitioner = ByField(("a.b", "c"))
    assert partitioner.folder(b'{"a":{"b":1},"c":"x"}') == "a.b=1/c=x"
    assert ByField(("a.b",)).folder(b'{"a.b":2,"a":{"b":1}}') == "a.b=2"
    assert ByField(("c",), named=False).folder(b'{"c":".."}') == "__HIVE_DEFAULT_PARTITION__"


@pytest.mark.parametrize(
    ("field", "folder"),
    [
        ("1700000000000", "2023"),
        ("1700000000000.9", "2023"),
        ('"2022-05-06T07:08:09.123Z"', "2022"),
        ('"2023-01-01T00:30:00+01:00"', "2022"),
        ('"2021-07"', "2021"),
        ('"T12:00"', "1970"),
        ('"2021-02-30"', "__HIVE_DEFAULT_PARTITION__"),
        ('"yesterday"', "__HIVE_DEFAULT_PARTITION__"),
        ('""', "__HIVE_DEFAULT_PARTITION__"),
        ("true", "__HIVE_DEFAULT_PARTITION__"),
        ("null", "__HIVE_DEFAULT_PARTITION__"),
        ("1e300", "__HIVE_DEFAULT_PARTITION__"),
        ("9223372036854775807", "__HIVE_DEFAULT_PARTITION__"),
        ('"9999-12-31T23:59:59-23:59"', "__HIVE_DEFAULT_PARTITION__"),
    ],
)
def test_a_records_own_field_tells_its_folder_of_time(field, folder):
    value = f'{{"at":{field}}}'.encode()
    one = array("q", [0])
    batch = Batch(Partition(topic("a"), 0), one, one, column([None]), column([value]))
    yearly = ByTime(1, UTC, joda.compiled("YYYY"), "RecordField", "at")
    assert [tag.folder for tag in yearly.tags(batch, 0)] == [folder]


def test_the_page_tells_every_key_as_the_code_has_it():
    section = PAGE.read_text("utf-8").partition("## Connector properties\n")[2]
    told = dict(re.findall(r"^\| `([a-z0-9.]+)` \| (.+) \|$", section, re.MULTILINE))
    expected = {key: text.replace("|", "\\|") for key, text in HONOURED.items()}
    expected |= {key: f"not honoured: {text}" for key, text in IGNORED.items()}
    expected |= {f"{key}*": f"not honoured: {text}" for key, text in FAMILIES.items()}
    told |= dict(re.findall(r"^\| `([a-z0-9.]+\*)` \| (.+) \|$", section, re.MULTILINE))
    assert told == expected
