"""The sink: topics of the log become objects of the lake."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from pinlake.errors import ObjectsInTheWay, TopicUnknown
from pinlake.lake import objects, offsets
from pinlake.lake.naming import ObjectKey
from pinlake.lake.progress import Plan, Range
from pinlake.lake.store import Lake
from pinlake.log.base import Batch, LogReader, Position
from pinlake.log.reading import beyond_loss, read_on
from pinlake.record import Kind, LogName, Partition, topic
from pinlake.stage.connector.configuration import Connector
from pinlake.stage.partitioner import Default, Tag
from pinlake.stage.rotation import (
    OpenObject,
    extended,
    extended_by_folder,
    is_full,
    rotation_due,
    scheduled,
)
from pinlake.stage.worker import Planned, Wanted, Work, check_log, everything, identity
from pinlake.telemetry import logger

READ_BYTES = 8 * 1024 * 1024


class Sink:
    """Every topic of a log, each with its planner; finds new topics as they come."""

    def __init__(
        self,
        lake: Lake,
        log: LogReader,
        connector: Connector,
        wanted: Wanted = everything,
        *,
        accept_loss: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._lake, self._log, self._connector = lake, log, connector
        self._wanted, self._clock, self._wall = wanted, clock, wall
        self._accept_loss = accept_loss
        self._planners: dict[str, TopicPlanner] = {}

    def planners(self) -> Sequence[TopicPlanner]:
        """Return a planner for each topic there is now; the same one for the same topic."""
        for name in self._log.names(Kind.TOPIC):
            wanted = self._wanted(name) and self._connector.takes(name)
            if name not in self._planners and wanted:
                self._planners[name] = TopicPlanner(
                    self._lake,
                    self._log,
                    name,
                    self._connector,
                    accept_loss=self._accept_loss,
                    clock=self._clock,
                    wall=self._wall,
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
        connector: Connector,
        *,
        accept_loss: bool,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self.name, self._accept_loss = name, accept_loss
        self._lake, self._log, self._connector = lake, log, connector
        self._rotation, self._clock, self._wall = connector.rotation, clock, wall
        self._topic: LogName = topic(name)
        self._open: dict[int, OpenObject] = {}
        self._ends: dict[int, Position] | None = None
        self._measured_of: str | None = None

    def fix_end(self) -> None:
        """Take what the topic holds now, and close every object at that end."""
        self._ends = self._ends_now()

    def next(self, latest: Plan | None) -> Planned | None:
        """Return the plan of the objects that are due by size, bytes or age."""
        if self._measured_of is None:
            self._measured_of = identity(self._log, self._topic)
        now, wall = self._clock(), int(self._wall() * 1000)
        due = {
            number: each
            for number, each in self._measured(latest, now, wall).items()
            if rotation_due(each, self._rotation, now, wall)
            or (self._ends is not None and each.count)
        }
        if not due:
            return None
        log_id = check_log(self._log, self._topic, self, self.name, latest)
        if log_id != self._measured_of:
            return self._measured_again(latest, log_id)
        self._check_way(latest, due)
        objects.add_root(self._lake, self._connector.naming.root)
        return Planned(self._plan(latest, due, log_id), more=True)

    def run(self, plan: Plan) -> Work:
        """Write the plan's objects that are not there; what is there is whole."""
        check_log(self._log, self._topic, self, self.name, plan)
        missing = {key for key in plan.objects if not self._lake.exists(key)}
        written = _Written(self._lake, self._log, self._topic, plan)
        rows = sum(written.put(key, stop) for key, stop in _ends(plan) if str(key) in missing)
        return Work(plan.number, rows=rows, objects=len(missing), found_done=not missing)

    def _measured_again(self, latest: Plan | None, log_id: str) -> Planned | None:
        """Measure anew: the topic was deleted and made again before anything of it was planned."""
        logger("stage").warning("topic_exchanged", stage="sink", topic=self.name, found=log_id)
        self._open.clear()
        self._measured_of = log_id
        if self._ends is not None:
            self.fix_end()
        return self.next(latest)

    def _check_way(self, latest: Plan | None, due: dict[int, OpenObject]) -> None:
        """Refuse to begin a partition of which there are objects that no plan of ours made."""
        begun = {number for number in due if _begun(latest, Partition(self._topic, number))}
        if begun == due.keys():
            return
        for key in objects.listing(self._lake, self.name):
            if key.partition in due.keys() - begun:
                raise ObjectsInTheWay(topic=self.name, partition=key.partition, example=str(key))

    def _ends_now(self) -> dict[int, Position]:
        try:
            state = self._log.describe(self._topic)
        except TopicUnknown:
            self._forget()
            return {}
        return {each.number: each.end - 1 for each in state.partitions if each.end > each.beginning}

    def _forget(self) -> None:
        """Take note that the topic is gone: what was measured of it is, too."""
        if self._open:
            logger("stage").warning("topic_gone", stage="sink", topic=self.name)
        self._open.clear()

    def _measured(self, latest: Plan | None, now: float, wall: int) -> dict[int, OpenObject]:
        """Bring the open objects up to the log's end or to being full."""
        ends = self._ends_now() if self._ends is None else self._ends
        for number, end in ends.items():
            partition = Partition(self._topic, number)
            after = _after(latest, partition)
            if self._accept_loss:
                after = beyond_loss(self._log, partition, after)
            known = self._open.get(number)
            if known is None or known.after != after:
                known = OpenObject(after)
            known = self._measure(partition, known, end, now, wall)
            self._open[number] = scheduled(known, self._rotation, wall)
        return self._open

    def _measure(
        self, partition: Partition, measured: OpenObject, end: Position, now: float, wall: int
    ) -> OpenObject:
        while not is_full(measured, self._rotation):
            after = measured.read_upto
            if after is not None and after >= end:
                break
            batch = read_on(self._log, partition, after, READ_BYTES, end)
            if not len(batch):
                break
            measured = self._extended(measured, batch, now, wall)
        return measured

    def _extended(self, measured: OpenObject, batch: Batch, now: float, wall: int) -> OpenObject:
        positions, lengths = batch.positions, batch.values.lengths
        if isinstance(self._connector.partitioner, Default):
            return extended(measured, positions, lengths, self._rotation, now)
        tags = self._connector.partitioner.tags(batch, wall)
        if isinstance(tags, Tag):
            tags = [tags] * len(batch)
        return extended_by_folder(
            measured, positions, lengths, tags=tags, policy=self._rotation, now=now
        )

    def _plan(self, latest: Plan | None, due: dict[int, OpenObject], log_id: str) -> Plan:
        ranges = {
            key: Range(each.log, each.upto, each.upto)
            for key, each in (latest.ranges.items() if latest else ())
        }
        keys: list[ObjectKey] = []
        held: dict[str, str] = {}
        for number, each in sorted(due.items()):
            assert each.upto is not None
            ranges[str(Partition(self._topic, number))] = Range(log_id, each.after, each.upto)
            if not each.folders:
                keys += [self._key(f"partition={number}", number, start) for start in each.starts]
                continue
            found = {
                self._key(folder, number, positions[0]): positions
                for folder, positions in each.folders.items()
            }
            held |= _told(found, each.upto)
            keys += sorted(found)
        number = latest.number + 1 if latest else 1
        return Plan(number, ranges, tuple(str(key) for key in keys), held)

    def _key(self, folder: str, number: int, start: Position) -> ObjectKey:
        return self._connector.naming.key(self.name, folder, number, start)


