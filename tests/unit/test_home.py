import multiprocessing

import pytest

from pinlake.errors import HomeForeign, HomeMissing, HomeUnusable, HomeVersion
from pinlake.home import open_home, recorded


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


def test_a_home_of_another_format_is_refused(tmp_path):
    (tmp_path / "home.json").write_text('{"format": 99, "dataset": "pinterest"}')
    with pytest.raises(HomeVersion, match="99"):
        open_home(tmp_path)


def test_a_file_in_the_way_is_an_error_that_says_what_to_do(tmp_path):
    (tmp_path / "h").write_text("")
    with pytest.raises(HomeUnusable, match="choose another with --home"):
        open_home(tmp_path / "h", create=True)


def test_processes_that_start_at_once_agree_on_one_home(tmp_path):
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        names = pool.map(_name_of, [tmp_path / "h"] * 8)
    assert names == ["pinterest"] * 8
    assert [each.name for each in (tmp_path / "h").iterdir()] == ["home.json"]


def _name_of(path):
    return open_home(path, create=True)[1].name
