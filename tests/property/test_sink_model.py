"""The sink against a list: whatever happens, each record is in one object at its offset."""

from __future__ import annotations

import tempfile
from datetime import UTC
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pinlake.lake import objects, offsets
from pinlake.lake.file import FileLake
from pinlake.lake.progress import Plans
from pinlake.log.base import PartitionSpec
from pinlake.log.memory import MemoryLog
from pinlake.record import Partition, Record, topic
from pinlake.stage.connector.configuration import Connector, joda
from pinlake.stage.partitioner import ByField, ByTime, Default
from pinlake.stage.rotation import Rotation
from pinlake.stage.sink import Sink
from pinlake.stage.worker import Worker

TOPIC = topic("a.topic")
VALUES = st.one_of(
    st.none(),
    st.binary(max_size=12),
    st.sampled_from([b'{"a": 1}', b'{"a":2}', b'{"a":"x/y"}', b"[1,\n2]", b'"x"', b"NaN", b"\xff"]),
)


PARTITIONERS = [
    Default(),
    ByField(("a",)),
    ByTime(1, UTC, joda.compiled("SSS"), "RecordField", "a"),
    ByTime(3000, UTC, joda.compiled("mm-ss"), "Wallclock"),
]


class SinkMachine(RuleBasedStateMachine):
    """Appends, looks, time, crashes and drains in any order; partitions are lists."""

    @initialize(
        flush_size=st.integers(1, 7), size=st.integers(1, 60), by=st.sampled_from(PARTITIONERS)
    )
    def start(self, flush_size, size, by):
        self.by = by
        self.folder = tempfile.TemporaryDirectory()
        self.lake = FileLake(Path(self.folder.name).as_uri())
        self.log = MemoryLog()
        self.log.create(TOPIC, [PartitionSpec()] * 2)
        self.policy = Rotation(flush_size, 10.0, size)
        self.model = {0: [], 1: []}
        self.now = 0.0
        self.written = {}
        self.restart()

    def teardown(self):
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def planner(self):
        (planner,) = Sink(
            self.lake, self.log, Connector(self.policy, partitioner=self.by), clock=lambda: self.now
        ).planners()
        return planner

    @rule()
    def restart(self):
        if hasattr(self, "worker"):
            self.worker.close()
        self.worker = Worker(self.lake, self.planner())

    @rule(partition=st.integers(0, 1), values=st.lists(VALUES, min_size=1, max_size=15))
    def append(self, partition, values):
        self.log.append(Partition(TOPIC, partition), [Record(value) for value in values])
        self.model[partition] += values

    @rule(seconds=st.floats(0, 20))
    def pass_time(self, seconds):
        self.now += seconds

    @rule()
    def look(self):
        self.worker.advance()

    @rule(pick=st.randoms(use_true_random=False))
    def crash_before_some_objects_of_the_newest_plan(self, pick):
        plan = Plans(self.lake, "sink", TOPIC.name).latest()
        for key in plan.objects if plan else ():
            if pick.random() < 0.5:
                self.lake.delete(key)
        self.restart()
        self.worker.advance()

    @rule()
    def drain(self):
        self.worker.close()
        planner = self.planner()
        planner.fix_end()
        worker = Worker(self.lake, planner)
        while worker.advance()[0] is not None:
            pass
        worker.close()
        self.restart()
        for partition, values in self.model.items():
            assert self.lines(partition) == [objects.line(value) for value in values]

    @precondition(lambda self: hasattr(self, "lake"))
    @invariant()
    def objects_hold_the_lists_beginning_at_their_offsets(self):
        for partition, values in self.model.items():
            for key, content in self.contents(partition).items():
                assert 0 < content.count(b"\n") <= self.policy.flush_size
                assert self.written.setdefault(key, content) == content
            held = self.lines(partition)
            assert held == [objects.line(value) for value in values[: len(held)]]

    def lines(self, partition):
        """Return the lines of all objects by their offsets, which are 0, 1, 2 and so on."""
        held = []
        for key, content in self.contents(partition).items():
            lines = content.splitlines(keepends=True)
            start = objects.parse(key).start
            held += zip(offsets.of(self.lake, key, start, len(lines)), lines, strict=True)
        assert [offset for offset, _ in sorted(held)] == list(range(len(held)))
        return [line for _, line in sorted(held)]

    def contents(self, partition):
        found = objects.list_after(self.lake, TOPIC.name, partition, None)
        return {str(each.key): objects.get(self.lake, str(each.key)) for each in found}


SinkMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestSink = SinkMachine.TestCase
