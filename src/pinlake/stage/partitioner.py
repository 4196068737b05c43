"""Which folder a record's object lies in: the S3 sink connector's partitioners.

Source: io.confluent.connect.storage.partitioner, and the folders it names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Literal, Protocol

import msgspec

from pinlake.log.base import Batch

NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"
"""Where records go that do not tell their folder: Hive's name for it, which Spark reads as NULL."""
LONGEST_NAME = 255
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Extractor = Literal["Wallclock", "Record", "RecordField"]

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_any = msgspec.json.Decoder(Any)
_UNSAFE = re.compile(r"[%/\x00-\x1f\x7f]")
_TIME = re.compile(
    r"(?P<date>\d{4}(-\d{1,2}(-\d{1,2})?)?)?"
    r"(T(?P<hour>\d{1,2})(:(?P<minute>\d{1,2})(:(?P<second>\d{1,2})([.,](?P<part>\d+))?)?)?"
    r"(?P<zone>Z|[+-]\d{2}(:?\d{2})?)?)?\Z"
)


class Tag(msgspec.Struct, frozen=True):
    """A record's folder below its topic's, and its time where the partitioner goes by time."""

    folder: str
    time: int | None = None


class Partitioner(Protocol):
    """Tells the folder of each record of a batch; ``now`` is milliseconds since the epoch."""

    def tags(self, batch: Batch, now: int) -> Sequence[Tag] | Tag:
        """Return a tag a record in order, or the one that all have."""
        ...


class Default(msgspec.Struct, frozen=True):
    """``partition=<p>``: the records of a partition in one folder."""

    def tags(self, batch: Batch, now: int) -> Sequence[Tag] | Tag:
        """Return the partition's folder."""
        return Tag(f"partition={batch.partition.number}")


class ByField(msgspec.Struct, frozen=True):
    """``<field>=<value>`` for each of the fields, of records that are JSON objects.

    ``named`` False leaves ``<field>=`` away. Whole numbers, text and booleans
    tell a folder, null is ``null``; anything else is NO_PARTITION.
    """

    fields: tuple[str, ...]
    named: bool = True

    def tags(self, batch: Batch, now: int) -> Sequence[Tag] | Tag:
        """Return the folder of each record by its fields."""
        return [Tag(self.folder(value)) for value in batch.values.values()]

    def folder(self, value: bytes | None) -> str:
        """Return a record's folder."""
        return "/".join(self._name(field, _field(value, field)) for field in self.fields)

    def _name(self, field: str, found: bytes | None) -> str:
        prefix = f"{_safe(field)}=" if self.named else ""
        name = prefix + _safe(_written(found))
        if len(name.encode()) > LONGEST_NAME or name in {"", ".", ".."} or name[0] == ".":
            return prefix + NO_PARTITION
        return name


class ByTime(msgspec.Struct, frozen=True):
    """The record's time, cut to ``duration`` milliseconds in the zone, as ``write`` puts it."""

    duration: int
    zone: tzinfo
    write: Callable[[datetime], str]
    extractor: Extractor = "Wallclock"
    field: str = "timestamp"

    def tags(self, batch: Batch, now: int) -> Sequence[Tag] | Tag:
        """Return the folder and time of each record; a record that tells no time has none."""
        if self.extractor == "Wallclock":
            return Tag(self.folder(now), now)
        if self.extractor == "Record":
            return self._all(batch.times)
        return self._all([_time(_field(value, self.field)) for value in batch.values.values()])

    def folder(self, time: int | None) -> str:
        """Return the folder of a time."""
        try:
            return NO_PARTITION if time is None else self.write(self._start(time))
        except (OverflowError, ValueError):  # a year that datetime does not reach
            return NO_PARTITION

    def _all(self, times: Sequence[int | None]) -> list[Tag]:
        known: dict[int | None, Tag] = {}
        return [known.setdefault(time, Tag(self.folder(time), time)) for time in times]

    def _start(self, time: int) -> datetime:
        """Return the beginning of the time's partition: cut by the clock on the wall there."""
        at = (EPOCH + timedelta(milliseconds=time)).astimezone(self.zone)
        local = time + int((at.utcoffset() or timedelta()) / timedelta(milliseconds=1))
        cut = (
            int(local / self.duration) * self.duration
            if local < 0
            else local - local % self.duration
        )
        naive = EPOCH.replace(tzinfo=None) + timedelta(milliseconds=cut)
        return naive.replace(tzinfo=self.zone).astimezone(UTC).astimezone(self.zone)


def _field(value: bytes | None, name: str) -> bytes | None:
    """Return the JSON of a field, by its own name or by a path with dots; None where none is."""
    if value is None:
        return None
    fields = _fields(value)
    if name in fields:
        return bytes(fields[name])
    first, dot, rest = name.partition(".")
    return _field(bytes(fields[first]), rest) if dot and first in fields else None


def _fields(value: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _object.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}


def _written(value: bytes | None) -> str:
    """Return what stands in a folder's name for a field's JSON."""
    if value is None:
        return NO_PARTITION
    if value in {b"null", b"true", b"false"} or re.fullmatch(rb"-?\d+", value):
        return value.decode()
    if value.startswith(b'"'):
        try:
            return msgspec.json.decode(value, type=str)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return NO_PARTITION
    return NO_PARTITION


def _safe(text: str) -> str:
    """Return text as part of a file's name: what would end or leave the folder is %-encoded."""
    return _UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", text)


def _time(value: bytes | None) -> int | None:
    """Return milliseconds since the epoch: a number as it is, text as ISO 8601 in UTC."""
    try:
        found: object = None if value is None else _any.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if isinstance(found, bool):
        return None
    if isinstance(found, int | float):
        return int(found) if abs(found) < 2**63 else None
    return _parsed(found) if isinstance(found, str) else None


def _parsed(text: str) -> int | None:
    """Return the time that Joda's ``ISODateTimeFormat.dateTimeParser`` reads, in UTC."""
    match = _TIME.match(text)
    if match is None or not text:
        return None
    year, month, day = [*(match["date"] or "1970").split("-"), "1", "1"][:3]
    hours, minutes, seconds = (int(match[each] or 0) for each in ("hour", "minute", "second"))
    try:
        at = datetime(int(year), int(month), int(day), hours, minutes, seconds, tzinfo=UTC)
        moment = at - _zone(match["zone"])
    except (ValueError, OverflowError):
        return None
    part = int((match["part"] or "0").ljust(3, "0")[:3])
    return int((moment - EPOCH) / timedelta(milliseconds=1)) + part


def _zone(text: str | None) -> timedelta:
    if text is None or text == "Z":
        return timedelta()
    sign = -1 if text[0] == "-" else 1
    digits = text[1:].replace(":", "").ljust(4, "0")
    return sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
