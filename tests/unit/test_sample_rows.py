"""The sample's rows look like the real ones: shapes, shares, dirt and texts."""

import re
from collections import Counter
from itertools import islice

import pytest

from pinlake.dataset import load
from pinlake.producer.emulation import draws
from pinlake.source.sample import generate

PINTEREST = load("pinterest")
MANY = 6000
DIRT = {
    "title": {"No Title Data Available"},
    "poster_name": {"User Info Error"},
    "follower_count": {"User Info Error"},
    "description": {
        "No description available Story format",
        "No description available",
        "Untitled",
    },
    "image_src": {"Image src error."},
    "tag_list": {"N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e"},
}


@pytest.fixture(scope="module")
def made():
    return {name: list(generate(PINTEREST, name, 0, MANY)) for name in ("pin", "geo", "user")}


@pytest.mark.parametrize("table", ["pin", "geo", "user"])
def test_columns_and_types_are_those_of_the_real_rows(made, real_rows, table):
    assert list(made[table][0]) == list(real_rows[table][0])
    real = {name: type(value) for name, value in real_rows[table][0].items()}
    assert all({name: type(value) for name, value in row.items()} == real for row in made[table])


@pytest.mark.parametrize("table", ["pin", "geo", "user"])
def test_columns_are_those_that_the_data_set_declares(made, table):
    assert list(made[table][0]) == [column.name for column in PINTEREST.tables[table].columns]


def test_follower_counts_have_the_real_forms_in_the_real_shares(made):
    shares = share(re.sub(r"\d+", "9", row["follower_count"]) for row in made["pin"])
    assert shares.keys() == {"9k", "9", "9M", "User Info Error"}
    assert shares["9k"] == pytest.approx(0.72, abs=0.03)
    assert shares["9"] == pytest.approx(0.20, abs=0.03)
    assert shares["9M"] == pytest.approx(0.07, abs=0.02)
    assert shares["User Info Error"] == pytest.approx(0.012, abs=0.006)


def test_posts_are_images_stories_and_videos_in_the_real_shares(made):
    shares = share(row["is_image_or_video"] for row in made["pin"])
    assert shares["image"] == pytest.approx(0.90, abs=0.02)
    assert shares["multi-video(story page format)"] == pytest.approx(0.07, abs=0.02)
    assert shares["video"] == pytest.approx(0.03, abs=0.015)


def test_there_are_thirteen_categories_and_each_is_where_it_was_saved(made):
    assert len({row["category"] for row in made["pin"]}) == 13
    assert all(
        row["save_location"] == f"Local save in /data/{row['category']}" for row in made["pin"]
    )


def test_every_kind_of_dirt_is_in_pin_and_none_in_geo_and_user(made):
    for column, texts in DIRT.items():
        assert texts <= {row[column] for row in made["pin"]}, column
    assert {"", " "} <= {row["title"] for row in made["pin"]}
    assert {"", " "} <= {row["description"] for row in made["pin"]}
    all_dirt = set().union(*DIRT.values()) | {"", " ", None}
    for table in ("geo", "user"):
        assert not [row for row in made[table] if all_dirt & set(row.values())]


def test_a_page_that_could_not_be_read_is_dirty_in_every_column(made):
    pages = [row for row in made["pin"] if row["downloaded"] == 0]
    assert pages
    assert all(row[column] in texts for row in pages for column, texts in DIRT.items())


def test_what_looks_dirty_and_is_not_occurs(made):
    assert {"Home", "E"} <= {row["title"] for row in made["pin"]}
    assert "Art." in {row["description"] for row in made["pin"]}
    assert ("E", "0") in {(row["poster_name"], row["follower_count"]) for row in made["pin"]}


def test_long_descriptions_are_cut_as_the_real_ones_are(made):
    cut = [row["description"] for row in made["pin"] if row["description"].endswith("…\u00a0")]
    assert len(cut) > MANY / 20
    assert {len(text) for text in cut} == {179}
    assert max(len(row["description"]) for row in made["pin"]) == 179


def test_posters_have_emoji_cjk_and_letters_beyond_the_basic_plane(made):
    posters = "".join({row["poster_name"] for row in made["pin"]})
    for low, high in ((0x4E00, 0x9FFF), (0x1F300, 0x1FAFF), (0x1D4D0, 0x1D503)):
        assert any(low <= ord(letter) <= high for letter in posters)


def test_unique_ids_are_unique_and_uuids(made):
    ids = {row["unique_id"] for row in made["pin"]}
    assert len(ids) == MANY
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", each) for each in ids)


def test_times_and_ages_stay_in_the_real_ranges(made):
    assert min(row["timestamp"] for row in made["geo"]) >= "2017-10"
    assert max(row["timestamp"] for row in made["geo"]) < "2022-11"
    assert {row["timestamp"][:4] for row in made["geo"]} == {
        str(year) for year in range(2017, 2023)
    }
    assert min(row["date_joined"] for row in made["user"]) >= "2015-10"
    assert max(row["date_joined"] for row in made["user"]) < "2017-11"
    ages = Counter(row["age"] for row in made["user"])
    assert (min(ages), max(ages), ages.most_common(1)[0][0]) == (20, 60, 20)


def test_countries_are_many_and_skewed_to_a(made):
    shares = share(row["country"][0] for row in made["geo"])
    assert shares["A"] == max(shares.values()) > 0.3
    assert len({row["country"] for row in made["geo"]}) > 175


def test_coordinates_have_the_six_digits_of_a_float(made):
    for row in made["geo"]:
        assert -90 <= row["latitude"] <= 90
        assert -180 <= row["longitude"] <= 180
        assert row["latitude"] == float(f"{row['latitude']:.6g}")


def test_people_come_back_about_as_often_as_in_the_real_draws():
    numbers = [draw.number for draw in islice(draws(PINTEREST.producer), 877)]
    rows = [next(generate(PINTEREST, "user", number, 1)) for number in numbers[:200]]
    assert len({tuple(row.values()) for row in rows}) > 190
    users = list(generate(PINTEREST, "user", 0, 11001))
    people = {tuple(users[number].values())[1:] for number in numbers}
    assert 650 <= len(people) <= 770


def test_a_person_has_one_place(made):
    places = {}
    for user, geo in zip(made["user"], made["geo"], strict=True):
        person = tuple(user.values())[1:]
        place = (geo["latitude"], geo["longitude"], geo["country"])
        assert places.setdefault(person, place) == place


def test_people_joined_early_as_the_real_ones_did(made):
    years = share(row["date_joined"][:4] for row in made["user"])
    assert years["2015"] == pytest.approx(0.39, abs=0.06)
    assert years["2016"] == pytest.approx(0.45, abs=0.08)
    assert years["2017"] == pytest.approx(0.16, abs=0.09)


def test_another_seed_makes_other_posts():
    one, other = (list(generate(PINTEREST, "pin", 0, 50, seed)) for seed in (0, 1))
    assert one != other
    assert [row["index"] for row in one] == [row["index"] for row in other] == list(range(50))


def share(values):
    counts = Counter(values)
    total = sum(counts.values())
    return {value: count / total for value, count in counts.items()}
