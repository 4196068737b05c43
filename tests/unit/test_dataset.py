"""Routing, and reading a data set's folder."""

import shutil
from pathlib import Path

import pytest

from pinlake import dataset
from pinlake.dataset import Column, StreamRoute
from pinlake.errors import DatasetInvalid, DatasetUnknown
from pinlake.table import Expectation

ID = "0a1b2c3d4e5f"
SMALL = """\
[tables.shop]
topics = "shops"
key = "code"

[tables.shop.columns]
code = { type = "STRING", required = true }
size = { type = "INT" }
"""


@pytest.fixture(scope="module")
def pinterest():
    return dataset.load("pinterest")


@pytest.fixture
def small(tmp_path):
    """Return a function that writes a small data set's dataset.toml and gives its folder."""
    (tmp_path / "clean").mkdir()
    (tmp_path / "queries").mkdir()
    (tmp_path / "clean" / "shop.sql").write_text("SELECT code, size FROM `shop`\n")

    def write(text=SMALL):
        (tmp_path / "dataset.toml").write_text(text)
        return tmp_path

    return write


def refusal(folder):
    with pytest.raises(DatasetInvalid) as caught:
        dataset.load(str(folder))
    return caught.value


def test_the_shipped_data_set_is_loaded_by_name(pinterest):
    assert pinterest.name == "pinterest"
    assert list(pinterest.tables) == ["pin", "geo", "user"]
    assert pinterest.rows == 11154
    assert len(pinterest.questions) == 10


def test_columns_keep_their_order_types_and_aliases(pinterest):
    assert [column.name for column in pinterest.tables["geo"].columns] == [
        "ind",
        "timestamp",
        "latitude",
        "longitude",
        "country",
    ]
    assert pinterest.tables["user"].columns[0] == Column("ind", "INT", True, ("index",))
    assert pinterest.tables["pin"].columns[1] == Column("unique_id", "STRING", "present")


def test_every_column_of_the_pinterest_tables_must_be_present(pinterest):
    required = [column.required for table in pinterest.tables.values() for column in table.columns]
    assert required.count(True) == 3
    assert set(required) == {True, "present"}


def test_the_classic_producer_is_declared(pinterest):
    producer = pinterest.producer
    assert (producer.seed, producer.first, producer.last) == (100, 0, 11000)
    assert (producer.sleep_seconds, producer.order) == ((0, 1), ("pin", "geo", "user"))
    assert [table.source_table for table in pinterest.tables.values()] == [
        "pinterest_data",
        "geolocation_data",
        "user_data",
    ]


def test_a_question_has_its_first_comment_as_title(pinterest):
    assert pinterest.questions["users_joined_by_year"].title == (
        "How many people joined, per year from 2015 to 2020?"
    )


@pytest.mark.parametrize("table", ["pin", "geo", "user"])
def test_a_topic_of_any_user_id_and_the_tables_own_name_are_claimed(pinterest, table):
    assert pinterest.table_of_topic(f"{ID}.{table}").name == table
    assert pinterest.table_of_topic(table).name == table


@pytest.mark.parametrize(
    "topic",
    [
        "0a1b2c3d4e5.pin",
        "0a1b2c3d4e5f6.pin",
        "0A1B2C3D4E5F.pin",
        "0a1b2c3d4e5gpin",
        f"{ID}xpin",
        f"{ID}.pins",
        f"x{ID}.pin",
        f"{ID}.pin\n",
        f"streaming-{ID}-pin",
        "PIN",
        "",
    ],
)
def test_other_topics_are_claimed_by_no_table(pinterest, topic):
    assert pinterest.table_of_topic(topic) is None


def test_the_topics_of_a_table_are_those_that_it_claims_in_their_order(pinterest):
    topics = [f"{ID}.user", "pin", "mine", f"{ID}.pin", "geo"]
    assert pinterest.topics_of("pin", topics) == ["pin", f"{ID}.pin"]
    assert pinterest.topics_of("geo", topics) == ["geo"]
    assert pinterest.topics_of("mine", topics) == []


def test_a_stream_of_its_own_feeds_its_table_whole(pinterest):
    assert pinterest.tables_of_stream(f"streaming-{ID}-geo") == ((pinterest.tables["geo"], None),)
    assert pinterest.tables_of_stream("geo") == ((pinterest.tables["geo"], None),)


