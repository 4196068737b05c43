"""`pinlake demo` as a newcomer runs it, twice."""

import json
import os

import pytest

from harness.pipeline import pinlake

QUESTIONS = 10


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    home = tmp_path_factory.mktemp("demo") / "home"
    return home, pinlake("demo", "--posts", "40", "--home", home)


def test_it_shows_ten_answers_that_both_routes_agree_and_what_is_next(first):
    home, done = first
    questions = pinlake("query", "--home", home).stdout.splitlines()
    assert len(questions) == QUESTIONS
    for line in questions:
        assert line.split()[0] in done.stdout
    assert done.stdout.count("the same rows") == 3
    assert "What to try next" in done.stdout
    assert (home / "report.html").stat().st_size > 10_000


def test_nothing_that_it_started_is_left_running(first):
    home, _ = first
    running = [
        path
        for path in os.listdir("/proc")
        if path.isdigit() and str(home).encode() in _command_line(path)
    ]
    assert running == []


def test_again_it_goes_on_where_it_stopped_and_makes_up_for_a_route_that_was_left_behind(first):
    home, _ = first
    states = {path.name.partition("-")[0]: path for path in (home / "producer").glob("*.json")}
    assert set(states) == {"kafka", "kinesis"}
    behind = json.loads(states["kinesis"].read_text())
    states["kinesis"].write_text(json.dumps(behind | {"posts": behind["posts"] - 3}))
    again = json.loads(pinlake("demo", "--posts", "10", "--home", home, "--json").stdout)
    assert again["agreed"]
    assert again["sent"]["kafka"]["posts"] == 10
    assert {json.loads(path.read_text())["posts"] for path in states.values()} == {50}
    assert len(again["answers"]) == QUESTIONS
    assert {each["clean_rows"] for each in again["differences"]} == {50}


def _command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""
