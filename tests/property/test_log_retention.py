"""Retention against a model: no needed and no young record goes, and what may go does."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pinlake.log.housekeeping import Housekeeper
from pinlake.log.memory import MemoryLog
from pinlake.log.segments import SegmentLimits
from pinlake.log.sqlite import SqliteLog
from pinlake.record import Partition, Record, topic
from pinlake.settings import Log as Settings

FIRST = Partition(topic("t"), 0)
SEGMENT = 10
HOUR = 3_600_000


class Kept(RuleBasedStateMachine):
    """One partition, a stage that comes on now and then, and a clock."""

    def make(self):
        raise NotImplementedError

    def __init__(self):
        super().__init__()
        self.now = 1_000
        self.log = self.make()
        self.log.create(topic("t"))
        self.model = []  # (time, size) by position, never forgotten
        self.floor = None
        self.beginning = 0

    @initialize(hours=st.sampled_from([0.0, 1.0]), size=st.sampled_from([0, 25]))
    def choose(self, hours, size):
        self.settings = Settings(retention_hours=hours, retention_bytes=size)

    @rule(minutes=st.integers(0, 50))
    def pass_time(self, minutes):
        self.now += minutes * 60_000

    @rule(sizes=st.lists(st.integers(0, 9), min_size=1, max_size=4))
    def append(self, sizes):
        self.log.append(FIRST, [Record(bytes(size)) for size in sizes])
        self.model += [(self.now, size) for size in sizes]

    @rule(share=st.floats(0, 1))
    def stage_comes_on(self, share):
        if self.model:
            reached = int(share * len(self.model)) - 1
            self.floor = max(-1 if self.floor is None else self.floor, reached)

    @rule()
    def look(self):
        keeper = Housekeeper(self.log, self.settings, lambda *_: self.floor, lambda: self.now)
        keeper.look()
        self.check_all_that_may_go_went()

    @rule()
    def open_again(self):
        self.log = self.opened_again()

    def opened_again(self):
        return self.log

    @invariant()
    def nothing_went_that_may_not(self):
        beginning = self.log.describe(topic("t")).partitions[0].beginning
        for position in range(self.beginning, beginning):
            assert self.floor is not None
            assert position <= self.floor
            assert self.is_past(position)
        self.beginning = beginning
        batch = self.log.read(FIRST, None, 1 << 30)
        assert list(batch.positions) == list(range(beginning, len(self.model)))
        assert list(batch.values.lengths) == [size for _, size in self.model[beginning:]]

    def is_past(self, position):
        """Tell whether a record is past retention, by its own time and what follows it."""
        hours, size = self.settings.retention_hours, self.settings.retention_bytes
        old = hours and self.model[position][0] < self.now - hours * HOUR
        following = sum(each for _, each in self.model[position + 1 :])
        return bool(old or (size and following >= size))

    def check_all_that_may_go_went(self):
        """What is left is young, small or needed, but for the segment it lies in."""
        segments = self.log.segments(FIRST)
        if not segments or self.floor is None:
            return
        first = segments[0]
        rest = sum(each.bytes for each in segments[1:])
        hours, size = self.settings.retention_hours, self.settings.retention_bytes
        may_stay = [
            first.stop - 1 > self.floor,
            not (hours and first.latest < self.now - hours * HOUR) and not (size and rest >= size),
        ]
        assert any(may_stay)

    def teardown(self):
        self.log.close()


class KeptInMemory(Kept):
    def make(self):
        return MemoryLog(lambda: self.now)


class KeptInSqlite(Kept):
    def make(self):
        self.folder = tempfile.TemporaryDirectory()
        return self.opened()

    def opened(self):
        limits = SegmentLimits(SEGMENT, 10 * 60_000)
        return SqliteLog(Path(self.folder.name) / "log.db", lambda: self.now, segment=limits)

    def opened_again(self):
        self.log.close()
        return self.opened()

    def teardown(self):
        super().teardown()
        self.folder.cleanup()


@pytest.mark.parametrize(("kind", "examples"), [(KeptInMemory, 60), (KeptInSqlite, 30)])
def test_retention_keeps_what_it_must_and_drops_what_it_may(kind, examples):
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        kind, settings=settings(max_examples=examples, stateful_step_count=40, deadline=None)
    )
