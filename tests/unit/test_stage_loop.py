"""The loop over tables, with planners that count."""

from __future__ import annotations

import threading
import time

import pytest

from pinlake.errors import TableBroken, WriterBusy
from pinlake.lake.file import FileLake
from pinlake.lake.progress import Plan, Plans
from pinlake.stage.loop import Loop, StageReport
from pinlake.stage.worker import Planned, Work, Worker


@pytest.fixture
def lake(tmp_path):
    return FileLake(tmp_path.as_uri())


class Counting:
    """A planner with so many plans to make, which notes what it ran and may fail."""

    stage = "load"

    def __init__(self, name, plans=0, fails=0, full=False):
        self.name, self.plans, self.fails, self.full = name, plans, fails, full
        self.ran = []

    def fix_end(self):
        pass

    def next(self, latest):
        number = latest.number + 1 if latest else 1
        return Planned(Plan(number), self.full) if number <= self.plans else None

    def run(self, plan):
        if self.fails:
            self.fails -= 1
            raise TableBroken(table=self.name, reason="it was told to")
        found_done = plan.number in self.ran
        self.ran.append(plan.number)
        return Work(plan.number, rows=10, found_done=found_done)


class Crew:
    def __init__(self, *planners):
        self.found = planners

    def planners(self):
        return self.found


def loop(lake, events=None):
    return Loop("load", lake, (events if events is not None else []).append)


def test_once_every_table_is_brought_to_its_end(lake):
    a, b = Counting("a", plans=3), Counting("b", plans=2)
    with loop(lake) as running:
        running.drain(Crew(a, b), threading.Event())
        assert (a.ran, b.ran) == ([1, 2, 3], [1, 2])
        assert running.report == StageReport("load", steps=5, rows=50)


def test_once_a_failing_table_does_not_stop_the_others_and_its_error_comes_at_the_end(lake):
    a, b = Counting("a", plans=1, fails=1), Counting("b", plans=1)
    events = []
    with loop(lake, events) as running, pytest.raises(TableBroken, match="'a'"):
        running.drain(Crew(a, b), threading.Event())
    assert b.ran == [1]
    assert [(event.table, event.error is None) for event in events] == [("a", False), ("b", True)]


def test_for_ever_a_table_that_failed_is_tried_again_with_the_same_plan(lake):
    a, b = Counting("a", plans=2, fails=2, full=True), Counting("b", plans=1)
    stop = threading.Event()
    with loop(lake) as running:
        thread = threading.Thread(target=running.follow, args=(Crew(a, b), stop, 0.01))
        thread.start()
        deadline = time.monotonic() + 20
        while a.ran != [1, 2] and time.monotonic() < deadline:
            time.sleep(0.01)
        stop.set()
        thread.join()
    assert (a.ran, b.ran) == ([1, 2], [1])
    assert Plans(lake, "load", "a").numbers() == [1, 2]


def test_for_ever_a_table_makes_one_plan_a_turn_unless_it_is_a_full_one(lake):
    slow, full = Counting("slow", plans=5), Counting("full", plans=5, full=True)
    stop = threading.Event()
    with loop(lake) as running:
        thread = threading.Thread(target=running.follow, args=(Crew(slow, full), stop, 60.0))
        thread.start()
        deadline = time.monotonic() + 20
        while len(full.ran) < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        stop.set()
        thread.join()
    assert (slow.ran, full.ran) == ([1], [1, 2, 3, 4, 5])


def test_stopping_ends_a_long_pause_at_once(lake):
    stop = threading.Event()
    with loop(lake) as running:
        thread = threading.Thread(target=running.follow, args=(Crew(), stop, 3600.0))
        thread.start()
        stop.set()
        thread.join(5)
        assert not thread.is_alive()


def test_a_stop_ends_a_backlog_between_two_plans(lake):
    stop = threading.Event()
    a = Counting("a", plans=1000, full=True)
    running = Loop("load", lake, lambda event: stop.set() if event.work.number == 3 else None)
    with running:
        running.drain(Crew(a), stop)
    assert a.ran == [1, 2, 3]


def test_a_second_writer_of_a_table_is_refused_and_the_other_tables_go_on(lake):
    a, b = Counting("a", plans=1), Counting("b", plans=1)
    with (
        Plans(lake, "load", "a").claim(),
        loop(lake) as running,
        pytest.raises(WriterBusy, match="load a"),
    ):
        running.drain(Crew(a, b), threading.Event())
    assert (a.ran, b.ran) == ([], [1])


def test_after_a_restart_the_newest_plan_is_run_again_before_the_next_one(lake):
    Plans(lake, "load", "a").put(Plan(1))
    a = Counting("a", plans=2)
    worker = Worker(lake, a)
    assert worker.advance() == (Work(1, rows=10), True)
    assert worker.advance() == (Work(2, rows=10), False)
    assert worker.advance() == (None, False)
    worker.close()


def test_what_is_found_done_does_not_count_in_the_report():
    assert StageReport("load").plus(Work(3, rows=7, found_done=True)) == StageReport("load")


def test_a_report_says_what_was_done():
    assert str(StageReport("sink", 2, 12_000, objects=3)) == "sink: 12,000 records in 3 objects"
    assert "2 quarantined" in str(StageReport("load", 1, 10, 0, 2))
