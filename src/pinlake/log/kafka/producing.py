"""Records into a cluster's topics by librdkafka's producer, and what each of them comes to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from pinlake.errors import PinlakeError, RecordTooLarge
from pinlake.log import waiting
from pinlake.log.base import Append, Done
from pinlake.log.kafka.connection import Connection
from pinlake.log.kafka.delivery import Delivery
from pinlake.log.kafka.failures import configured, failure
from pinlake.log.kafka.queue import Queue
from pinlake.record import Partition, Record
from pinlake.telemetry import logger

POLL_SECONDS = 0.2
RENEW_SECONDS = 1.0
OVERHEAD = 1024
"""What a record's headers and frame may take of ``message.max.bytes``."""

_events = logger("log")


class Producing:
    """An idempotent producer with a thread that serves its answers. Safe to use from any thread.

    ``forget`` is told of a topic that failed, whose partitions may have changed; None
    where the producer was made anew and knows none.
    """

    def __init__(self, connection: Connection, forget: Callable[[str | None], None]) -> None:
        self._connection, self._forget = connection, forget
        self._settings = connection.producer()
        self._queue = Queue(self._settings)
        self._largest = int(self._settings.get("message.max.bytes", 1_000_000)) - OVERHEAD
        self._changing = threading.Lock()
        self._producer = self._new_producer()
        self._closed = self._broken = False
        self._renewed = -RENEW_SECONDS
        self._poller = threading.Thread(target=self._poll, name="kafka-poller", daemon=True)
        self._poller.start()

    def topics(self, seconds: float, name: str | None = None) -> Any:
        """Return what the producer learns of a topic, or of all; raise KafkaException."""
        named = () if name is None else (name,)
        return self._producer.list_topics(*named, timeout=seconds)

    def close(self) -> None:
        """Wait for what was produced, and leave the cluster. Idempotent."""
        if self._closed:
            return
        self._closed = True
        with self._changing:
            _flush(self._producer)
        self._poller.join()
        self._producer.close()

    def produce(self, appends: Sequence[Append], done: Done) -> None:
        """Produce to partitions that are there, and call ``done``; see KafkaLog.submit."""
        delivery = Delivery(appends, done, self._failed, self._queue.give)
        try:
            self._check_sizes(appends)
            self._queue.take(delivery.records, delivery.bytes)
        except PinlakeError as error:
            waiting.tell(done, None, error)
            return
        with self._changing:
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
        self._forget(append.partition.log_name.name)
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
        with self._changing:
            self._broken, self._renewed = False, time.monotonic()
            broken, self._producer = self._producer, self._new_producer()
            self._forget(None)
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
