"""A log that takes another one's place begins where that one ended, and so do the stages' plans."""

from contextlib import closing

import pytest

from pinlake.errors import LogNotEmpty, MoveRefused
from pinlake.lake import objects
from pinlake.lake.open import open_lake
from pinlake.lake.progress import Plans
from pinlake.log.base import PartitionSpec
from pinlake.log.open import open_log
from pinlake.record import Kind, Partition, Record, topic
from pinlake.settings import Stream
from pinlake.stage import succession
from pinlake.stage.floor import floor_of
from pinlake.stage.worker import everything
from stage_homes import STREAM, TOPIC, make_home, once, open_home, post, rows, value

STAGES = ("sink", "load", "clean", "stream")
BOTH = Stream(topics=True)
BOTH_NAMES = (TOPIC, STREAM)


@pytest.fixture
def made(tmp_path):
    """A home of which the stages have taken 20 records of a topic and 5 of a stream."""
    home, dataset = make_home(tmp_path, stream=BOTH)
    post(home, TOPIC, map(value, range(20)))
    post(home, STREAM, map(value, range(100, 105)))
    for stage in STAGES:
        once(stage, home, dataset)
    return home, dataset


@pytest.fixture
def before(made):
    with closing(open_log(made[0].log_url)) as log:
        yield log


def drained(home, dataset, log):
    succession.check_drained(floor_of(home, dataset, everything), log)


def test_stages_go_on_in_the_new_log_with_offsets_that_are_new_too(made, tmp_path):
    home, dataset = made
    elsewhere, _ = open_home(tmp_path, stream=BOTH, topics=f"sqlite:///{tmp_path / 'new.db'}")
    with closing(open_log(home.log_url)) as before, closing(open_log(elsewhere.log_url)) as after:
        drained(home, dataset, before)
        for _ in range(2):
            found = succession.continued(
                before, {Kind.TOPIC: after, Kind.STREAM: after}, BOTH_NAMES
            )
            succession.succeed(open_lake(home), found)
    for stage in STAGES:
        assert once(stage, elsewhere, dataset).rows == 0
    post(elsewhere, TOPIC, map(value, range(15, 25)))
    post(elsewhere, STREAM, map(value, range(103, 107)))
    for stage in STAGES:
        once(stage, elsewhere, dataset)
    offsets = rows(home, "raw/sale", "_offset, ind")
    assert offsets == [*((n, n) for n in range(20)), *((n + 5, n) for n in range(15, 25))]
    assert rows(home, "clean/sale") == [(n,) for n in range(25)]
    assert rows(home, "stream/sale") == [(n,) for n in (*range(25), *range(100, 107))]
    keys = [str(key) for key in objects.listing(open_lake(home), "sales")]
    assert [key[-15:-5] for key in keys] == ["0000000000", "0000000020"]


def test_a_plan_that_goes_on_is_put_once(made, before, tmp_path):
    lake = open_lake(made[0])
    with closing(open_log(f"sqlite:///{tmp_path / 'new.db'}")) as after:
        found = succession.continued(before, {Kind.TOPIC: after}, BOTH_NAMES)
        succession.succeed(lake, found)
        succession.succeed(lake, found)
    sink, streamed = (
        Plans(lake, *name).latest() for name in (("sink", "sales"), ("stream", "sale"))
    )
    assert (sink.number, streamed.number) == (2, 2)
    logs = {key: each.log for key, each in streamed.ranges.items()}
    assert logs == {"sale-stream/0": before.log_id(STREAM), "topic:sales/0": after.log_id(TOPIC)}
    assert all(each.after == each.upto for each in streamed.ranges.values())


@pytest.mark.parametrize("name", [TOPIC, STREAM])
def test_a_record_that_no_stage_has_taken_stops_the_move(made, name):
    home, dataset = made
    post(home, name, [value(99)])
    with closing(open_log(home.log_url)) as log, pytest.raises(MoveRefused, match="has not taken"):
        drained(home, dataset, log)


def test_a_record_in_the_way_is_not_passed_over(before, tmp_path):
    with closing(open_log(f"sqlite:///{tmp_path / 'new.db'}")) as after:
        after.create(TOPIC)
        after.append(Partition(TOPIC, 0), [Record(b"somebody's")])
        with pytest.raises(LogNotEmpty, match="sales/0"):
            succession.continued(before, {Kind.TOPIC: after}, BOTH_NAMES)


def test_fewer_partitions_than_there_were_are_refused(before, tmp_path):
    before.alter(TOPIC, add=[PartitionSpec()])
    with closing(open_log(f"sqlite:///{tmp_path / 'new.db'}")) as after:
        after.create(TOPIC)
        with pytest.raises(MoveRefused, match="2 partitions"):
            succession.continued(before, {Kind.TOPIC: after}, BOTH_NAMES)


def test_of_a_cluster_only_what_a_stage_has_read_goes_on_elsewhere(made, before, kafka):
    home, others = made[0], topic("others")
    before.create(others)
    assert succession.names_to_continue(open_lake(home), before) == [others, TOPIC, STREAM]
    with closing(open_log(kafka.url)) as cluster:
        cluster.create(TOPIC)
        cluster.create(others)
        assert succession.names_to_continue(open_lake(home), cluster) == [TOPIC]
