import multiprocessing
from importlib.metadata import version

import pytest

from home_processes import name_of_dataset
from pinlake.errors import (
    HomeForeign,
    HomeMissing,
    HomeMoved,
    HomeMoving,
    HomeUnusable,
    HomeVersion,
)
from pinlake.home import FORMAT, UPGRADES, HomeRecord, note, open_home, recorded
from pinlake.settings import Places


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_home_remembers_its_data_set(tmp_path):
    home, dataset = open_home(tmp_path / "h", create=True)
    assert dataset.name == "pinterest"
    assert recorded(home).dataset == "pinterest"
    assert open_home(tmp_path / "h")[1].name == "pinterest"


def test_a_home_that_is_not_there_is_missed_and_not_made(tmp_path):
    with pytest.raises(HomeMissing, match="pinlake demo"):
        open_home(tmp_path / "h")
    assert not (tmp_path / "h").exists()


def test_a_home_is_made_where_the_lake_is_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("PINLAKE_LAKE", (tmp_path / "lake").as_uri())
    home, _ = open_home(tmp_path / "h")
    assert recorded(home).dataset == "pinterest"


def test_another_data_set_is_refused(tmp_path):
    open_home(tmp_path / "h", create=True)
    (tmp_path / "mine").mkdir()
    with pytest.raises(HomeForeign, match="one home holds one data set"):
        open_home(tmp_path / "h", str(tmp_path / "mine"))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "1", "dataset": "pinterest"}'])
def test_a_record_that_cannot_be_read_says_so(tmp_path, text):
    (tmp_path / "home.json").write_text(text)
    with pytest.raises(HomeUnusable, match=r"home\.json"):
        open_home(tmp_path)


@pytest.mark.parametrize("format_", [99, 0, -1])
def test_a_home_of_an_unknown_format_is_refused_and_left_as_it_is(tmp_path, format_):
    text = f'{{"format": {format_}, "dataset": "pinterest", "written_by": "9.1.0"}}'
    (tmp_path / "home.json").write_text(text)
    with pytest.raises(HomeVersion, match=rf"format {format_} by pinlake 9\.1\.0.*use the version"):
        open_home(tmp_path, create=True)
    assert (tmp_path / "home.json").read_text() == text


def test_a_home_of_the_first_format_is_upgraded_where_it_stands(tmp_path):
    (tmp_path / "home.json").write_text('{"format": 1, "dataset": "pinterest"}')
    home, dataset = open_home(tmp_path)
    assert dataset.name == "pinterest"
    assert recorded(home) == HomeRecord(FORMAT, "pinterest", version("pinlake"))
    assert [each.name for each in tmp_path.iterdir()] == ["home.json"]


def test_every_older_format_has_an_upgrade():
    assert sorted(UPGRADES) == list(range(1, FORMAT))


def test_a_file_in_the_way_is_an_error_that_says_what_to_do(tmp_path):
    (tmp_path / "h").write_text("")
    with pytest.raises(HomeUnusable, match="choose another with --home"):
        open_home(tmp_path / "h", create=True)


def test_processes_that_start_at_once_agree_on_one_home(tmp_path):
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        names = pool.map(name_of_dataset, [tmp_path / "h"] * 8)
    assert names == ["pinterest"] * 8
    assert [each.name for each in (tmp_path / "h").iterdir()] == ["home.json"]


MOVED = Places(topics="kafka://one:9092", lake="s3://lakes/pins")


def moved(tmp_path, **more):
    home, _ = open_home(tmp_path / "h", create=True)
    note(home, HomeRecord(FORMAT, "pinterest", places=MOVED, **more))


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "its topics is 'kafka://one:9092' since.*PINLAKE_TOPICS"),
        ({"PINLAKE_TOPICS": "kafka://one:9092"}, "its lake is 's3://lakes/pins' since"),
        (
            {"PINLAKE_TOPICS": "kafka://one:9092", "PINLAKE_LAKE": "s3://lakes/others"},
            "and the settings say 's3://lakes/others'",
        ),
    ],
)
def test_settings_of_before_a_move_are_refused_with_what_to_set(
    tmp_path, monkeypatch, variables, told
):
    moved(tmp_path)
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    with pytest.raises(HomeMoved, match=told):
        open_home(tmp_path / "h")


def test_a_home_that_was_moved_is_opened_with_the_settings_of_where_it_is(tmp_path, monkeypatch):
    moved(tmp_path)
    monkeypatch.setenv("PINLAKE_TOPICS", "kafka://one:9092")
    monkeypatch.setenv("PINLAKE_LAKE", "s3://lakes/pins/")
    assert open_home(tmp_path / "h")[0].places.topics == "kafka://one:9092"


@pytest.mark.parametrize("lake", ["", "s3://lakes/pins"])
def test_in_the_middle_of_a_move_neither_place_is_opened(tmp_path, monkeypatch, lake):
    moved(tmp_path, moving_from=Places())
    monkeypatch.setenv("PINLAKE_TOPICS", "kafka://one:9092" if lake else "")
    monkeypatch.setenv("PINLAKE_LAKE", lake)
    with pytest.raises(HomeMoving, match="pinlake move"):
        open_home(tmp_path / "h")
