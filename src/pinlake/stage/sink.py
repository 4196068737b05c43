"""The sink: topics of the log become objects of the lake."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from pinlake.errors import TopicUnknown
from pinlake.lake import objects
from pinlake.lake.objects import ObjectKey
from pinlake.lake.progress import Plan, Range
from pinlake.lake.store import Lake
from pinlake.log.base import Batch, LogReader, Position
from pinlake.record import Kind, LogName, Partition, topic
from pinlake.stage.rotation import OpenObject, Rotation, extended, is_full, rotation_due
from pinlake.stage.worker import Planned, Wanted, Work, check_log, everything
from pinlake.telemetry import logger

READ_BYTES = 8 * 1024 * 1024


class Sink:
    """Every topic of a log, each with its planner; finds new topics as they come."""

    def __init__(
        self,
        lake: Lake,
        log: LogReader,
        rotation: Rotation,
        wanted: Wanted = everything,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lake, self._log, self._rotation = lake, log, rotation
        self._wanted, self._clock = wanted, clock
        self._planners: dict[str, TopicPlanner] = {}

    def planners(self) -> Sequence[TopicPlanner]:
        """Return a planner for each topic there is now; the same one for the same topic."""
        for name in self._log.names(Kind.TOPIC):
            if name not in self._planners and self._wanted(name):
                self._planners[name] = TopicPlanner(
                    self._lake, self._log, name, self._rotation, self._clock
                )
        return list(self._planners.values())


class TopicPlanner:
    """Plans the objects of one topic: of each partition that is due, one plan for all of them."""

    stage = "sink"

    def __init__(
        self,
        lake: Lake,
        log: LogReader,
        name: str,
        rotation: Rotation,
        clock: Callable[[], float],
    ) -> None:
        self.name = name
        self._lake, self._log, self._rotation, self._clock = lake, log, rotation, clock
        self._topic: LogName = topic(name)
        self._open: dict[int, OpenObject] = {}
        self._ends: dict[int, Position] | None = None

    def fix_end(self) -> None:
        """Take what the topic holds now, and close every object at that end."""
        self._ends = self._ends_now()

    def next(self, latest: Plan | None) -> Planned | None:
        """Return the plan of the objects that are due by size, bytes or age."""
        now = self._clock()
        due = {
            number: each
            for number, each in self._measured(latest, now).items()
            if rotation_due(each, self._rotation, now) or (self._ends is not None and each.count)
        }
        if not due:
            return None
        log_id = check_log(self._log, self._topic, self, self.name, latest)
        return Planned(self._plan(latest, due, log_id), more=True)

    def run(self, plan: Plan) -> Work:
        """Write the plan's objects that are not there; what is there is whole."""
        check_log(self._log, self._topic, self, self.name, plan)
        missing = [key for key in plan.objects if not self._lake.exists(key)]
        rows = sum(self._write(key, stop) for key, stop in _ends(plan) if str(key) in missing)
        return Work(plan.number, rows=rows, objects=len(missing), found_done=not missing)

    def _ends_now(self) -> dict[int, Position]:
        try:
            state = self._log.describe(self._topic)
        except TopicUnknown:
            return {}
        return {each.number: each.end - 1 for each in state.partitions if each.end > each.beginning}

    def _measured(self, latest: Plan | None, now: float) -> dict[int, OpenObject]:
        """Bring the open objects up to the log's end or to being full."""
        ends = self._ends_now() if self._ends is None else self._ends
        for number, end in ends.items():
            partition = Partition(self._topic, number)
            after = _after(latest, partition)
            known = self._open.get(number)
            if known is None or known.after != after:
                known = OpenObject(after)
            self._open[number] = self._measure(partition, known, end, now)
        return self._open

    def _measure(
        self, partition: Partition, measured: OpenObject, end: Position, now: float
    ) -> OpenObject:
        while not is_full(measured, self._rotation):
            after = measured.read_upto
            if after is not None and after >= end:
                break
            batch = self._log.read(partition, after, READ_BYTES, end)
            if not len(batch):
                break
            measured = extended(
                measured, batch.positions, batch.values.lengths, self._rotation, now
            )
        return measured

    def _plan(self, latest: Plan | None, due: dict[int, OpenObject], log_id: str) -> Plan:
        ranges = {
            key: Range(each.log, each.upto, each.upto)
            for key, each in (latest.ranges.items() if latest else ())
        }
        keys: list[ObjectKey] = []
        for number, each in sorted(due.items()):
            assert each.upto is not None
            ranges[str(Partition(self._topic, number))] = Range(log_id, each.after, each.upto)
            keys += [ObjectKey(self.name, number, start) for start in each.starts]
        number = latest.number + 1 if latest else 1
        return Plan(number, ranges, objects=tuple(str(key) for key in keys))

    def _write(self, key: ObjectKey, stop: Position) -> int:
        """Write the records from the key's start to ``stop``, which holds the last; count them."""
        partition = Partition(self._topic, key.partition)
        batches = list(_batches(self._log, partition, key.start, stop))
        rows = sum(len(batch) for batch in batches)
        if rows == 0 or batches[0].positions[0] != key.start:
            logger("stage").error("records_gone", stage=self.stage, object=str(key))
            return 0
        content = b"".join([objects.lines(batch.values.values()) for batch in batches])
        objects.put(self._lake, key, content)
        return rows


def _after(latest: Plan | None, partition: Partition) -> Position | None:
    done = latest.ranges.get(str(partition)) if latest else None
    return done.upto if done else None


def _ends(plan: Plan) -> list[tuple[ObjectKey, Position]]:
    """Return each object with the position that its last record does not pass."""
    keys = [key for key in map(objects.parse, plan.objects) if key is not None]
    following = [
        after.start - 1 if after is not None and after.partition == key.partition else None
        for key, after in pairwise([*keys, None])
        if key is not None
    ]
    return [
        (key, plan.ranges[f"{key.topic}/{key.partition}"].upto if stop is None else stop)
        for key, stop in zip(keys, following, strict=True)
    ]


def _batches(
    log: LogReader, partition: Partition, start: Position, stop: Position
) -> Iterator[Batch]:
    after: Position | None = start - 1 if start > 0 else None
    while after is None or after < stop:
        batch = log.read(partition, after, READ_BYTES, stop)
        if not len(batch):
            return
        yield batch
        after = batch.upto
