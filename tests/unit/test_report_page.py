"""The report as a page: complete, escaped, and honest where something is missing."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

import lakehouse
from pinlake.dashboard.flow import FlowCounts, Sent, TableCount
from pinlake.dashboard.report import Run, write_report
from pinlake.query.lake import OpenLake

QUESTIONS = {
    "how_many": "SELECT category, count(*) AS n FROM pin GROUP BY category ORDER BY category",
    "posters": "SELECT poster_name, follower_count FROM pin WHERE ind < 3",
    "missing": "SELECT * FROM user",
    "nobody": "SELECT ind FROM pin WHERE ind < 0",
}
VOID = {"meta", "link", "br", "rect", "line", "path"}


class Page(HTMLParser):
    """Collects tags, addresses and text, and checks that tags close in order."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.addresses, self.texts = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in {"href", "src", "srcset"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.texts.append(text)


def report(path, lake, flow=None, seconds=8.43):
    run = Run("pinlake demo --posts <5>", datetime(2026, 11, 21, 5, 0, tzinfo=UTC), seconds)
    write_report(path, lake=lake, flow=flow or FlowCounts(), run=run)
    page = Page()
    page.feed(path.read_text("utf-8"))
    page.close()
    assert page.open == []
    return page


@pytest.fixture
def lake(tmp_path):
    return lakehouse.small_lake(tmp_path / "home", **QUESTIONS)


@pytest.fixture
def page(tmp_path, lake):
    flow = FlowCounts(
        tables=tuple(
            TableCount(state.name, state.version, state.rows)
            for state in map(lake.describe, lake.tables())
        ),
        sent=(Sent("batch", 3, 6, 6), Sent("stream", 3, 6, 6)),
    )
    return report(tmp_path / "report.html", lake, flow)


def test_it_loads_nothing_and_runs_nothing(page):
    assert "script" not in page.tags
    assert [address for address in page.addresses if not address.startswith(("data:", "#"))] == []


def test_nothing_from_the_tables_becomes_markup(tmp_path, page):
    raw = (tmp_path / "report.html").read_text("utf-8")
    assert "<script>alert" not in raw
    assert "<b>Bold" not in raw
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in raw
    assert '<b>Bold & "quoted"</b>' in "".join(page.texts)


def test_it_tells_what_ran_when_and_how_long(page):
    text = "".join(page.texts)
    assert "6 posts, two routes, clean Delta tables in 8.4 seconds" in text
    assert "pinlake demo --posts <5>" in text
    assert "21 November 2026, 05:00 UTC" in text


def test_every_question_has_its_title_sql_and_answer(page):
    text = "".join(page.texts)
    for name, sql in QUESTIONS.items():
        assert name.replace("_", " ") in text
        assert sql in text
    assert "Table, 2 rows" in text


def test_a_question_that_cannot_be_answered_says_why(page):
    text = "".join(page.texts)
    assert "There is no table 'clean/user'" in text
    assert "No rows." in text


def test_equal_routes_are_called_equal(page):
    assert page.texts.count("✓ equal") == 2


def test_differing_routes_are_called_so_with_the_rows(tmp_path, lake):
    lakehouse.write_table(lake.home, "stream/pin", f"SELECT * FROM ({lakehouse.PIN}) WHERE ind = 2")
    text = "".join(report(tmp_path / "report.html", lake).texts)
    assert "✗ differ" in text
    assert "only in stream: " in text
    assert "画家" in text
    assert "1 of 2" in text


def test_quarantine_is_told_by_reason_with_examples(page):
    text = " ".join(page.texts)
    assert "quarantine/load/pin" in text
    assert "ind is missing" in text
    assert "\\xff{}" in text


def test_raw_tables_that_no_data_set_claims_are_named(page):
    assert "raw/0abc12345678.pin" in "".join(page.texts)


def test_a_home_without_tables_gets_a_report_too(tmp_path):
    made = lakehouse.home(tmp_path / "home")
    lake = OpenLake(made, lakehouse.dataset(tmp_path, **QUESTIONS))
    text = "".join(report(tmp_path / "report.html", lake).texts)
    assert "What the lake holds" in text
    assert "Nothing was set aside." in text
    assert "Not written yet." in text


def test_a_long_run_is_told_in_minutes(tmp_path, lake):
    flow = FlowCounts(sent=(Sent("batch", 3, 6, 6),))
    text = "".join(report(tmp_path / "report.html", lake, flow, seconds=600).texts)
    assert "3 posts, one route, clean Delta tables in 10 minutes" in text


def test_a_report_replaces_the_one_before_and_leaves_no_draft(tmp_path, lake):
    path = tmp_path / "out" / "report.html"
    path.parent.mkdir()
    path.write_text("old")
    report(path, lake)
    assert [found.name for found in path.parent.iterdir()] == ["report.html"]
    assert re.match("<!doctype html>", path.read_text("utf-8"))


def test_the_commands_name_a_home_that_is_not_the_default(tmp_path, page):
    assert f"pinlake status --home {tmp_path / 'home'}" in "".join(page.texts)
    lake = lakehouse.small_lake(tmp_path / ".pinlake")
    text = "".join(report(tmp_path / "report.html", lake).texts)
    assert "pinlake status" in text
    assert "--home" not in text
