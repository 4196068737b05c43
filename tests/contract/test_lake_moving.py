"""A lake is copied to another place of any store, and compared: nothing is missed, nothing remains."""

import shutil

import duckdb
import pytest

import lakes
from pinlake.errors import LakeDiffers, LakeMoving, LakeTaken
from pinlake.lake import moving, objects, tables
from pinlake.lake.naming import ObjectKey
from pinlake.stage.start import open_crew
from stage_homes import STREAM, TOPIC, make_home, once, open_home, post, value


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The folder of a home whose stages have taken all there is."""
    folder = tmp_path_factory.mktemp("sound")
    home, dataset = make_home(folder)
    post(home, TOPIC, [*map(value, range(30)), b"no row"])
    post(home, STREAM, [*map(value, range(30)), b"no row"])
    for stage in ("sink", "load", "clean", "stream"):
        once(stage, home, dataset)
    return folder


@pytest.fixture
def home(sound, tmp_path):
    shutil.copytree(sound, tmp_path / "own")
    return open_home(tmp_path / "own")[0]


@pytest.fixture
def source(home):
    return lakes.file_place(home.path).open()


@pytest.fixture
def target(place):
    return place.open()


@pytest.fixture
def connection():
    with duckdb.connect(":memory:") as connection:
        yield connection


def test_a_copy_is_equal_in_every_table_and_plan(source, target, connection):
    moving.begin(target, source.url)
    copied = moving.copy(source, target)
    assert (copied.files, copied.found) == (len(list(moving.files(source))), 0)
    assert moving.compare(source, target, connection) == 5
    moving.finish(target)
    assert sorted(moving.files(target)) == sorted(moving.files(source))
    assert target.get(moving.MARK) is None


def test_a_copy_goes_on_and_follows_what_changed_meanwhile(source, target, connection):
    moving.begin(target, source.url)
    moving.copy(source, target)
    key = str(objects.listing(source, "sales")[0])
    source.put(key, source.get(key).replace(b"n7", b"n8"))  # as an erasure does, of one size too
    target.put("topics/sales/partition=0/sales+0+0000000099.json", b"gone since\n")
    for file in [each for each in moving.files(target) if each.startswith("raw/")][:2]:
        target.delete(file)
    moving.begin(target, source.url)
    assert moving.copy(source, target).found > 0
    assert target.get(key) == source.get(key)
    assert moving.compare(source, target, connection) == 5


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("file", "sales\\+0\\+0000000099.json is there and should be gone"),
        ("plan", "the newest plan of load sale is Plan"),
        ("rows", "raw/sale is Told"),
    ],
)
def test_what_differs_is_named(source, target, connection, what, told):
    moving.begin(target, source.url)
    moving.copy(source, target)
    if what == "plan":
        target.put(f"progress/load/sale/{1:020}.json", b'{"number":1}')
    elif what == "file":
        objects.put(target, ObjectKey("sales", 0, 99), b"1\n")
    else:
        _exchange_rows(source, target)
    with pytest.raises(LakeDiffers, match=told):
        moving.compare(source, target, connection)


def _exchange_rows(source, target):
    """Give a table's file the bytes of another one with as many rows and columns."""
    (file,) = [each for each in moving.files(source) if _is_rows_of(each, "raw/sale")]
    other = source.path(file).with_name("other.parquet")
    duckdb.sql(f"COPY (SELECT * REPLACE ('x' AS name) FROM '{source.path(file)}') TO '{other}'")
    target.put(file, other.read_bytes())
    other.unlink()


def _is_rows_of(file, table):
    return file.startswith(table) and file.endswith(".parquet")


def test_a_place_with_anything_in_it_is_not_taken(source, target):
    target.put("raw/somebody", b"'s")
    with pytest.raises(LakeTaken, match="holds files"):
        moving.begin(target, source.url)


def test_a_place_that_another_lake_is_copied_to_is_not_taken(source, target):
    moving.begin(target, "s3://another/lake")
    with pytest.raises(LakeTaken, match="s3://another/lake"):
        moving.begin(target, source.url)


def test_no_stage_works_on_a_lake_that_is_not_whole(home, source):
    moving.begin(source, source.url)
    with pytest.raises(LakeMoving, match="not whole"), open_crew("load", home, None, None):
        pass


def test_a_table_that_was_read_before_the_copy_is_read_anew(source, target, connection):
    moving.begin(target, source.url)
    moving.copy(source, target)
    assert tables.head(target, "raw/sale").version == 1
    target.delete("raw/sale/_delta_log/00000000000000000001.json")
    with pytest.raises(LakeDiffers):
        moving.compare(source, target, connection)
