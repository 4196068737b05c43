"""Which topics and streams feed which table."""

from __future__ import annotations

from pathlib import Path

import pytest

from pinlake.dataset import Column, Dataset, Emulation, StreamRoute, Table
from pinlake.engine.routes import Feed, routes
from pinlake.record import stream, topic
from pinlake.table import UNROUTED

COLUMNS = (Column("ind", "INT", required=True),)


@pytest.fixture
def dataset():
    tables = {
        "pin": Table(
            "pin",
            topics=("t-pin",),
            streams=(StreamRoute("s-pin"), StreamRoute("shared", "pin*")),
            columns=COLUMNS,
        ),
        "user": Table("user", streams=(StreamRoute("shared", "user*"),), columns=COLUMNS),
    }
    return Dataset("two", Path(), tables, {}, Emulation(), 1)


def by_name(found):
    return {each.table.name: each.feeds for each in found}


def test_a_stream_of_one_table_gives_it_every_record(dataset):
    assert by_name(routes(dataset, ["s-pin"])) == {"pin": (Feed(stream("s-pin")),)}


def test_a_shared_stream_feeds_each_table_by_its_pattern_and_what_is_left_is_unrouted(dataset):
    assert by_name(routes(dataset, ["shared"])) == {
        "pin": (Feed(stream("shared"), "pin*", ("user*",)),),
        "user": (Feed(stream("shared"), "user*", ("pin*",)),),
        UNROUTED: (Feed(stream("shared"), "", ("pin*", "user*")),),
    }


def test_an_unclaimed_stream_is_a_table_itself(dataset):
    (found,) = routes(dataset, ["mine"])
    assert (found.table.name, found.table.generic) == ("mine", True)
    assert found.feeds == (Feed(stream("mine")),)


def test_a_stream_called_as_a_table_feeds_it(dataset):
    assert by_name(routes(dataset, ["user"])) == {"user": (Feed(stream("user")),)}


def test_claimed_topics_feed_their_table_beside_its_streams(dataset):
    found = by_name(routes(dataset, ["s-pin"], ["t-pin", "unclaimed"]))
    assert found == {"pin": (Feed(stream("s-pin")), Feed(topic("t-pin")))}


def test_a_topic_and_a_stream_of_one_name_are_told_apart_in_plans():
    assert Feed(stream("a")).key != Feed(topic("a")).key
