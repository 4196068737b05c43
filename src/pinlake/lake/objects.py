"""Objects as Kafka Connect's S3 sink lays them out: one file of JSON lines a range of offsets."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable

import msgspec

from pinlake.lake.store import Lake

ROOT = "topics"
MAX_DEPTH = 512
"""Deeper JSON is taken for no JSON, so that no parser's own limit decides."""

_KEY = re.compile(
    rf"{ROOT}/(?P<topic>[a-zA-Z0-9._-]+)/partition=(?P<partition>\d+)"
    r"/(?P=topic)\+(?P=partition)\+(?P<start>\d{10,})\.json\Z"
)
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_format = msgspec.json.format


class ObjectKey(msgspec.Struct, frozen=True, order=True):
    """Where an object's records stand: the record of line n (from 0) has offset start + n."""

    topic: str
    partition: int
    start: int

    def __str__(self) -> str:
        """Return the key, ``topics/<topic>/partition=<p>/<topic>+<p>+<start, 10 digits>.json``.

        Source: io.confluent.connect.storage's DefaultPartitioner and its naming of objects.
        """
        name = f"{self.topic}+{self.partition}+{self.start:010}.json"
        return f"{ROOT}/{self.topic}/partition={self.partition}/{name}"


class Listed(msgspec.Struct, frozen=True):
    """An object in a listing; ``size`` is bytes."""

    key: ObjectKey
    size: int


def parse(key: str) -> ObjectKey | None:
    """Return what a key says, or None where it is no object's key."""
    match = _KEY.match(key)
    if match is None:
        return None
    return ObjectKey(match["topic"], int(match["partition"]), int(match["start"]))


def put(lake: Lake, key: ObjectKey, content: bytes) -> None:
    """Write an object whole and durably. The same content again changes nothing."""
    lake.put(str(key), content)


def get(lake: Lake, key: str) -> bytes:
    """Return an object's bytes; FileNotFoundError where it is gone."""
    content = lake.get(key)
    if content is None:
        raise FileNotFoundError(key)
    return content


def topics(lake: Lake) -> list[str]:
    """Return every topic that has objects, sorted."""
    return lake.children(ROOT)


def partitions(lake: Lake, topic: str) -> list[int]:
    """Return the partitions of a topic that have objects, ascending."""
    names = lake.children(f"{ROOT}/{topic}")
    numbers = (name.removeprefix("partition=") for name in names if name.startswith("partition="))
    return sorted(int(number) for number in numbers if number.isdecimal())


def list_after(lake: Lake, topic: str, partition: int, start: int | None) -> list[Listed]:
    """Return a partition's objects that begin after a start offset (None: all), in order."""
    keys = _keys_after(lake, topic, partition, start)
    return [Listed(key, lake.size(str(key))) for key in keys]


def count_after(lake: Lake, topic: str, partition: int, start: int | None) -> int:
    """Return how many objects of a partition begin after a start offset (None: all)."""
    return len(_keys_after(lake, topic, partition, start))


def lines(values: Iterable[bytes | None]) -> bytes:
    """Return the content of an object: one compact JSON value a line.

    A null record is ``null``; a value that is no JSON (RFC 8259, UTF-8) is a JSON
    string of its base64. The same values give the same bytes, always.
    """
    return b"".join([line(value) for value in values])


def line(value: bytes | None) -> bytes:
    """Return one line of an object. Numbers, strings and double keys stay as they were sent."""
    if value is None:
        return b"null\n"
    try:
        value.decode()
        if value.count(b"[") + value.count(b"{") > MAX_DEPTH and depth(value) > MAX_DEPTH:
            return _encoded(value)
        return _format(value, indent=-1) + b"\n"
    except (UnicodeDecodeError, msgspec.DecodeError):
        return _encoded(value)


def depth(value: bytes) -> int:
    """Return how deep the brackets outside strings nest."""
    deepest = level = 0
    for byte in _STRING.sub(b"", value):
        if byte in b"[{":
            level += 1
            deepest = max(deepest, level)
        elif byte in b"]}":
            level -= 1
    return deepest


def _encoded(value: bytes) -> bytes:
    return b'"' + base64.b64encode(value) + b'"\n'


def _keys_after(lake: Lake, topic: str, partition: int, start: int | None) -> list[ObjectKey]:
    folder = f"{ROOT}/{topic}/partition={partition}"
    found = (parse(f"{folder}/{name}") for name in lake.children(folder))
    return sorted(key for key in found if key is not None and (start is None or key.start > start))