def test_the_shared_stream_feeds_three_tables_by_partition_key(pinterest):
    fed = pinterest.tables_of_stream("Kinesis-Prod-Stream")
    assert [(table.name, key) for table, key in fed] == [
        ("pin", "pin*"),
        ("geo", "geo*"),
        ("user", "user*"),
    ]


def test_a_stream_that_no_table_claims_feeds_none(pinterest):
    assert pinterest.tables_of_stream(f"{ID}.pin") == ()


def test_a_small_data_set_is_loaded_by_its_path_with_defaults(small):
    loaded = dataset.load(str(small()))
    shop = loaded.tables["shop"]
    assert (loaded.rows, loaded.functions_sql, dict(loaded.questions)) == (1000, "", {})
    assert (shop.topics, shop.streams, shop.source_table) == (("shops",), (), "shop")
    assert (shop.event_time, shop.columns[1].required, shop.generic) == (None, False, False)
    assert loaded.producer.order == ("shop",)


def test_a_relative_path_starts_at_the_base(small):
    folder = small()
    assert dataset.load(folder.name, folder.parent).path == folder


def test_a_data_set_has_its_own_functions(small):
    folder = small()
    (folder / "functions.sql").write_text("-- words\n")
    assert dataset.load(str(folder)).functions_sql == "-- words\n"


def test_streams_may_be_one_name_a_list_or_shared(small):
    text = SMALL.replace(
        'key = "code"',
        'streams = ["a-{id}", { name = "b", partition_key = "shop*" }]\nkey = "code"',
    )
    assert dataset.load(str(small(text))).tables["shop"].streams == (
        StreamRoute("a-{id}"),
        StreamRoute("b", "shop*"),
    )


@pytest.mark.parametrize("name", ["pinteres", "/nowhere/at/all", "", "."])
def test_an_unknown_name_or_a_folder_without_the_file_names_what_there_is(name, tmp_path):
    with pytest.raises(DatasetUnknown, match="pinterest"):
        dataset.load(name, tmp_path)


REFUSED = [
    (
        'size = { type = "INT" }',
        'size = { type = "INTEGER" }',
        7,
        "type is 'INTEGER', which is none of",
    ),
    ('size = { type = "INT" }', 'size = { typ = "INT" }', 7, "no key 'typ', the nearest is 'type'"),
    ('size = { type = "INT" }', "size = {}", 7, "missing required field `type`"),
    ('size = { type = "INT" }', 'size = "INT"', 7, "Expected `object`, got `str`"),
    ("required = true", 'required = "yes"', 6, "none of 'present', true, false"),
    ("size =", "_size =", 7, "pinlake's own"),
    ("size =", "Code =", 7, "names the column 'code' already"),
    ('type = "INT" }', 'type = "INT", aliases = ["code"] }', 7, "names the column 'code' already"),
    ('topics = "shops"', 'topics = "shops/{id}"', 2, "is no pattern of a name"),
    ('topics = "shops"', "topics = 1", 2, "Expected"),
    ('topics = "shops"', 'streams = [{ nam = "x" }]', 2, "no key 'nam', the nearest is 'name'"),
    (
        'topics = "shops"',
        'streams = [{ name = "x", partition_key = "a[b]" }]',
        2,
        "no partition-key",
    ),
    ("tables.shop", "tables.shop-1", 1, "is no table name"),
    ('key = "code"', "", 1, "missing required field `key`"),
    ("[tables.shop]", "rows = 0\n[tables.shop]", 1, "Expected `int` >= 1"),
    ("[tables.shop]", "row = 5\n[tables.shop]", 1, "no key 'row', the nearest is 'rows'"),
    ("[tables.shop]", "[producer]\nlast = -1\n\n[tables.shop]", 2, "0 <= first <= last"),
    ("[tables.shop]", '[producer]\norder = ["shops"]\n\n[tables.shop]', 2, "no table 'shops'"),
    ("[tables.shop]", "[producer]\nsleep_seconds = []\n[tables.shop]", 2, "sleep_seconds"),
    ("[tables.shop]", "[producer]\nsede = 1\n[tables.shop]", 2, "the nearest is 'seed'"),
    ('key = "code"', "key =", 3, "this is no TOML"),
    ('key = "code"', 'key = "code"\nkey = "x"', 4, "this is no TOML"),
]


