"""Reading topics of a Kafka cluster: positions are offsets, and no group keeps them."""

from __future__ import annotations

import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from confluent_kafka import IsolationLevel, Message, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from pinlake.errors import LogClosed, TopicUnknown
from pinlake.log.base import Batch, PartitionState, Position, TopicState
from pinlake.log.batches import empty
from pinlake.log.columns import column
from pinlake.log.kafka.connection import ANSWER_SECONDS, Connection
from pinlake.log.kafka.cursor import Cursor, Moved, Refused
from pinlake.log.kafka.failures import LeaderMoving, configured, failure, told, unreachable
from pinlake.log.kafka.recent import Recent
from pinlake.log.topics import unknown
from pinlake.record import Kind, LogName, Partition, is_topic_name

CURSORS = 8
"""How many partitions are read on without a seek; each costs a connection and some memory."""

ATTEMPTS = 3
MOVING_SECONDS = 0.05

_EARLIEST, _LATEST = OffsetSpec.earliest(), OffsetSpec.latest()


class KafkaLogReader:
    """Reads the topics of a cluster. Safe to use from any thread; connects when it first asks.

    What it reads is committed by every in-sync replica. Raises LogUnreachable
    within ``seconds`` where no broker answers. Of streams it knows none. With ``room``,
    bytes, records are held for a second reading.
    """

    def __init__(
        self, connection: Connection, seconds: float = ANSWER_SECONDS, room: int = 0
    ) -> None:
        self._connection, self._seconds = connection, seconds
        with configured(connection):
            self._asking_by: AdminClient | None = AdminClient(connection.admin())
        self._cluster = ""
        self._cursors: OrderedDict[tuple[Partition, str], Cursor] = OrderedDict()
        self._identities: dict[Partition, str] = {}
        self._recent = Recent(room)
        self._reading = threading.Lock()

    @property
    def connection(self) -> Connection:
        """How the cluster is reached."""
        return self._connection

    def log_id(self, name: LogName) -> str:
        """Return ``kafka:<cluster id>:<topic id>``; raise TopicUnknown."""
        topic = self._topic(name)
        if not self._cluster:
            with self._told():
                asked = self._admin.describe_cluster(request_timeout=self._seconds)
                self._cluster = str(asked.result(self._seconds).cluster_id)
        return f"kafka:{self._cluster}:{topic.topic_id}"

    def names(self, kind: str) -> list[str]:
        """Return the names of our topics, sorted: not Kafka's own, nor those topics.regex omits.

        There are no streams in Kafka.
        """
        self._check_open()
        if Kind(kind) is not Kind.TOPIC:
            return []
        with self._told():
            found = self._admin.list_topics(timeout=self._seconds).topics
        return sorted(filter(self._is_ours, found))

    def describe(self, name: LogName) -> TopicState:
        """Return the state of a topic, or raise TopicUnknown. Kafka does not tell ``created``."""
        numbers = sorted(each.id for each in self._topic(name).partitions)
        ends = self._ends(name, numbers)
        return TopicState(
            name, 0, tuple(PartitionState(number, *ends[number]) for number in numbers)
        )

    def read(
        self,
        partition: Partition,
        after: Position | None,
        max_bytes: int,
        upto: Position | None = None,
    ) -> Batch:
        """Return records with after < position <= upto, at most max_bytes but one at least."""
        known = partition, self._identities.get(partition, ""), after
        if (held := self._recent.take(known, upto, max_bytes)) is not None:
            return held
        for _ in range(ATTEMPTS):
            identity = self._identities[partition] = self._identity(partition)
            beginning, end = self._ends(partition.log_name, [partition.number])[partition.number]
            start = beginning if after is None else max(beginning, after + 1)
            stop = end if upto is None else min(end, upto + 1)
            if start >= stop:
                return empty(partition)
            try:
                batch = self._take(partition, identity, start, stop, max_bytes)
            except Moved:
                continue
            if len(batch):
                self._recent.keep((partition, identity, after), batch)
            return batch
        raise unreachable(f"{partition} begins elsewhere each time it is read", self._connection)

    def find_time(self, partition: Partition, time: int) -> Position:
        """Return the position of the first record at or after a time, or the end."""
        self._identity(partition)
        end = self._ends(partition.log_name, [partition.number])[partition.number][1]
        at = TopicPartition(partition.log_name.name, partition.number)
        found = self._offsets(partition.log_name, [at], OffsetSpec.for_timestamp(time))
        position = found[partition.number]
        return position if position >= 0 else end

    def close(self) -> None:
        """Leave the cluster. Idempotent; call it when nobody reads any more."""
        with self._reading:
            self._asking_by = None  # it has no close: its threads end with the last reference
            while self._cursors:
                self._cursors.popitem()[1].close()
        self._recent.clear()

    @property
    def _admin(self) -> AdminClient:
        if self._asking_by is None:
            raise LogClosed
        return self._asking_by

    def _is_ours(self, name: str) -> bool:
        return is_topic_name(name) and self._connection.takes(name)

    def _told(self, name: LogName | None = None) -> AbstractContextManager[None]:
        return told(self._connection, name, self._admin)

    def _check_open(self) -> None:
        if self._asking_by is None:
            raise LogClosed

    def _topic(self, name: LogName) -> Any:
        """Return what the cluster tells of a topic, or raise TopicUnknown."""
        self._check_open()
        if name.kind is not Kind.TOPIC or not self._is_ours(name.name):
            raise TopicUnknown(kind=name.kind.value, name=name.name)
        with self._told(name):
            wanted = TopicCollection([name.name])
            asked = self._admin.describe_topics(wanted, request_timeout=self._seconds)
            return asked[name.name].result(self._seconds + 1)

    def _identity(self, partition: Partition) -> str:
        """Return the id of a partition's topic; raise TopicUnknown and PartitionUnknown."""
        topic = self._topic(partition.log_name)
        if partition.number not in {each.id for each in topic.partitions}:
            raise unknown(partition)
        return str(topic.topic_id)

    def _ends(self, name: LogName, numbers: Sequence[int]) -> dict[int, tuple[Position, Position]]:
        wanted = [TopicPartition(name.name, number) for number in numbers]
        if not wanted:
            return {}
        beginnings = self._offsets(name, wanted, _EARLIEST)
        ends = self._offsets(name, wanted, _LATEST)
        return {number: (beginnings[number], ends[number]) for number in numbers}

    def _offsets(
        self, name: LogName, wanted: Sequence[TopicPartition], spec: OffsetSpec
    ) -> dict[int, Position]:
        due = time.monotonic() + self._seconds
        while True:
            try:
                with self._told(name):
                    return self._offsets_now(wanted, spec)
            except LeaderMoving:
                if time.monotonic() > due:
                    raise
                time.sleep(MOVING_SECONDS)

    def _offsets_now(
        self, wanted: Sequence[TopicPartition], spec: OffsetSpec
    ) -> dict[int, Position]:
        asked = self._admin.list_offsets(
            dict.fromkeys(wanted, spec),
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=self._seconds,
        )
        return {at.partition: got.result(self._seconds + 1).offset for at, got in asked.items()}

    def _take(
        self, partition: Partition, identity: str, start: Position, stop: Position, max_bytes: int
    ) -> Batch:
        with self._reading:
            self._check_open()
            cursor = self._cursor(partition, identity)
            try:
                messages = cursor.take(start, stop, max_bytes)
            except Refused as refused:
                self._cursors.pop((partition, identity)).close()
                if refused.error is None:
                    reason = f"no records of {partition} came"
                    raise unreachable(reason, self._connection) from None
                raise failure(refused.error, partition.log_name, self._connection) from None
        return _batch(partition, messages)

    def _cursor(self, partition: Partition, identity: str) -> Cursor:
        """Return the consumer that stands in a partition, the oldest one's in the end."""
        key = partition, identity
        if key not in self._cursors:
            while len(self._cursors) >= CURSORS:
                self._cursors.popitem(last=False)[1].close()
            with configured(self._connection):
                topic, number = partition.log_name.name, partition.number
                settings = self._connection.consumer()
                self._cursors[key] = Cursor(settings, topic, number, self._seconds)
        self._cursors.move_to_end(key)
        return self._cursors[key]


def _batch(partition: Partition, messages: Sequence[Message]) -> Batch:
    if not messages:
        return empty(partition)
    headers = [each.headers() for each in messages]
    return Batch(
        partition=partition,
        positions=array("q", [each.offset() or 0 for each in messages]),
        times=array("q", [each.timestamp()[1] for each in messages]),
        keys=column([each.key() for each in messages]),
        values=column([each.value() for each in messages]),
        headers=list(map(_plain, headers)) if any(headers) else (),
    )


def _plain(headers: Any) -> tuple[tuple[str, bytes], ...]:
    """Return a message's headers; one that is null reads as empty."""
    return tuple((name, value or b"") for name, value in headers or ())
