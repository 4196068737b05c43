"""Names of objects: what Kafka Connect's S3 sink calls them, whatever it was configured to.

Source: io.confluent.connect.s3.TopicPartitionWriter:
``<topics.dir>/<topic>/<folder>/<topic><delim><partition><delim><start offset, padded><extension>``.
"""

from __future__ import annotations

import re

import msgspec

ROOT = "topics"
RESERVED = frozenset({"raw", "clean", "stream", "quarantine", "progress", "offsets"})
"""Folders of the lake that hold no objects."""

_TOPIC = re.compile(r"[a-zA-Z0-9._-]+\Z")
_PLACE = re.compile(
    r"(?P<delim>[^0-9/]+)(?P<partition>\d+)(?P=delim)(?P<start>\d+)(?:\.json|\.json\.gz)\Z"
)


class ObjectKey(msgspec.Struct, frozen=True, order=True):
    """Where an object's records stand: its topic, partition and first offset.

    ``path`` is the whole key where it is not the default one.
    """

    topic: str
    partition: int
    start: int
    path: str = ""

    def __str__(self) -> str:
        """Return the key, ``topics/<topic>/partition=<p>/<topic>+<p>+<start, 10 digits>.json``."""
        return self.path or _default(self.topic, self.partition, self.start)


class Naming(msgspec.Struct, frozen=True):
    """How a sink names its objects: topics.dir, file.delim, the offset's width, the extension."""

    root: str = ROOT
    delim: str = "+"
    width: int = 10
    extension: str = ".json"

    def key(self, topic: str, folder: str, partition: int, start: int) -> ObjectKey:
        """Return the key of the object that begins at an offset, in a folder below its topic's."""
        number = f"{start:0{self.width}d}" if self.width else str(start)
        name = f"{topic}{self.delim}{partition}{self.delim}{number}{self.extension}"
        return key_of(topic, partition, start, f"{self.root}/{topic}/{folder}/{name}")


def parse(key: str) -> ObjectKey | None:
    """Return what a key says, or None where it is no object's key.

    The topic is the outermost folder below the first whose name begins the file's.
    """
    root, *folders, name = key.split("/")
    if not folders or root in RESERVED:
        return None
    for topic in folders:
        place = _PLACE.match(name, len(topic)) if topic and name.startswith(topic) else None
        if place is not None and _TOPIC.match(topic):
            return key_of(topic, int(place["partition"]), int(place["start"]), key)
    return None


def key_of(topic: str, partition: int, start: int, path: str) -> ObjectKey:
    """Return the key of a path; one that is named by default needs no path."""
    if path == _default(topic, partition, start):
        return ObjectKey(topic, partition, start)
    return ObjectKey(topic, partition, start, path)


def _default(topic: str, partition: int, start: int) -> str:
    return f"{ROOT}/{topic}/partition={partition}/{topic}+{partition}+{start:010}.json"
