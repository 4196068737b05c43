"""A record, the names of topics and streams, and where a record stands."""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

TOPIC_MARK = "topic:"
"""Tells a topic from the stream of its name; no topic's own name has a colon."""

TOPIC_NAME = re.compile(r"[a-zA-Z0-9._-]{1,220}\Z")


class Kind(StrEnum):
    """What a name in the log names: a Kafka topic or a Kinesis stream.

    The two have their own namespaces; in the embedded log a stream is a topic
    of kind ``stream`` whose shard n is partition n.
    """

    TOPIC = "topic"
    STREAM = "stream"


class LogName(msgspec.Struct, frozen=True, order=True):
    """The name of a topic or stream."""

    kind: Kind
    name: str

    @property
    def key(self) -> str:
        """The name where topics stand beside streams, as in stage stream's plans; see ``named``."""
        return self.name if self.kind is Kind.STREAM else f"{TOPIC_MARK}{self.name}"

    def __str__(self) -> str:
        return self.name


class Partition(msgspec.Struct, frozen=True, order=True):
    """One ordered run of records: a topic's partition or a stream's shard."""

    log_name: LogName
    number: int

    def __str__(self) -> str:
        """Return ``<topic or stream>/<number>``, the key that plans use."""
        return f"{self.log_name.name}/{self.number}"


class Record(msgspec.Struct, frozen=True):
    """One value with its key, headers and time, as it goes into the log.

    ``time`` is milliseconds since the epoch, UTC; the log sets it on append
    where it is None. ``value`` None is Kafka's null record.
    """

    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    time: int | None = None


def topic(name: str) -> LogName:
    """Return the name of a topic."""
    return LogName(Kind.TOPIC, name)


def stream(name: str) -> LogName:
    """Return the name of a stream."""
    return LogName(Kind.STREAM, name)


def named(key: str) -> LogName:
    """Return the topic or stream of a LogName's key."""
    if key.startswith(TOPIC_MARK):
        return topic(key.removeprefix(TOPIC_MARK))
    return stream(key)


def is_topic_name(name: str) -> bool:
    """Tell whether Kafka allows this topic name.

    1 to 220 of ``[a-zA-Z0-9._-]``, not ``.`` or ``..``. Source: Kafka's own class
    org.apache.kafka.common.internals.Topic, which allows 249: here the topic is part
    of its objects' file names, which file systems limit to 255.
    """
    return TOPIC_NAME.match(name) is not None and name not in {".", ".."}
