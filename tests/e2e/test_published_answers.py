"""The 168 real rows through the real socket by both routes give the published answers."""

from collections import Counter

import pytest

from harness.pipeline import ask

TABLES = ("pin", "geo", "user")


@pytest.fixture(params=["clean", "stream"])
def answer(request, published_home):
    return lambda name: ask(published_home, name, request.param)


def test_most_popular_category_by_year(answer):
    assert answer("most_popular_category_by_year") == [
        {"post_year": 2017, "category": "christmas", "category_count": 2},
        {"post_year": 2018, "category": "art", "category_count": 6},
        {"post_year": 2019, "category": "diy-and-crafts", "category_count": 6},
        {"post_year": 2020, "category": "travel", "category_count": 5},
        {"post_year": 2021, "category": "quotes", "category_count": 4},
        {"post_year": 2021, "category": "tattoos", "category_count": 4},
        {"post_year": 2022, "category": "beauty", "category_count": 7},
    ]


def test_most_popular_category_by_age_group(answer):
    found = {
        (row["age_group"], row["category"], row["category_count"])
        for row in answer("most_popular_category_by_age_group")
    }
    assert found == {
        ("18-24", "christmas", 12),
        ("25-35", "art", 7),
        ("36-50", "diy-and-crafts", 5),
        ("+50", "beauty", 3),
        ("+50", "education", 3),
    }


def test_country_of_most_followed_user(answer):
    rows = answer("country_of_most_followed_user")
    assert [(row["country"], row["follower_count"]) for row in rows] == [
        ("American Samoa", 8_000_000)
    ]


def test_most_popular_category_by_country(answer):
    rows = answer("most_popular_category_by_country")
    assert len(rows) == 124
    assert len({row["country"] for row in rows}) == 95


def test_joining_years(answer):
    rows = answer("SELECT year(date_joined) AS y, count(*) AS n FROM user GROUP BY 1 ORDER BY 1")
    assert [(row["y"], row["n"]) for row in rows] == [(2015, 66), (2016, 76), (2017, 26)]
    people = {
        row["post_year"]: row["number_users_joined"] for row in answer("users_joined_by_year")
    }
    posts = Counter({2015: 66, 2016: 76, 2017: 26})
    assert people.keys() == posts.keys()
    assert all(0 < people[year] <= posts[year] for year in posts)


def test_the_lower_median_stands_at_or_below_the_published_interpolated_one(answer):
    medians = {
        row["post_year"]: row["median_follower_count"]
        for row in answer("median_followers_by_joining_year")
    }
    assert medians.keys() == {2015, 2016, 2017}
    assert medians[2015] <= 92_000
    assert medians[2016] <= 21_500
    assert medians[2017] <= 6_000


def test_every_record_is_in_raw_once(published_home):
    for table in TABLES:
        assert ask(published_home, f"SELECT count(*) AS n FROM raw.{table}") == [{"n": 168}]
        assert ask(published_home, f"SELECT count(DISTINCT _offset) AS n FROM raw.{table}") == [
            {"n": 168}
        ]


def test_batch_and_stream_agree_row_for_row(published_home):
    for table in TABLES:
        rows = [
            ask(published_home, f"SELECT * FROM {table} ORDER BY ind", of)
            for of in ("clean", "stream")
        ]
        assert rows[0] == rows[1]
        assert len(rows[0]) == 168
