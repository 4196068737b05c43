"""Charts as HTML: well formed, escaped, and true to their numbers."""

import re
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

from pinlake.dashboard.charts import draw, height, number, short
from pinlake.dashboard.shape import Bar, Bars, Figure, Matrix, OverTime, Plain, Series

EVIL = "<script>alert('&\"')</script>"
SERIES = (Series(EVIL, (1, 2)), Series("b", (None, 4)))
SHAPES = [
    Figure(EVIL, (("name", EVIL), ("count", 8_000_000))),
    Bars("count", (Bar((EVIL, None), 8), Bar(("b", "c"), 4)), 3),
    OverTime("count", (2015, 2016), SERIES),
    OverTime("count", tuple(range(20)), (Series("a", tuple(range(20))),)),
    Matrix("count", (2015, 2016), SERIES),
]


def parsed(markup):
    return ET.fromstring(f"<div>{markup}</div>".replace("&nbsp;", " "))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: type(shape).__name__)
def test_every_chart_is_well_formed_and_escapes_what_it_shows(shape):
    markup = draw(shape, EVIL)
    assert "<script" not in markup
    assert list(parsed(markup).iter("script")) == []
    assert height(shape) > 0


def test_nothing_is_drawn_of_a_plain_table():
    assert draw(Plain(), "title") == ""


def test_a_bars_length_is_its_share_of_the_longest():
    markup = draw(Bars("n", (Bar(("a",), 8), Bar(("b",), 2), Bar(("c",), 0)), 0), "title")
    widths = [rect.get("width") for rect in parsed(markup).iter("rect")]
    assert widths == ["100.00%", "25.00%", "0.00%"]


def test_a_columns_height_is_its_share_of_the_highest():
    shape = OverTime("n", (1, 2, 3), (Series("n", (100, 50, None)),))
    heights = [float(rect.get("height")) for rect in parsed(draw(shape, "title")).iter("rect")]
    assert len(heights) == 2
    assert heights[0] == pytest.approx(2 * heights[1])


def test_a_chart_of_zeros_has_no_height_and_no_error():
    zeros = OverTime("n", (1, 2), (Series("n", (0, 0)),))
    assert "<rect" in draw(zeros, "title")
    assert "<ul" in draw(Bars("n", (Bar(("a",), 0),), 0), "title")
    assert "<table" in draw(Matrix("n", (1, 2), (Series("a", (0, None)),)), "title")


def test_a_line_skips_a_missing_point_and_joins_the_others():
    values = tuple(None if n == 5 else n for n in range(20))
    markup = draw(OverTime("n", tuple(range(20)), (Series("n", values),)), "title")
    assert len(re.findall(r'class="line s0"', markup)) == 18


def test_a_drawing_is_named_for_those_who_cannot_see_it():
    drawing = next(parsed(draw(SHAPES[2], "How many?")).iter("svg"))
    assert drawing.get("role") == "img"
    assert drawing.get("aria-label") == "How many?"
    assert drawing.find("title").text == "How many?"


def test_a_matrix_shades_by_value_and_leaves_gaps_empty():
    cells = list(parsed(draw(Matrix("n", (1, 2), SERIES), "title")).iter("td"))[1:]
    assert [cell.get("style") for cell in cells] == [
        "--share:0.250",
        "--share:0.500",
        None,
        "--share:1.000",
    ]


@pytest.mark.parametrize(
    ("value", "label"),
    [(0, "0"), (999, "999"), (1000, "1k"), (92_000, "92k"), (1_500_000, "1.5M"), (-2000, "-2k")]
    + [(8_000_000_000, "8B"), (0.25, "0.25"), (Decimal(1500), "1.5k")],
)
def test_a_label_is_short(value, label):
    assert short(value) == label


def test_a_number_in_full_parts_its_thousands():
    assert [number(8_000_000), number(0.125), number(Decimal("1234.50"))] == [
        "8,000,000",
        "0.125",
        "1,234.50",
    ]
