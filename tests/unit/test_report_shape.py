"""Which chart an answer gets."""

import pytest

from pinlake.dashboard.shape import (
    BARS,
    TOP,
    Bars,
    Figure,
    Matrix,
    OverTime,
    Plain,
    shape_of,
)
from pinlake.query.answer import Column


def columns(**types):
    return [Column(name, kind) for name, kind in types.items()]


YEARLY = columns(post_year="INT", number_users_joined="BIGINT")
GROUPED = columns(post_year="INT", age_group="STRING", median="BIGINT")
RANKED = columns(country="STRING", category="STRING", category_count="BIGINT")


def test_one_row_is_a_figure_with_its_details():
    shape = shape_of(columns(country="STRING", followers="BIGINT"), [("Samoa", 8)])
    assert shape == Figure("Samoa", (("followers", 8),))


def test_no_rows_draw_nothing():
    assert shape_of(YEARLY, []) == Plain()


def test_rows_without_a_number_draw_nothing():
    assert shape_of(columns(a="STRING", b="STRING"), [("x", "y"), ("z", "w")]) == Plain()


def test_a_number_by_year_goes_over_time_in_order_of_the_years():
    shape = shape_of(YEARLY, [(2017, 3), (2015, 1)])
    assert isinstance(shape, OverTime)
    assert shape.points == (2015, 2017)
    assert [series.values for series in shape.series] == [(1, 3)]
    assert not shape.lines


def test_many_points_become_lines():
    shape = shape_of(YEARLY, [(year, year) for year in range(1990, 2020)])
    assert shape.lines


def test_a_label_beside_the_year_becomes_a_series_with_gaps_where_rows_are_missing():
    rows = [(2015, "18-24", 9), (2015, "+50", 1), (2016, "18-24", 5), (2016, "25-35", 4)]
    shape = shape_of(GROUPED, rows)
    assert {series.name: series.values for series in shape.series} == {
        "18-24": (9, 5),
        "+50": (1, None),
        "25-35": (None, 4),
    }


def test_more_series_than_can_be_told_apart_become_a_matrix():
    rows = [(year, f"category {n}", n) for year in (2018, 2019) for n in range(13)]
    assert isinstance(shape_of(GROUPED, rows), Matrix)


def test_the_winners_of_each_year_are_bars_with_ties():
    rows = [(2019, "art", 6), (2020, "travel", 5), (2021, "quotes", 4), (2021, "tattoos", 4)]
    shape = shape_of(GROUPED, rows)
    assert isinstance(shape, Bars)
    assert [bar.labels for bar in shape.bars][-2:] == [(2021, "quotes"), (2021, "tattoos")]


def test_many_ties_of_a_year_are_no_series():
    rows = [(2018 + n // 2, f"category {n % 8}", 5) for n in range(12)]
    assert isinstance(shape_of(GROUPED, rows), Bars)


def test_few_labels_stay_in_the_order_of_the_answer():
    rows = [("b", "x", 1), ("a", "y", 9)]
    shape = shape_of(RANKED, rows)
    assert [bar.value for bar in shape.bars] == [1, 9]
    assert shape.others == 0


def test_of_many_labels_the_longest_are_drawn_and_the_others_counted():
    rows = [(f"country {n:03}", "art", n) for n in range(100)]
    shape = shape_of(RANKED, rows)
    assert [bar.value for bar in shape.bars] == list(range(99, 99 - TOP, -1))
    assert shape.others == 100 - TOP


def test_as_many_bars_as_fit_are_all_drawn():
    assert len(shape_of(RANKED, [(f"c{n}", "art", 1) for n in range(BARS)]).bars) == BARS


def test_a_row_without_its_number_is_no_bar_but_counted():
    shape = shape_of(RANKED, [("a", "x", None), ("b", "y", 2), ("c", "z", 3)])
    assert len(shape.bars) == 2
    assert shape.others == 1


@pytest.mark.parametrize("name", ["post_year", "month", "date_joined", "year", "order_date"])
def test_time_is_told_by_name(name):
    assert isinstance(
        shape_of([Column(name, "INT"), Column("n", "INT")], [(1, 1), (2, 2)]), OverTime
    )


@pytest.mark.parametrize("name", ["candidate", "yearling", "update_count", "holiday_count"])
def test_a_name_that_only_holds_the_letters_is_no_time(name):
    found = shape_of([Column("label", "STRING"), Column(name, "INT")], [("a", 1), ("b", 2)])
    assert isinstance(found, Bars)


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP"])
def test_time_is_told_by_type(kind):
    assert isinstance(
        shape_of([Column("at", kind), Column("n", "INT")], [(1, 1), (2, 2)]), OverTime
    )
