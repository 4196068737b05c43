"""The floor follows what the stages made durable, and no further."""

import pytest

from pinlake.lake import commits
from pinlake.lake.open import open_lake
from pinlake.lake.progress import Plan, Plans, Range
from pinlake.log.open import open_reader
from pinlake.record import Partition, stream, topic
from pinlake.stage.floor import EVERYTHING, LOOK_BACK, Floor
from stage_homes import STREAM, TOPIC, make_home, once, post, value

SALES, SOLD = Partition(TOPIC, 0), Partition(STREAM, 0)


@pytest.fixture
def made(tmp_path):
    home, dataset = make_home(tmp_path)
    for name in (TOPIC, STREAM):
        post(home, name, [value(number) for number in range(30)])
    return home, dataset


def log_id(home):
    reader = open_reader(home.log_url)
    try:
        return reader.log_id(TOPIC)
    finally:
        reader.close()


def floor_of(home, dataset, partition, **options):
    return Floor(open_lake(home), dataset, **options)(partition, log_id(home))


def test_a_stage_that_never_ran_needs_everything(made):
    assert floor_of(*made, SALES) is None
    assert floor_of(*made, SOLD) is None


def test_what_is_durable_in_the_lake_is_not_needed(made):
    home, dataset = made
    once("sink", home, dataset)
    assert floor_of(*made, SALES) == 29
    assert floor_of(*made, SOLD) is None
    once("stream", home, dataset)
    assert floor_of(*made, SOLD) == 29


@pytest.mark.parametrize("stage", ["sink", "stream"])
def test_a_plan_that_is_not_carried_out_yet_is_needed(made, stage):
    home, dataset = made
    once(stage, home, dataset)
    name, partition = ("sales", SALES) if stage == "sink" else ("sale", SOLD)
    plans = Plans(open_lake(home), stage, name)
    latest = plans.latest()
    key, objects = str(partition), ("topics/sales/partition=0/sales+0+0000000030.json",)
    more = Plan(
        latest.number + 1,
        {**latest.ranges, key: Range(log_id(home), 29, 35)},
        objects=objects if stage == "sink" else (),
    )
    plans.put(more)
    assert floor_of(*made, partition) == 29


def test_positions_of_another_log_say_nothing(made):
    home, dataset = made
    once("sink", home, dataset)
    assert Floor(open_lake(home), dataset)(SALES, "another") is None


def test_what_feeds_several_tables_is_needed_by_the_slowest(made):
    home, dataset = made
    post(home, stream("shared"), [value(1), value(2)], key=b"sale-1")
    shared = Partition(stream("shared"), 0)
    floor = Floor(open_lake(home), dataset)
    assert [each.name for each in floor.passed(shared, log_id(home))] == ["_unrouted", "sale"]
    once("stream", home, dataset, "sale")
    assert [each.position for each in floor.passed(shared, log_id(home))] == [None, 1]
    assert floor(shared, log_id(home)) is None


def test_the_floor_follows_the_commits_of_its_table(made):
    home, dataset = made
    floor = Floor(open_lake(home), dataset)
    for upto in (29, 39, 49):
        once("stream", home, dataset)
        assert floor(SOLD, log_id(home)) == upto
        post(home, STREAM, [value(upto + number) for number in range(1, 11)])


def test_a_torn_commit_has_no_number(made):
    home, dataset = made
    once("stream", home, dataset)
    lake = open_lake(home)
    path = lake.path(commits.path("stream/sale", commits.newest(lake, "stream/sale")))
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    assert floor_of(*made, SOLD) is None
    path.write_bytes(whole)
    assert floor_of(*made, SOLD) == 29


@pytest.mark.parametrize(("others", "floor"), [(LOOK_BACK - 1, 29), (LOOK_BACK, None)])
def test_so_many_commits_without_a_number_may_follow_the_one_that_has_it(made, others, floor):
    home, dataset = made
    once("stream", home, dataset)
    lake = open_lake(home)
    newest = commits.newest(lake, "stream/sale")
    for version in range(newest + 1, newest + 1 + others):
        lake.put(commits.path("stream/sale", version), b'{"commitInfo":{"operation":"OPTIMIZE"}}\n')
    assert floor_of(*made, SOLD) == floor


def test_a_rebuilt_table_needs_everything_again(made):
    home, dataset = made
    once("stream", home, dataset)
    floor = Floor(open_lake(home), dataset)
    assert floor(SOLD, log_id(home)) == 29
    for key in ("stream/sale", "quarantine/stream/sale", "progress/stream/sale"):
        open_lake(home).delete_tree(key)
    assert floor(SOLD, log_id(home)) is None


def test_topics_count_for_the_stream_stage_where_it_takes_them(made):
    home, dataset = made
    once("sink", home, dataset)
    assert floor_of(*made, SALES, stream_topics=True) is None


def test_what_no_stage_takes_is_needed_by_none(made):
    assert floor_of(*made, SALES, sunk=lambda _topic: False) == EVERYTHING


def test_a_topic_that_no_data_set_claims_waits_for_the_sink_too(made):
    home, _ = made
    post(home, topic("unclaimed"), [b"1"])
    assert floor_of(*made, Partition(topic("unclaimed"), 0)) is None
