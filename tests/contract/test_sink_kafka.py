"""The sink measures a topic over several looks: one that is made again meanwhile is another."""

from __future__ import annotations

from contextlib import closing

import pytest

from pinlake.lake.file import FileLake
from pinlake.log.open import open_log
from pinlake.record import Partition, Record, topic
from pinlake.settings import Sink as Settings
from pinlake.stage.connector.configuration import connector_of
from pinlake.stage.sink import Sink

NAME = topic("t")
FIRST = Partition(NAME, 0)


@pytest.fixture
def log(kafka):
    with closing(open_log(kafka.url)) as opened:
        opened.create(NAME)
        yield opened


def planner_of(tmp_path, log, ages):
    connector = connector_of(Settings(flush_size=100, rotate_seconds=10))
    sink = Sink(FileLake(tmp_path.as_uri()), log, connector, clock=lambda: ages[-1])
    (planner,) = sink.planners()
    return planner


def test_what_was_measured_of_a_topic_that_was_made_again_is_planned_of_the_new_one(tmp_path, log):
    log.append(FIRST, [Record(b"old")] * 5)
    planner = planner_of(tmp_path, log, ages := [0.0])
    assert planner.next(None) is None  # five are measured, and not yet due
    log.delete(NAME)
    log.create(NAME)
    log.append(FIRST, [Record(b"new")] * 2)
    ages.append(20.0)
    assert planner.next(None) is None  # the new ones are measured, and not yet due
    ages.append(40.0)
    plan = planner.next(None).plan
    assert plan.ranges["t/0"].upto == 1
    assert plan.ranges["t/0"].log == log.log_id(NAME)
    assert planner.run(plan).rows == 2


def test_what_was_measured_of_a_topic_that_is_gone_is_forgotten(tmp_path, log):
    log.append(FIRST, [Record(b"old")] * 5)
    planner = planner_of(tmp_path, log, ages := [0.0])
    assert planner.next(None) is None
    log.delete(NAME)
    ages.append(20.0)
    assert planner.next(None) is None
