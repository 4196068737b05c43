"""The log in memory and the embedded one answer alike, whatever is asked of them in turn."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pinlake.errors import PinlakeError
from pinlake.log.base import PartitionSpec
from pinlake.log.memory import MemoryLog
from pinlake.log.segments import SegmentLimits
from pinlake.log.sqlite import SqliteLog, SqliteLogReader
from pinlake.record import Partition, Record, stream, topic

NAMES = [topic("a"), topic("b"), stream("a")]
names = st.sampled_from(NAMES)
numbers = st.integers(0, 3)
partitions = st.builds(Partition, names, numbers)
specs = st.lists(st.builds(PartitionSpec, st.just({}) | st.just({"k": "v"})), max_size=2)
records = st.lists(
    st.builds(
        Record,
        value=st.none() | st.binary(max_size=5),
        key=st.none() | st.binary(max_size=2),
        headers=st.just(()) | st.just((("h", b"v"),)),
        time=st.none() | st.integers(0, 100),
    ),
    max_size=4,
)


def answer(call):
    """Return what a call gives, or the error it raises as text."""
    try:
        return call()
    except PinlakeError as error:
        return str(error)


def told(batch):
    if isinstance(batch, str):
        return batch
    headers = list(batch.headers) or [()] * len(batch)
    columns = batch.keys.values(), batch.values.values(), list(batch.times), headers
    return list(zip(batch.positions, *columns, strict=True))


def within(segment):
    return range(segment.start, segment.stop)


class Twins(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.now = 0
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "log.db"
        self.memory = MemoryLog(self.clock)
        self.sqlite = self.opened()
        self.reader = SqliteLogReader(self.path)
        self.starts = []

    def opened(self):
        return SqliteLog(self.path, self.clock, segment=SegmentLimits(bytes=6))

    def clock(self):
        return self.now

    def both(self, call):
        expected = answer(lambda: call(self.memory))
        assert answer(lambda: call(self.sqlite)) == expected
        return expected

    @rule(step=st.integers(-5, 50))
    def pass_time(self, step):
        self.now = max(0, self.now + step)

    @rule(name=names, specs=specs)
    def create(self, name, specs):
        self.both(lambda log: log.create(name, specs, {"made": 1}))

    @rule(name=names)
    def delete(self, name):
        self.both(lambda log: log.delete(name))

    @rule(name=names, close=st.lists(numbers, max_size=1), add=specs)
    def alter(self, name, close, add):
        self.both(lambda log: log.alter(name, attributes={"altered": 1}, close=close, add=add))

    @rule(partition=partitions, some=records)
    def append(self, partition, some):
        positions = self.both(lambda log: log.append(partition, some))
        if positions and not isinstance(positions, str):
            self.starts.append((partition, positions[0]))

    @precondition(lambda self: self.starts)
    @rule(choice=st.randoms(use_true_random=False))
    def trim(self, choice):
        partition, start = choice.choice(self.starts)
        self.both(lambda log: log.trim(partition, start))

    @rule(
        partition=partitions,
        after=st.none() | st.integers(-1, 20),
        upto=st.none() | st.integers(-1, 20),
    )
    def read(self, partition, after, upto):
        expected = self.both(lambda log: told(log.read(partition, after, 1 << 30, upto)))
        assert answer(lambda: told(self.reader.read(partition, after, 1 << 30, upto))) == expected

    @rule(partition=partitions, time=st.integers(0, 120))
    def find_time(self, partition, time):
        expected = self.both(lambda log: log.find_time(partition, time))
        assert answer(lambda: self.reader.find_time(partition, time)) == expected

    @rule()
    def open_again(self):
        self.sqlite.close()
        self.sqlite = self.opened()

    @invariant()
    def are_described_alike(self):
        for kind in ("topic", "stream"):
            assert self.reader.names(kind) == self.both(lambda log, kind=kind: log.names(kind))
        for name in NAMES:
            expected = self.both(lambda log, name=name: log.describe(name))
            assert answer(lambda name=name: self.reader.describe(name)) == expected

    @invariant()
    def segments_tell_what_is_held(self):
        for partition in (Partition(name, number) for name in NAMES for number in range(4)):
            memory = answer(lambda partition=partition: self.memory.segments(partition))
            stored = answer(lambda partition=partition: self.sqlite.segments(partition))
            if isinstance(memory, str):
                assert stored == memory
                continue
            held = sum(each.bytes for each in memory)
            assert sum(each.bytes for each in stored) in range(held, held + 12)
            assert [each.stop for each in stored[:-1]] == [each.start for each in stored[1:]]
            for each in stored:
                assert each.latest >= max(one.latest for one in memory if one.start in within(each))

    def teardown(self):
        self.reader.close()
        self.sqlite.close()
        self.folder.cleanup()


TestTwins = Twins.TestCase
TestTwins.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
