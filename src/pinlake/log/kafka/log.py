"""The topics of a Kafka cluster as a log: an idempotent producer, acks of all replicas."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewPartitions, NewTopic

from pinlake.errors import (
    LogCannot,
    LogClosed,
    LogNotEmpty,
    PinlakeError,
    TopicNotTaken,
    TopicUnknown,
)
from pinlake.log import waiting
from pinlake.log.base import (
    Append,
    Attributes,
    Done,
    PartitionSpec,
    Position,
    Segment,
    TopicState,
)
from pinlake.log.kafka.connection import ANSWER_SECONDS, Connection
from pinlake.log.kafka.failures import unreachable
from pinlake.log.kafka.producing import Producing
from pinlake.log.kafka.reader import KafkaLogReader
from pinlake.log.topics import unknown
from pinlake.record import Kind, LogName, Partition, Record

MADE_SECONDS = 0.05
SKIPPED = Record(None, key=b"pinlake:skipped")
"""What moves a partition's end on; nobody reads it."""
SKIPPED_AT_ONCE = 20_000


class KafkaLog(KafkaLogReader):
    """Produces to a cluster's topics. Safe to use from any thread.

    ``done`` is called on the thread that polls: it must be quick. Kafka's own
    limits of the seam's promises: a submit over several partitions, or one that
    fails, may be there in part, and was not acknowledged then; other producers
    may write between the records of an append; and whether an acknowledged record
    survives the power of its brokers follows from the topic's replicas and
    ``min.insync.replicas``.
    """

    def __init__(self, connection: Connection, seconds: float = ANSWER_SECONDS) -> None:
        super().__init__(connection, seconds)
        self._partitions: dict[str, int] = {}
        self._closed = False
        self._producing = Producing(connection, self._forget)
        self._asking = ThreadPoolExecutor(1, "kafka-asking")

    def create(
        self,
        name: LogName,
        partitions: Sequence[PartitionSpec] = (PartitionSpec(),),
        attributes: Attributes = {},
    ) -> TopicState:
        """Create a topic with as many replicas as the cluster's default; raise TopicExists."""
        self._check_open()
        self._check_plain(name, partitions, attributes)
        if not self._is_ours(name.name):
            raise TopicNotTaken(name=name.name)
        made = NewTopic(name.name, len(partitions), -1)
        with self._told(name):
            asked = self._admin.create_topics([made], operation_timeout=self._seconds)
            asked[name.name].result(self._seconds + 1)
        return self._await_leaders(name, len(partitions))

    def delete(self, name: LogName) -> None:
        """Delete a topic and its records; return once the cluster does not know it any more."""
        self._topic(name)
        self._forget(name.name)
        with self._told(name):
            asked = self._admin.delete_topics([name.name], operation_timeout=self._seconds)
            asked[name.name].result(self._seconds + 1)
        due = time.monotonic() + self._seconds
        while time.monotonic() < due:
            try:
                self._topic(name)
            except TopicUnknown:
                return
            time.sleep(MADE_SECONDS)
        raise unreachable(f"{name} is not deleted yet", self._connection)

    def alter(
        self,
        name: LogName,
        *,
        attributes: Attributes | None = None,
        close: Sequence[int] = (),
        add: Sequence[PartitionSpec] = (),
    ) -> TopicState:
        """Add partitions; Kafka closes none and keeps no attributes."""
        held = len(self._topic(name).partitions)
        if close:
            raise LogCannot(what="close a partition", do="leave it, and post to another topic")
        self._check_plain(name, add, attributes or {})
        if not add:
            return self.describe(name)
        with self._told(name):
            wanted = NewPartitions(name.name, held + len(add))
            asked = self._admin.create_partitions([wanted], operation_timeout=self._seconds)
            asked[name.name].result(self._seconds + 1)
        return self._await_leaders(name, held + len(add))

    def trim(self, partition: Partition, before: Position) -> None:
        """Refuse: Kafka forgets by its own retention."""
        raise LogCannot(what="trim by our progress", do="set retention.ms of the topic there")

    def skip(self, partition: Partition, before: Position) -> Position:
        """Begin an empty partition at an offset at least: by that many records, deleted again.

        Kafka numbers records itself, so there is no other way. What a skip that was
        interrupted left is known by its key, and goes on.
        """
        beginning, end = self._ends(partition.log_name, [partition.number])[partition.number]
        self._check_skipped(partition, beginning, end, before)
        for start in range(end, before, SKIPPED_AT_ONCE):
            self.append(partition, [SKIPPED] * min(SKIPPED_AT_ONCE, before - start))
        if beginning < before:
            at = TopicPartition(partition.log_name.name, partition.number, before)
            with self._told(partition.log_name):
                asked = self._admin.delete_records([at], request_timeout=self._seconds)
                asked[at].result(self._seconds + 1)
        return before - 1

    def _check_skipped(
        self, partition: Partition, beginning: Position, end: Position, before: Position
    ) -> None:
        """Raise LogNotEmpty unless all there is below ``before`` is what a skip left."""
        after, end = beginning - 1, min(end, before)
        while after + 1 < end:
            batch = self.read(partition, after, SKIPPED_AT_ONCE, end - 1)
            keys = set(batch.keys.values())
            if keys != {SKIPPED.key} or len(batch.values.nulls) != len(batch):
                raise LogNotEmpty(partition=partition, before=before)
            after = batch.upto

    def segments(self, partition: Partition) -> Sequence[Segment]:
        """Refuse: Kafka does not tell them."""
        raise LogCannot(what="tell its segments", do="set retention.ms of the topic there")

    def submit(self, appends: Sequence[Append], done: Done) -> None:
        """Produce, and call ``done`` when all in-sync replicas have the records; never blocks.

        ``done`` also gets LogBusy where the queue is full, LogUnreachable where
        no broker took the records within ``delivery.timeout.ms``, RecordTooLarge.
        """
        if self._closed:
            done(None, LogClosed())
        elif appends and all(map(self._is_known, appends)):
            self._producing.produce(appends, done)
        else:
            self._ask_first(appends, done)

    def append(self, partition: Partition, records: Sequence[Record]) -> list[Position]:
        """Submit, wait for the replicas, and return the position of each record."""
        return waiting.append(self.submit, partition, records)

    def close(self) -> None:
        """Wait for what was submitted, and leave the cluster. Idempotent."""
        self._closed = True
        self._asking.shutdown(wait=True)
        self._producing.close()
        super().close()

    def _check_plain(
        self, name: LogName, partitions: Sequence[PartitionSpec], attributes: Attributes
    ) -> None:
        if name.kind is not Kind.TOPIC:
            raise LogCannot(what="hold a stream", do="leave the setting `streams` empty")
        if attributes or any(each.attributes for each in partitions):
            raise LogCannot(what="keep attributes of a topic", do="leave them out")
        if not partitions and not attributes:
            raise LogCannot(what="make a topic without partitions", do="give it one")

    def _await_leaders(self, name: LogName, partitions: int) -> TopicState:
        """Return a topic's state once each partition takes records."""
        due = time.monotonic() + self._seconds
        while True:
            try:
                found = self._topic(name).partitions
                if sum(bool(each.leader and each.leader.id >= 0) for each in found) >= partitions:
                    self._refresh(name)
                    return self.describe(name)
            except TopicUnknown:
                pass  # the broker that was asked has not heard of it yet
            if time.monotonic() > due:
                raise unreachable(f"{name} has no leader yet", self._connection)
            time.sleep(MADE_SECONDS)

    def _is_known(self, append: Append) -> bool:
        partition = append.partition
        held = self._partitions.get(partition.log_name.name, 0)
        topic = partition.log_name.kind is Kind.TOPIC
        return topic and bool(append.records) and 0 <= partition.number < held

    def _ask_first(self, appends: Sequence[Append], done: Done) -> None:
        try:
            self._asking.submit(self._asked, appends, done)
        except RuntimeError:  # it was closed meanwhile
            done(None, LogClosed())

    def _asked(self, appends: Sequence[Append], done: Done) -> None:
        """Ask the cluster what is not known, then produce; an append of nothing is answered."""
        try:
            if not appends:
                with self._told():
                    self._producing.topics(self._seconds / 4)
            for partition in dict.fromkeys(each.partition for each in appends):
                self._check_there(partition)
            full = [each for each in appends if each.records]
            if len(full) < len(appends):
                self._answer_empty(appends, full, done)
                return
        except PinlakeError as error:
            waiting.tell(done, None, error)
            return
        except Exception as error:  # noqa: BLE001 the caller waits for an answer
            waiting.tell(done, None, unreachable(repr(error), self._connection))
            return
        if full:
            self._producing.produce(full, done)
        else:
            waiting.tell(done, [], None)

    def _answer_empty(self, appends: Sequence[Append], full: Sequence[Append], done: Done) -> None:
        """Give an append of no records the end of its partition as its position."""
        ends = {
            each.partition: self._ends(each.partition.log_name, [each.partition.number])
            for each in appends
            if not each.records
        }

        def answered(firsts: list[Position] | None, error: Exception | None) -> None:
            some = iter(firsts or [])
            every = [
                next(some) if each.records else ends[each.partition][each.partition.number][1]
                for each in appends
            ]
            done(None if error else every, error)

        if full:
            self._producing.produce(full, answered)
        else:
            waiting.tell(answered, [], None)

    def _check_there(self, partition: Partition) -> None:
        """Raise TopicUnknown or PartitionUnknown unless the cluster has a partition."""
        held = self._partitions.get(partition.log_name.name, 0)
        if partition.log_name.kind is Kind.TOPIC and 0 <= partition.number < held:
            return
        self._refresh(partition.log_name)
        if not 0 <= partition.number < self._partitions[partition.log_name.name]:
            raise unknown(partition)

    def _refresh(self, name: LogName) -> None:
        """Learn a topic's partitions, and have the producer learn them."""
        held = len(self._topic(name).partitions)
        due = time.monotonic() + self._seconds
        while True:
            with self._told(name):
                found = self._producing.topics(self._seconds, name.name)
            topic = found.topics.get(name.name)
            if topic and topic.error is None and len(topic.partitions) >= held:
                break
            if time.monotonic() > due:
                raise unreachable(f"{name} is not known to all brokers yet", self._connection)
            time.sleep(MADE_SECONDS)
        self._partitions[name.name] = held

    def _forget(self, name: str | None) -> None:
        """Ask anew for a topic's partitions before the next append; None: for every topic's."""
        if name is None:
            self._partitions.clear()
        else:
            self._partitions.pop(name, None)
