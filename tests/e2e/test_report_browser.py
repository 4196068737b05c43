"""The report in a real browser: it loads nothing, shows every answer, and fits wide and narrow."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

import lakehouse
from harness.pipeline import pinlake
from pinlake.dashboard.flow import Sent, flow_counts
from pinlake.dashboard.report import Run, write_report
from pinlake.log.open import open_reader
from pinlake.query.lake import OpenLake
from requirements_of_tests import require

pytestmark = pytest.mark.browser

POSTS = 500
SCREENSHOT = Path(__file__).parents[2] / "docs" / "report.png"
SHOWN = {"x": 0, "y": 0, "width": 1400, "height": 1500}
SIZES = {"wide": (1400, 1000), "phone": (390, 844)}


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return OpenLake(*lakehouse.posted_home(tmp_path_factory.mktemp("browsed"), POSTS))


@pytest.fixture(scope="module")
def report(lake, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    log = open_reader(lake.home.log_url)
    flow = flow_counts(lake.home, lake.dataset, log)
    log.close()
    sent = tuple(
        Sent(route, POSTS, flow.records(route), flow.records(route))
        for route in ("batch", "stream")
    )
    flow = msgspec.structs.replace(flow, sent=sent, source_rows=lake.dataset.rows)
    run = Run("pinlake demo", datetime(2026, 11, 21, 5, 0, tzinfo=UTC), 9.4)
    write_report(path, lake=lake, flow=flow, run=run)
    return path


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium")
    require(chromium, "there is no chromium on the PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium)
        yield launched
        launched.close()


@pytest.fixture(params=[("wide", "light"), ("wide", "dark"), ("phone", "light")], ids="-".join)
def page(request, browser, report):
    size, scheme = request.param
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.said, page.asked = [], []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(report.as_uri())
    yield page
    page.close()


def test_it_loads_without_a_request_or_a_complaint(page, report):
    assert page.asked == [report.as_uri()]
    assert page.said == []


def test_every_question_has_a_card_with_its_chart(page, lake):
    assert len(lake.questions()) == 10
    for name, question in lake.questions().items():
        card = page.locator(f"#{name}")
        assert card.is_visible()
        assert card.locator("h3").inner_text() == question.title
        assert card.locator(".bars, .chart, .matrix, .figure").first.is_visible()


def test_the_table_and_the_sql_of_an_answer_unfold(page, lake):
    card = page.locator("#most_popular_category_by_year")
    assert not card.locator("pre").is_visible()
    card.locator("summary", has_text="SQL").click()
    card.locator("summary", has_text="Table").click()
    assert "SELECT" in card.locator("pre").inner_text()
    rows = lake.ask("most_popular_category_by_year").rows()
    assert card.locator(".rows tbody tr").count() == len(rows)


def test_the_answers_are_those_of_the_lake(page, lake):
    card = page.locator("#users_joined_by_year")
    drawn = [title.text_content() for title in card.locator("rect title").all()]
    rows = lake.ask("users_joined_by_year").rows()
    assert drawn == [f"{year} number_users_joined: {count:,}" for year, count in rows]


def test_one_picture_of_the_flow_is_shown_with_its_figures(page):
    shown = page.locator("svg.flow:visible")
    assert shown.count() == 1
    assert "1,500" in shown.text_content()


def test_batch_and_stream_agree_on_the_page(page):
    assert page.get_by_text("✓ equal").count() == 3


def test_nothing_sticks_out_of_the_screen(page):
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_no_text_of_the_picture_leaves_its_box(page):
    outside = page.evaluate(
        """() => [...document.querySelectorAll('svg.flow')].filter(s => s.clientWidth).flatMap(svg => {
            const frame = svg.getBoundingClientRect();
            return [...svg.querySelectorAll('text')].filter(text => {
                const box = text.getBoundingClientRect();
                return box.left < frame.left - 1 || box.right > frame.right + 1
                    || box.bottom > frame.bottom + 1;
            }).map(text => text.textContent);
        })"""
    )
    assert outside == []


def test_text_stands_out_from_its_ground(page):
    contrast = page.evaluate(
        """() => {
            const style = getComputedStyle(document.documentElement);
            const light = name => {
                const hex = style.getPropertyValue(name).trim().slice(1);
                const parts = [0, 2, 4].map(i => parseInt(hex.slice(i, i + 2), 16) / 255)
                    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
            };
            const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            return ['--ink', '--quiet', '--batch', '--stream', '--good', '--bad'].map(
                name => [name, Math.min(ratio(light(name), light('--card')),
                                        ratio(light(name), light('--page')))]);
        }"""
    )
    assert [name for name, ratio in contrast if ratio < 4.5] == []


@pytest.mark.slow
def test_the_demo_writes_a_report_that_a_browser_shows(browser, tmp_path):
    pinlake("demo", "--posts", POSTS, "--home", tmp_path / "home")
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.goto((tmp_path / "home" / "report.html").as_uri())
    assert f"{2 * POSTS:,} posts, two routes" in page.locator("h1").inner_text()
    assert page.get_by_text("✓ equal").count() == 3
    taken = tmp_path / "report.png"
    page.screenshot(path=taken, full_page=True, clip=SHOWN)
    assert taken.stat().st_size > 50_000
    if os.environ.get("PINLAKE_WRITE_SCREENSHOT"):
        shutil.copyfile(taken, SCREENSHOT)
    page.close()
