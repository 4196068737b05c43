"""The engine's steps of stage clean: the first row of each key, whatever happened before."""

import json

import pytest

from harness.delta_log import assert_sound, schema_of
from pinlake.dataset import Column, Table
from pinlake.engine.base import Step, Versions
from pinlake.errors import TableExchanged
from pinlake.lake import tables
from steps import World

TABLE = Table(
    "user",
    key="ind",
    columns=(Column("code", "STRING", required="present"), Column("at", "STRING")),
    clean_sql="SELECT whole_number(code) AS ind, utc_timestamp(at) AS `at`, struct(at) AS whole, "
    "abbreviated_number(code) AS big FROM `user` WHERE code <> 'skip'",
)
TEXT = Table(
    "tag",
    key="name",
    columns=(Column("name", "STRING"), Column("n", "INT")),
    clean_sql="SELECT blank_to_null(name) AS name, n FROM tag",
)


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.engine.close()


def values(*rows):
    return [json.dumps({"code": code, "at": at}).encode() for code, at in rows]


def tags(*rows):
    return [json.dumps({"name": name, "n": n}).encode() for name, n in rows]


def fed(world, table, number, content, start=0, topic="a.t", partition=0):
    """Load an object as plan ``number`` and return the version of raw."""
    return world.load(table, number, world.put(topic, content, start, partition)).version


def test_a_clean_table_has_exactly_what_the_select_gives(world):
    upto = fed(world, TABLE, 1, values(("7", "2018-03-01 12:00:00"), ("8", None)))
    outcome = world.clean(TABLE, 1, None, upto)
    assert (outcome.rows, outcome.duplicates, outcome.quarantined, outcome.version) == (2, 0, 0, 1)
    ind, at, whole, big = schema_of(world.folder / "clean/user")
    assert (ind, at, big) == (("ind", "integer"), ("at", "timestamp"), ("big", "long"))
    assert [(each["name"], each["type"]) for each in whole[1]["fields"]] == [("at", "string")]
    assert_sound(world.folder / "clean/user")
    assert [row["at"] and row["at"].isoformat() for row in world.maps("clean/user")] == [
        "2018-03-01T12:00:00+00:00",
        None,
    ]


def test_the_lowest_topic_partition_offset_and_element_of_a_key_wins(world):
    fed(world, TEXT, 1, tags(("k", 1)), start=9, topic="b.t")
    fed(world, TEXT, 2, tags(("k", 2)), start=10, topic="a.t", partition=1)
    fed(world, TEXT, 3, [b"[" + b",".join(tags(("j", 3), ("k", 4))) + b"]"], start=10, topic="a.t")
    upto = fed(world, TEXT, 4, tags(("k", 5)), start=11, topic="a.t")
    outcome = world.clean(TEXT, 1, None, upto)
    assert (outcome.rows, outcome.duplicates) == (2, 3)
    assert world.rows("clean/tag") == [("j", 3), ("k", 4)]


def test_a_key_that_the_table_has_stays_as_it_is(world):
    first = fed(world, TEXT, 1, tags(("k", 1), ("l", 1)), start=5)
    world.clean(TEXT, 1, None, first)
    second = fed(world, TEXT, 2, tags(("k", 2), ("m", 2)), start=0)
    outcome = world.clean(TEXT, 2, first, second)
    assert (outcome.rows, outcome.duplicates) == (1, 1)
    assert world.rows("clean/tag") == [("k", 1), ("l", 1), ("m", 2)]


def test_a_new_process_knows_the_keys_that_are_there(world):
    first = fed(world, TEXT, 1, tags(("k", 1)))
    world.clean(TEXT, 1, None, first)
    world.restart()
    second = fed(world, TEXT, 2, tags(("k", 2)), start=1)
    assert world.clean(TEXT, 2, first, second).duplicates == 1
    assert world.rows("clean/tag") == [("k", 1)]


