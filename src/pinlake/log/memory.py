"""A log in memory: the embedded log's twin for tests and trials, gone with its process."""

from __future__ import annotations

import threading
import uuid
from array import array
from collections.abc import Sequence

from msgspec.structs import replace

from pinlake.errors import LogClosed, PinlakeError, TopicExists
from pinlake.log import waiting
from pinlake.log.base import (
    Append,
    Attributes,
    Batch,
    Done,
    PartitionSpec,
    Position,
    Segment,
    TopicState,
)
from pinlake.log.clock import Clock, milliseconds
from pinlake.log.columns import column, fitting
from pinlake.log.topics import HeldPartition, HeldTopic, Topics
from pinlake.record import LogName, Partition, Record


class MemoryLog:
    """Keeps every promise of a Log but durability. Safe to use from any thread.

    ``done`` is called before ``submit`` returns, on the caller's thread.
    """

    def __init__(self, clock: Clock = milliseconds, log_id: str | None = None) -> None:
        self._clock = clock
        self._id = log_id or str(uuid.uuid4())
        self._lock = threading.RLock()
        self._topics = Topics()
        self._records: dict[Partition, list[Record]] = {}
        self._ends: dict[Partition, Position] = {}
        self._closed = False

    def log_id(self, name: LogName) -> str:
        """Return the log's identity, one for all its topics."""
        return self._id

    def names(self, kind: str) -> list[str]:
        """Return the names of all topics or all streams, sorted."""
        self._check_open()
        return self._topics.of_kind(kind)

    def describe(self, name: LogName) -> TopicState:
        """Return the state of a topic or stream, or raise TopicUnknown."""
        self._check_open()
        with self._lock:
            return self._topics[name].state()

    def read(
        self,
        partition: Partition,
        after: Position | None,
        max_bytes: int,
        upto: Position | None = None,
    ) -> Batch:
        """Return records with after < position <= upto, at most max_bytes but one at least."""
        self._check_open()
        with self._lock:
            held = self._topics.partition(partition)
            start = held.beginning if after is None else max(held.beginning, after + 1)
            stop = held.end if upto is None else min(held.end, upto + 1)
            records = self._slice(partition, held, start, stop)
        sizes = [len(record.value or b"") for record in records]
        return _batch(partition, start, records[: fitting(sizes, max_bytes)])

    def find_time(self, partition: Partition, time: int) -> Position:
        """Return the position of the first record at or after a time, or the end."""
        self._check_open()
        with self._lock:
            held = self._topics.partition(partition)
            times = (record.time or 0 for record in self._records[partition])
            found = (row for row, at in enumerate(times) if at >= time)
            return held.beginning + next(found, held.end - held.beginning)

    def create(
        self,
        name: LogName,
        partitions: Sequence[PartitionSpec] = (PartitionSpec(),),
        attributes: Attributes = {},
    ) -> TopicState:
        """Create a topic or stream; raise TopicExists where there is one."""
        self._check_open()
        with self._lock:
            if name in self._topics:
                raise TopicExists(kind=name.kind.value, name=name.name)
            topic = HeldTopic(name, self._clock(), {}, dict(attributes))
            self._topics[name] = topic
            self._add(topic, partitions)
            return topic.state()

    def delete(self, name: LogName) -> None:
        """Delete a topic or stream and its records; raise TopicUnknown."""
        self._check_open()
        with self._lock:
            for held in self._topics[name].partitions.values():
                partition = Partition(name, held.number)
                self._ends[partition] = held.end
                del self._records[partition]
            del self._topics[name]

    def alter(
        self,
        name: LogName,
        *,
        attributes: Attributes | None = None,
        close: Sequence[int] = (),
        add: Sequence[PartitionSpec] = (),
    ) -> TopicState:
        """Replace a topic's attributes, close partitions to appends and add new ones, as one."""
        self._check_open()
        with self._lock:
            topic = self._topics[name]
            for held in [self._topics.partition(Partition(name, number)) for number in close]:
                held.closed = True
            if attributes is not None:
                topic.attributes = dict(attributes)
            self._add(topic, add)
            return topic.state()

    def trim(self, partition: Partition, before: Position) -> None:
        """Forget the records below a position."""
        self._check_open()
        with self._lock:
            held = self._topics.partition(partition)
            count = min(before, held.end) - held.beginning
            if count > 0:
                del self._records[partition][:count]
                held.beginning += count

    def skip(self, partition: Partition, before: Position) -> Position:
        """Begin an empty partition at a position at least."""
        self._check_open()
        with self._lock:
            held = self._topics.partition(partition)
            if held.may_skip(partition, before):
                held.beginning = held.end = held.origin = before
        return before - 1

    def segments(self, partition: Partition) -> Sequence[Segment]:
        """Return what a partition holds in pieces, each record one, oldest first."""
        self._check_open()
        with self._lock:
            held = self._topics.partition(partition)
            return [
                Segment(
                    at, at + 1, record.time or 0, len(record.value or b"") + len(record.key or b"")
                )
                for at, record in enumerate(self._records[partition], held.beginning)
            ]

    def submit(self, appends: Sequence[Append], done: Done) -> None:
        """Append all or nothing, and call ``done`` at once."""
        try:
            firsts = self._store(appends)
        except PinlakeError as error:
            waiting.tell(done, None, error)
        else:
            waiting.tell(done, firsts, None)

    def append(self, partition: Partition, records: Sequence[Record]) -> list[Position]:
        """Append and return the position of each record."""
        return waiting.append(self.submit, partition, records)

    def close(self) -> None:
        """Forget everything. Idempotent."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise LogClosed

    def _add(self, topic: HeldTopic, specs: Sequence[PartitionSpec]) -> None:
        for spec in specs:
            partition = Partition(topic.name, len(topic.partitions))
            end = self._ends.get(partition, 0)
            held = HeldPartition(
                partition.number, end, end, attributes=dict(spec.attributes), origin=end
            )
            topic.partitions[partition.number] = held
            self._records[partition] = []

    def _slice(
        self, partition: Partition, held: HeldPartition, start: Position, stop: Position
    ) -> list[Record]:
        return self._records[partition][start - held.beginning : max(start, stop) - held.beginning]

    def _store(self, appends: Sequence[Append]) -> list[Position]:
        self._check_open()
        with self._lock:
            targets = [self._topics.open_partition(each.partition) for each in appends]
            now = self._clock()
            return [
                self._extend(held, each, now) for held, each in zip(targets, appends, strict=True)
            ]

    def _extend(self, held: HeldPartition, append: Append, now: int) -> Position:
        first = held.end
        stamped = [r if r.time is not None else replace(r, time=now) for r in append.records]
        self._records[append.partition].extend(stamped)
        held.end += len(stamped)
        return first


def _batch(partition: Partition, start: Position, records: list[Record]) -> Batch:
    headers = [record.headers for record in records]
    return Batch(
        partition=partition,
        positions=array("q", range(start, start + len(records))),
        times=array("q", [record.time or 0 for record in records]),
        keys=column([record.key for record in records]),
        values=column([record.value for record in records]),
        headers=headers if any(headers) else (),
    )
