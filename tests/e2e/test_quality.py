"""`pinlake quality` as a user runs it: what it prints, what it exits with."""

import json

import pytest

from harness.pipeline import pinlake
from pinlake.home import open_home
from stage_homes import STREAM, TOPIC, make_home, once, post

NAMED = 'name_is_there = "name IS NOT NULL"'
NO_DESCRIPTION = {
    "No description available Story format",
    "No description available",
    "Untitled",
}
NO_IMAGE = {"Image src error.", "Image src error"}
LOW = 'low = { constraint = "ind < 3", action = "fail" }'


class Shop:
    """A home of one table with five sales, one without a name, and what is expected of them."""

    def __init__(self, folder):
        self.home, self.dataset = make_home(folder)
        open_home(self.home.path, str(self.dataset.path), create=True)
        self.declared = (self.dataset.path / "dataset.toml").read_text()

    def sell(self):
        values = [b'{"ind": %d, "name": "n"}' % number for number in range(4)]
        for name in (TOPIC, STREAM):
            post(self.home, name, [*values, b'{"ind": 4}'])

    def run(self, *stages):
        for stage in stages:
            once(stage, self.home, self.dataset)

    def expect(self, *lines):
        text = "\n".join([self.declared, "[tables.sale.expectations]", *lines, ""])
        (self.dataset.path / "dataset.toml").write_text(text)

    def quality(self, *arguments):
        places = ("--home", self.home.path, "--dataset", self.dataset.path)
        return pinlake("quality", *places, *arguments, check=False)

    def told(self, *arguments):
        done = self.quality(*arguments, "--json")
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


@pytest.fixture
def sold(shop):
    shop.sell()
    shop.run("sink", "load", "clean")
    return shop


def test_rows_that_only_warn_are_told_and_exit_with_nothing(sold):
    sold.expect(NAMED, 'whole = "ind >= 0"')
    done = sold.quality()
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "warn    clean/sale name_is_there: 1 of 5 rows do not meet it (20 %), such as ind 4",
        "met     clean/sale whole: 5 rows",
        "expectations: 1 met, 1 warn, 0 fail",
    ]


def test_a_row_that_fails_exits_with_one(sold):
    sold.expect(NAMED, LOW)
    done = sold.quality("sale")
    assert done.returncode == 1
    assert (
        "fail    clean/sale low: 2 of 5 rows do not meet it (40 %), such as ind 3, 4" in done.stdout
    )
    assert "expectations: 0 met, 1 warn, 1 fail" in done.stdout


def test_json_is_one_object_a_finding_and_one_of_sums(sold):
    sold.expect(LOW)
    exit_code, (found, sums) = sold.told()
    assert exit_code == 1
    assert found == {
        "outcome": "fail",
        "percent": 40.0,
        "table": "clean/sale",
        "expectation": "low",
        "constraint": "ind < 3",
        "action": "fail",
        "rows": 5,
        "failed": 2,
        "key": "ind",
        "examples": [3, 4],
    }
    assert sums == {"met": 0, "warned": 0, "failed": 1, "missing": 0}


def test_a_table_that_is_not_made_yet_is_told_and_an_error_where_it_was_named(sold):
    sold.expect(LOW)
    done = sold.quality("--from", "stream")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "missing stream/sale: it is not there yet",
        "expectations: 0 met, 0 warn, 0 fail; tables that are missing: 1",
    ]
    assert sold.told("--from", "stream")[1][0] == {"table": "stream/sale", "missing": True}


def test_the_stream_tables_are_looked_at_by_their_own_rows(sold):
    sold.run("stream")
    post(sold.home, STREAM, [b'{"ind": 5, "name": "late"}'])
    sold.run("stream")
    sold.expect(LOW)
    by_batch, by_stream = sold.told()[1][0], sold.told("sale", "--from", "stream")[1][0]
    assert (by_batch["table"], by_batch["rows"]) == ("clean/sale", 5)
    assert (by_stream["table"], by_stream["rows"]) == ("stream/sale", 6)


def test_a_data_set_that_expects_nothing_says_what_to_write(sold):
    done = sold.quality()
    assert done.returncode == 0
    said, _, example = done.stdout.partition("\n\n")
    assert (
        said == f"shop has no expectations; write them into {sold.dataset.path / 'dataset.toml'}:"
    )
    assert sold.quality("sale").stdout.startswith("sale has no expectations")
    sold.expect(*example.splitlines()[1:])
    assert sold.quality().stdout.startswith("met     clean/sale ind_is_there: 5 rows")


def test_what_is_wrong_is_one_line_and_exits_with_one(sold):
    sold.expect(LOW)
    for arguments, said in [
        (("sail",), "no table 'sail'"),
        (("sale", "--from", "stream"), "no table 'stream/sale'"),
        (("--home", sold.home.path / "nowhere"), "nowhere"),
    ]:
        done = sold.quality(*arguments)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert said in done.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('low = "ind < (SELECT 3)"', "dataset.toml:11: low: "),
        ('low = "gone < 3"', "dataset.toml:11: clean/sale cannot be asked its expectations: "),
        ('low = { constraint = "ind < 3", action = "drop" }', "dataset.toml:11: action is 'drop'"),
    ],
)
def test_an_expectation_that_cannot_be_asked_is_told_with_its_line(sold, line, said):
    sold.expect(line)
    done = sold.quality()
    assert done.returncode == 1
    assert said in done.stderr


def test_expectations_may_change_between_runs_of_the_stages(sold):
    sold.expect(LOW)
    sold.sell()
    sold.run("sink", "load", "clean", "stream")
    assert sold.told()[1][0]["rows"] == 5


def test_the_real_rows_have_the_dirt_that_can_be_counted_in_them(published_home, real_rows):
    posts = real_rows["pin"]
    dirt = {
        "followers_are_there": sum(each["follower_count"] == "User Info Error" for each in posts),
        "poster_is_there": sum(each["poster_name"] == "User Info Error" for each in posts),
        "title_is_there": sum(each["title"] == "No Title Data Available" for each in posts),
        "description_is_there": sum(each["description"] in NO_DESCRIPTION for each in posts),
        "image_is_there": sum(each["image_src"] in NO_IMAGE for each in posts),
    }
    assert all(dirt.values())
    for source in ("clean", "stream"):
        done = pinlake("quality", "--from", source, "--home", published_home, "--json")
        *found, sums = map(json.loads, done.stdout.splitlines())
        assert {each["expectation"]: each["failed"] for each in found if each["failed"]} == dirt
        assert {each["rows"] for each in found} == {len(posts)}
        assert sums == {"met": 9, "warned": 5, "failed": 0, "missing": 0}
