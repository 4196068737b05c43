"""One consumer that stands in one partition, so that reading on costs no new fetch."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from pinlake.log.base import Position

STEP = 10_000
"""How many messages are taken from librdkafka's queue at once."""

POLL_SECONDS = 0.5


class Moved(Exception):  # noqa: N818 it is no failure: the partition begins elsewhere now
    """What was to be read is not there any more: ask again where the partition begins."""


class Refused(Exception):  # noqa: N818 the reader turns it into an error of ours
    """The broker gives no records of this partition."""

    def __init__(self, error: KafkaError | None) -> None:
        super().__init__(error)
        self.error = error


class Cursor:
    """Reads a partition of one topic (of one id). Not for several threads."""

    def __init__(
        self, settings: Mapping[str, Any], topic: str, number: int, seconds: float
    ) -> None:
        self._consumer = Consumer(dict(settings))
        self._topic, self._number, self._seconds = topic, number, seconds
        self._held: deque[Message] = deque()
        self._next: Position | None = None

    def take(self, start: Position, stop: Position, max_bytes: int) -> list[Message]:
        """Return messages of start <= offset < stop, at most max_bytes of values but one at least.

        None at all where the range holds only gaps. Raises Moved and Refused.
        """
        if start != self._next:
            self._seek(start)
        taken: list[Message] = []
        size, due = 0, time.monotonic() + self._seconds
        while True:
            message = self._following(due)
            if (error := message.error()) is not None:
                if self._is_end(error, message, stop):
                    self._next = None  # the end is told once: to meet it again one seeks
                    return taken
                continue
            offset: Position = message.offset() or 0
            size += len(message)
            if offset >= stop or (taken and size > max_bytes):
                self._held.appendleft(message)
                return taken
            taken.append(message)
            self._next = offset + 1
            if self._next >= stop:
                return taken

    def close(self) -> None:
        """Leave the broker. Idempotent."""
        self._held.clear()
        self._consumer.close()

    def _seek(self, start: Position) -> None:
        self._held.clear()
        self._consumer.assign([TopicPartition(self._topic, self._number, start)])
        self._next = start

    def _is_end(self, error: KafkaError, message: Message, stop: Position) -> bool:
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
            return (message.offset() or 0) >= stop
        self._next = None
        if error.code() in {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}:  # noqa: SLF001
            raise Moved
        if error.retriable() or error.code() in _PASSING:
            return False
        raise Refused(error)

    def _following(self, due: float) -> Message:
        held = self._held
        while not held:
            first = self._consumer.poll(POLL_SECONDS)
            if first is not None:
                held.append(first)
                held.extend(self._consumer.consume(STEP, 0))
            elif time.monotonic() > due:
                self._next = None
                raise Refused(None)
        return held.popleft()


_PASSING = frozenset(
    {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT}  # noqa: SLF001
    | {KafkaError.GROUP_AUTHORIZATION_FAILED}
)
"""What librdkafka gets over by itself once the broker is there again; and of a group no right is
needed, for nothing is asked of it."""