def test_keys_that_another_process_committed_are_known_too(world):
    versions = [fed(world, TEXT, n, tags(("k", n), (f"k{n}", n)), start=2 * n) for n in (1, 2, 3)]
    world.clean(TEXT, 1, None, versions[0])
    other = World(world.folder.parent)
    other.clean(TEXT, 2, versions[0], versions[1])
    other.engine.close()
    assert world.clean(TEXT, 3, versions[1], versions[2]).duplicates == 1
    assert world.rows("clean/tag") == [("k", 1), ("k1", 1), ("k2", 2), ("k3", 3)]


def test_the_loser_of_a_race_for_one_plan_finds_it_done(world):
    upto = fed(world, TEXT, 1, tags(("k", 1)))
    other = World(world.folder.parent)
    assert not other.clean(TEXT, 1, None, upto).found_done
    assert world.clean(TEXT, 1, None, upto).found_done
    other.engine.close()
    assert world.rows("clean/tag") == [("k", 1)]


def test_a_row_without_a_key_goes_to_quarantine_as_its_raw_row(world):
    upto = fed(world, TABLE, 1, values(("x", None), ("1", None), ("skip", None)), start=3)
    outcome = world.clean(TABLE, 1, None, upto)
    assert (outcome.rows, outcome.duplicates, outcome.quarantined) == (1, 0, 1)
    ((topic, partition, position, element, reason, content),) = world.rows("quarantine/clean/user")
    assert (topic, partition, position, element) == ("a.t", "0", "3", 0)
    assert reason == "key ind is null"
    assert json.loads(content)["code"] == "x"


def test_versions_without_new_rows_are_a_commit_without_rows(world):
    upto = fed(world, TEXT, 1, [b"junk"])
    outcome = world.clean(TEXT, 1, None, upto)
    assert (outcome.rows, outcome.version) == (0, 1)
    assert world.clean(TEXT, 1, None, upto).found_done


def test_a_rebuilt_raw_table_is_refused(world):
    upto = fed(world, TEXT, 1, tags(("k", 1)))
    step = Step("clean", TEXT, 1, Versions("raw/tag", "another id", None, upto))
    with pytest.raises(TableExchanged, match="raw/tag"):
        world.engine.run(step)
    missing = Step("clean", TABLE, 1, Versions("raw/user", "an id", None, 1))
    with pytest.raises(TableExchanged, match="missing"):
        world.engine.run(missing)


def test_a_clean_table_that_is_rebuilt_is_filled_anew(world):
    upto = fed(world, TEXT, 1, tags(("k", 1)))
    world.clean(TEXT, 1, None, upto)
    world.lake.delete_tree("clean/tag")
    assert world.clean(TEXT, 1, None, upto).rows == 1
    assert world.rows("clean/tag") == [("k", 1)]


def test_two_tables_with_like_columns_keep_their_keys_apart(world):
    twin = Table("tog", key="name", columns=TEXT.columns, clean_sql="SELECT name, n FROM tog")
    for table in (TEXT, twin):
        world.clean(table, 1, None, fed(world, table, 1, tags(("k", 1)), topic=table.name))
    assert world.rows("clean/tag") == world.rows("clean/tog") == [("k", 1)]


def test_files_whose_keys_lie_elsewhere_are_not_read(world):
    after = None
    for number in (1, 2, 3):
        upto = fed(world, TABLE, number, values((str(100 * number), None)), start=number)
        world.clean(TABLE, number, after, upto)
        after = upto
    world.restart()
    upto = fed(world, TABLE, 4, values(("100", None), ("150", None)), start=4)
    assert world.clean(TABLE, 4, after, upto).duplicates == 1
    files = tables.snapshot(world.lake, "clean/user").files
    assert len(files) == 4
    (index,) = [
        name
        for (name,) in world.engine.connection.sql(
            "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '_keys%'"
        ).fetchall()
    ]
    keys = world.engine.connection.sql(f'SELECT key FROM "{index}" ORDER BY key').fetchall()
    assert keys == [(100,), (150,)]
