"""`pinlake report` and the batch from Python, on a home that was posted to."""

import json

import pytest

import pinlake
from harness.pipeline import pinlake as command
from pinlake.errors import TableMissing
from stage_homes import TOPIC, make_home, post


@pytest.fixture
def sold(tmp_path):
    home, dataset = make_home(tmp_path)
    questions = dataset.path / "queries"
    questions.mkdir(exist_ok=True)
    (questions / "sales.sql").write_text("-- How many sales?\nSELECT count(*) AS sales FROM sale\n")
    post(home, TOPIC, [b'{"ind": 1, "name": "a"}', b'{"ind": 1, "name": "b"}', b"{"])
    command("sink", "--once", "--home", home.path, "--dataset", dataset.path)
    return {"home": home.path, "dataset": str(dataset.path)}


def reported(sold, *arguments, check=True):
    places = ("--home", sold["home"], "--dataset", sold["dataset"])
    return command("report", *places, *arguments, check=check)


def test_load_and_clean_from_python_say_what_they_did_and_add_nothing_twice(sold):
    first = [pinlake.load(**sold), pinlake.clean("sale", **sold)]
    again = [pinlake.load(**sold), pinlake.clean("sale", **sold)]
    assert [(each.stage, each.rows, each.duplicates, each.quarantined) for each in first] == [
        ("load", 2, 0, 1),
        ("clean", 1, 1, 0),
    ]
    assert [each.steps for each in again] == [0, 0]


def test_a_table_that_the_data_set_lacks_is_refused_from_python(sold):
    with pytest.raises(TableMissing, match="nothing"):
        pinlake.load("nothing", **sold)


def test_the_report_holds_every_answer(sold):
    pinlake.load(**sold)
    pinlake.clean(**sold)
    said = json.loads(reported(sold, "--json").stdout)
    page = sold["home"] / "report.html"
    assert said == {"report": str(page), "questions": 1, "unanswered": []}
    assert "How many sales?" in page.read_text()


def test_a_question_without_an_answer_fails_the_command_and_stands_in_the_report(sold, tmp_path):
    page = tmp_path / "elsewhere.html"
    done = reported(sold, "--to", page, check=False)
    assert (done.returncode, done.stderr.strip()) == (
        1,
        "pinlake: no answer to sales; the report says why",
    )
    assert "clean/sale" in page.read_text()


def test_a_machine_that_has_the_lake_but_not_the_log_has_a_report_too(sold, tmp_path, monkeypatch):
    monkeypatch.setenv("PINLAKE_LAKE", (sold["home"] / "lake").as_uri())
    elsewhere = {"home": tmp_path / "elsewhere", "dataset": sold["dataset"]}
    pinlake.load(**elsewhere)
    pinlake.clean(**elsewhere)
    reported(elsewhere)
    assert "How many sales?" in (elsewhere["home"] / "report.html").read_text()


def test_a_folder_that_is_not_there_is_told(sold, tmp_path):
    done = reported(sold, "--to", tmp_path / "nowhere" / "report.html", check=False)
    assert done.returncode == 2
    assert "there is no folder" in done.stderr