@pytest.mark.parametrize(("old", "new", "line", "reason"), REFUSED)
def test_a_fault_in_dataset_toml_is_refused_with_its_line(small, old, new, line, reason):
    assert old in SMALL
    folder = small(SMALL.replace(old, new))
    error = refusal(folder)
    assert (error.path, error.line) == (folder / "dataset.toml", line)
    assert reason in error.reason


def test_an_unknown_key_of_a_table_names_the_nearest(small):
    error = refusal(small(SMALL.replace("topics", "topic")))
    assert error.line == 2
    assert str(error).endswith(":2: there is no key 'topic', the nearest is 'topics'.")


def test_a_data_set_without_tables_is_refused(small):
    assert "missing required field `tables`" in refusal(small("rows = 5\n")).reason


def test_a_table_without_its_cleaning_is_refused(small):
    folder = small()
    (folder / "clean" / "shop.sql").unlink()
    error = refusal(folder)
    assert error.line == 1
    assert "clean/shop.sql is missing" in error.reason


def test_a_cleaning_without_its_table_is_refused(small):
    folder = small()
    (folder / "clean" / "shops.sql").write_text("SELECT 1")
    error = refusal(folder)
    assert error.path == folder / "clean" / "shops.sql"
    assert "the nearest is 'shop'" in error.reason


@pytest.mark.parametrize(
    "sql", ["SELECT 1", "", "--\nSELECT 1", "\n-- Title\nSELECT 1", "/* x */ SELECT 1"]
)
def test_a_question_without_a_title_is_refused(small, sql):
    folder = small()
    (folder / "queries" / "q.sql").write_text(sql)
    assert "title" in refusal(folder).reason


def test_a_file_that_is_not_utf8_is_refused_with_its_line(small):
    folder = small()
    (folder / "clean" / "shop.sql").write_bytes(b"SELECT code\nFROM \xff shop")
    error = refusal(folder)
    assert (error.path.name, error.line, error.reason) == ("shop.sql", 2, "this is not UTF-8")


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ('topics = "x"', 'topics = "x"', "feeds 'shop' already"),
        ('streams = "x"', 'streams = "x"', "tell them apart by keys"),
        ('streams = [{ name = "x", partition_key = "a*" }]', 'streams = "x"', "tell them apart"),
        (
            'streams = [{ name = "x", partition_key = "a*" }]',
            'streams = [{ name = "x", partition_key = "a*" }]',
            "tell them apart",
        ),
    ],
)
def test_two_tables_that_want_the_same_records_are_refused(small, first, second, reason):
    text = SMALL.replace('topics = "shops"', first)
    text += SMALL.replace("shop", "store").replace('topics = "stores"', second)
    folder = small(text)
    (folder / "clean" / "store.sql").write_text("SELECT code FROM `store`\n")
    error = refusal(folder)
    assert reason in error.reason
    assert error.line == 9


def test_every_shipped_data_set_is_found_by_its_folder():
    for name, folder in dataset.shipped().items():
        assert isinstance(folder, Path)
        assert dataset.load(name).path == folder


def test_a_copied_data_set_is_the_same_but_for_its_place(pinterest, tmp_path):
    copied = dataset.load(str(shutil.copytree(pinterest.path, tmp_path / "mine")))
    assert copied.name == "mine"
    assert [table.columns for table in copied.tables.values()] == [
        table.columns for table in pinterest.tables.values()
    ]


def test_expectations_keep_their_order_conditions_actions_and_lines(small):
    told = SMALL + (
        "[tables.shop.expectations]\n"
        'big = "size > 9"\n'
        'coded = { constraint = "code IS NOT NULL", action = "fail" }\n'
        "[tables.shop.expectations.small]\n"
        'constraint = """\nsize < 5\n"""\n'
    )
    assert dataset.load(str(small(told))).tables["shop"].expectations == (
        Expectation("big", "size > 9", "warn", 9),
        Expectation("coded", "code IS NOT NULL", "fail", 10),
        Expectation("small", "size < 5\n", "warn", 11),
    )


def test_a_data_set_may_expect_nothing(small):
    assert dataset.load(str(small())).tables["shop"].expectations == ()
