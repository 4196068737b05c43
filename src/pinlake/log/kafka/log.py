"""The topics of a Kafka cluster as a log: an idempotent producer, acks of all replicas."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import NewPartitions, NewTopic

from pinlake.errors import (
    LogCannot,
    LogClosed,
    LogNotEmpty,
    PinlakeError,
    RecordTooLarge,
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
from pinlake.log.kafka.delivery import Delivery
from pinlake.log.kafka.failures import configured, failure, unreachable
from pinlake.log.kafka.queue import Queue
from pinlake.log.kafka.reader import KafkaLogReader
from pinlake.log.topics import unknown
from pinlake.record import Kind, LogName, Partition, Record
from pinlake.telemetry import logger

POLL_SECONDS = 0.2
MADE_SECONDS = 0.05
RENEW_SECONDS = 1.0
OVERHEAD = 1024
"""What a record's headers and frame may take of ``message.max.bytes``."""

SKIPPED = Record(None, key=b"pinlake:skipped")
"""What moves a partition's end on; nobody reads it."""
SKIPPED_AT_ONCE = 20_000

_events = logger("log")


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
        self._settings = connection.producer()
        self._queue = Queue(self._settings)
        self._largest = int(self._settings.get("message.max.bytes", 1_000_000)) - OVERHEAD
        self._partitions: dict[str, int] = {}
        self._producing = threading.Lock()
        self._producer = self._new_producer()
        self._closed = self._broken = False
        self._renewed = -RENEW_SECONDS
        self._asking = ThreadPoolExecutor(1, "kafka-asking")
        self._poller = threading.Thread(target=self._poll, name="kafka-poller", daemon=True)
        self._poller.start()

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
        self._partitions.pop(name.name, None)
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
            self._produce(appends, done)
        else:
            self._ask_first(appends, done)

    def append(self, partition: Partition, records: Sequence[Record]) -> list[Position]:
        """Submit, wait for the replicas, and return the position of each record."""
        return waiting.append(self.submit, partition, records)

    def close(self) -> None:
        """Wait for what was submitted, and leave the cluster. Idempotent."""
        self._closed = True
        self._asking.shutdown(wait=True)
        with self._producing:
            _flush(self._producer)
        self._poller.join()
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
                    self._producer.list_topics(timeout=self._seconds / 4)
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
            self._produce(full, done)
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
            self._produce(full, answered)
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
                found = self._producer.list_topics(name.name, timeout=self._seconds)
            topic = found.topics.get(name.name)
            if topic and topic.error is None and len(topic.partitions) >= held:
                break
            if time.monotonic() > due:
                raise unreachable(f"{name} is not known to all brokers yet", self._connection)
            time.sleep(MADE_SECONDS)
        self._partitions[name.name] = held

    def _produce(self, appends: Sequence[Append], done: Done) -> None:
        delivery = Delivery(appends, done, self._failed, self._queue.give)
        try:
            self._check_sizes(appends)
            self._queue.take(delivery.records, delivery.bytes)
        except PinlakeError as error:
            waiting.tell(done, None, error)
            return
        with self._producing:
            for index, append in enumerate(appends):
                self._enqueue(index, append, delivery)

    def _check_sizes(self, appends: Sequence[Append]) -> None:
        for append in appends:
            for each in append.records:
                size = len(each.value or b"") + len(each.key or b"")
                if size > self._largest:
                    reason = f"{size:,} bytes are more than message.max.bytes allows"
                    raise RecordTooLarge(name=append.partition.log_name.name, reason=reason)

    def _enqueue(self, index: int, append: Append, delivery: Delivery) -> None:
        """Put an append's records into librdkafka's queue, one behind the other."""
        report, queued = delivery.report(index), 0
        try:
            if any(each.headers or each.time is not None for each in append.records):
                for each in append.records:
                    self._enqueue_one(append.partition, each, report)
                    queued += 1
            else:
                queued, error = self._enqueue_all(append, report)
                if error is not None:
                    delivery.refuse(self._failed(error, append), len(append.records) - queued)
        except (KafkaException, BufferError) as error:
            delivery.refuse(self._refused(error, append), len(append.records) - queued)

    def _enqueue_all(self, append: Append, report: Any) -> tuple[int, KafkaError | None]:
        """Return how many records were taken, and why others were not."""
        name, number = append.partition.log_name.name, append.partition.number
        messages = [{"value": each.value, "key": each.key} for each in append.records]
        queued = int(self._producer.produce_batch(name, messages, number, report))
        if queued == len(messages):
            return queued, None
        return queued, next(each["_error"] for each in messages if "_error" in each)

    def _enqueue_one(self, partition: Partition, record: Record, report: Any) -> None:
        self._producer.produce(
            partition.log_name.name,
            value=record.value,
            key=record.key,
            partition=partition.number,
            on_delivery=report,
            timestamp=record.time or 0,
            headers=list(record.headers) or None,
        )

    def _refused(self, error: Exception, append: Append) -> PinlakeError:
        if isinstance(error, KafkaException):
            return self._failed(error.args[0], append)
        return failure(KafkaError(KafkaError._QUEUE_FULL), None, self._connection)  # noqa: SLF001

    def _failed(self, error: KafkaError, append: Append) -> PinlakeError:
        """Return the error for a record; what was known of its topic may be old."""
        self._partitions.pop(append.partition.log_name.name, None)
        if error.fatal():
            self._broken = True
        return failure(error, append.partition.log_name, self._connection)

    def _new_producer(self) -> Producer:
        with configured(self._connection):
            return Producer(self._settings)

    def _poll(self) -> None:
        """Serve the answers; make another producer where one cannot go on."""
        while not (self._closed and not len(self._producer)):
            self._serve(POLL_SECONDS)
            if self._broken and not self._closed:
                self._renew()

    def _serve(self, seconds: float) -> None:
        """Serve answers; a fatal error is raised by the poll that meets it, once."""
        try:
            self._producer.poll(seconds)
        except KafkaException as error:
            self._broken = True
            self._connection.heard.hear(error.args[0])

    def _renew(self) -> None:
        """Take another producer, at most one a second, and answer what waits in the old one."""
        if time.monotonic() - self._renewed < RENEW_SECONDS:
            return
        with self._producing:
            self._broken, self._renewed = False, time.monotonic()
            broken, self._producer = self._producer, self._new_producer()
            self._partitions.clear()
        broken.purge()
        _flush(broken)
        _events.warning("producer renewed", reason=self._why())

    def _why(self) -> str:
        error = failure(KafkaError(KafkaError._FATAL), None, self._connection)  # noqa: SLF001
        return str(error)


def _flush(producer: Producer) -> None:
    """Answer all that waits in a producer; a fatal error is raised once, and all are answered."""
    while True:
        try:
            producer.flush()
        except KafkaException:
            continue
        return
