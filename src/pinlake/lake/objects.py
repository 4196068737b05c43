"""Objects as Kafka Connect's S3 sink lays them out: files of JSON lines below their topic."""

from __future__ import annotations

import base64
import gzip
import itertools
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote, unquote

import msgspec

from pinlake.errors import ObjectTorn
from pinlake.lake.naming import ROOT, ObjectKey, parse
from pinlake.lake.store import Content, Lake

__all__ = ["ROOT", "Listed", "ObjectKey", "get", "lines", "list_after", "listing", "parse", "put"]

ROOTS = "progress/roots"
"""The other folders that objects lie in: an empty file each, named by the folder, %-encoded."""

IN_ORDER = 1_000_000_000
"""What follows an offset below this one has a name that sorts after its own."""

MAX_DEPTH = 512
"""Deeper JSON is taken for no JSON, so that no parser's own limit decides."""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_format = msgspec.json.format


class Listed(msgspec.Struct, frozen=True):
    """An object in a listing; ``size`` is bytes on the disk."""

    key: ObjectKey
    size: int


def put(lake: Lake, key: ObjectKey | str, content: bytes) -> None:
    """Write an object whole and durably. The same content again changes nothing."""
    name = str(key)
    lake.put(name, gzip.compress(content, mtime=0) if name.endswith(".gz") else content)


def get(lake: Lake, key: str) -> bytes:
    """Return an object's lines; FileNotFoundError where it is gone."""
    content = lake.get(key)
    return bytes(_unpacked(key, content))


def unpacked(keys: Sequence[str], contents: Iterable[Content | None]) -> Iterator[Content]:
    """Yield the lines of objects from their files' contents.

    Raises FileNotFoundError where one is gone, and ObjectTorn.
    """
    return map(_unpacked, keys, contents)


def add_root(lake: Lake, root: str) -> None:
    """Have a folder's objects listed from now on, durably."""
    if root != ROOT:
        lake.create(f"{ROOTS}/{quote(root, safe='')}", b"")


def roots(lake: Lake) -> list[str]:
    """Return the folders that objects lie in."""
    return [ROOT, *map(unquote, lake.children(ROOTS))]


def topics(lake: Lake) -> list[str]:
    """Return every topic that has objects, sorted."""
    return sorted({topic for root in roots(lake) for topic in lake.children(root)})


def listing(lake: Lake, topic: str, done: Mapping[int, int] = {}) -> list[ObjectKey]:
    """Return the objects of a topic in whatever layout, by partition and first offset.

    Of a partition in ``done`` those up to that first offset may be left out: what is
    in the default layout is listed from there on alone, however many are before.
    """
    others = (lake.files(f"{root}/{topic}") for root in roots(lake) if root != ROOT)
    found = map(parse, itertools.chain(_in_root(lake, topic, done), *others))
    return sorted(key for key in found if key is not None and key.topic == topic)


def partitions(lake: Lake, topic: str) -> list[int]:
    """Return the partitions of a topic that have objects, ascending."""
    return sorted({key.partition for key in listing(lake, topic)})


def list_after(lake: Lake, topic: str, partition: int, start: int | None) -> list[Listed]:
    """Return a partition's objects that begin after a start offset (None: all), in order."""
    return [
        each
        for each in sized(lake, listing(lake, topic))
        if each.key.partition == partition and (start is None or each.key.start > start)
    ]


def sized(lake: Lake, keys: Sequence[ObjectKey]) -> list[Listed]:
    """Return objects with their sizes."""
    sizes = lake.sizes([str(key) for key in keys])
    return [Listed(key, size) for key, size in zip(keys, sizes, strict=True)]


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


def _unpacked(key: str, content: Content | None) -> Content:
    if content is None:
        raise FileNotFoundError(key)
    try:
        return gzip.decompress(content) if key.endswith(".gz") else content
    except (OSError, EOFError, zlib.error) as error:
        raise ObjectTorn(key=key, reason=error) from error


def _in_root(lake: Lake, topic: str, done: Mapping[int, int]) -> Iterator[str]:
    """Yield a topic's files in the default root: of a folder from what is done on."""
    folder = f"{ROOT}/{topic}"
    if not done:
        yield from lake.files(folder)
        return
    last = {f"partition={number}": ObjectKey(topic, number, at) for number, at in done.items()}
    for name in lake.children(folder):
        known = last.get(name)
        # From ten digits on names do not sort as their offsets do.
        after = str(known) if known and known.start < IN_ORDER else ""
        yield from lake.files(f"{folder}/{name}", after)