class _Written:
    """Writes the objects of a plan; what lies in several folders is read once."""

    def __init__(self, lake: Lake, log: LogReader, name: LogName, plan: Plan) -> None:
        self._lake, self._log, self._name, self._plan = lake, log, name, plan
        self._values: dict[int, dict[Position, bytes | None]] = {}

    def put(self, key: ObjectKey, stop: Position) -> int:
        """Write an object, whose records do not pass ``stop``; count them.

        An object whose records are gone from the log is left out, and that is an error in the log.
        """
        text = self._plan.offsets.get(str(key))
        values = self._run(key, stop) if text is None else self._picked(key, text)
        if not values:
            logger("stage").error("records_gone", stage="sink", object=str(key))
            return 0
        if text is not None and "," in text:
            offsets.put(self._lake, str(key), text)
        else:
            offsets.drop(self._lake, str(key))
        objects.put(self._lake, key, objects.lines(values))
        return len(values)

    def _run(self, key: ObjectKey, stop: Position) -> list[bytes | None]:
        partition = Partition(self._name, key.partition)
        batches = list(_batches(self._log, partition, key.start, stop))
        if not batches or batches[0].positions[0] != key.start:
            return []
        return [value for batch in batches for value in batch.values.values()]

    def _picked(self, key: ObjectKey, text: str) -> list[bytes | None]:
        held = self._held(Partition(self._name, key.partition))
        wanted = offsets.read(text)
        return [held[position] for position in wanted] if held.keys() >= set(wanted) else []

    def _held(self, partition: Partition) -> dict[Position, bytes | None]:
        if partition.number not in self._values:
            planned = self._plan.ranges[str(partition)]
            start = 0 if planned.after is None else planned.after + 1
            self._values[partition.number] = {
                position: value
                for batch in _batches(self._log, partition, start, planned.upto)
                for position, value in zip(batch.positions, batch.values.values(), strict=True)
            }
        return self._values[partition.number]


def _told(found: dict[ObjectKey, tuple[Position, ...]], upto: Position) -> dict[str, str]:
    """Return the offsets of the objects that do not hold all up to the next one's first."""
    keys = sorted(found)
    stops = [*(key.start for key in keys[1:]), upto + 1]
    return {
        str(key): offsets.written(found[key])
        for key, stop in zip(keys, stops, strict=True)
        if found[key] != tuple(range(key.start, stop))
    }


def _begun(latest: Plan | None, partition: Partition) -> bool:
    return latest is not None and str(partition) in latest.ranges


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
        batch = read_on(log, partition, after, READ_BYTES, stop)
        if not len(batch):
            return
        yield batch
        after = batch.upto
