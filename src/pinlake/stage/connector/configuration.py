"""An S3 sink connector's configuration as what the sink does by it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any, NoReturn, get_args
from zoneinfo import ZoneInfo

import msgspec

from pinlake.errors import ConnectorInvalid
from pinlake.lake.naming import RESERVED, Naming
from pinlake.settings import Sink
from pinlake.stage.connector import joda
from pinlake.stage.connector.keys import reason_not
from pinlake.stage.connector.properties import read_properties
from pinlake.stage.partitioner import EPOCH, ByField, ByTime, Default, Extractor, Partitioner
from pinlake.stage.rotation import Rotation

HOUR = 3_600_000
_NO_SETTINGS = Sink()
_PATH = "'year'=YYYY/'month'=MM/'day'=dd"
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})\Z")


class Notice(msgspec.Struct, frozen=True):
    """A key that is not honoured, and why."""

    key: str
    reason: str

    def __str__(self) -> str:
        """Return one line for people."""
        return f"{self.key} is not honoured: {self.reason}"


class Connector(msgspec.Struct, frozen=True):
    """What a connector's configuration asks of the sink; ``takes`` tells which topics."""

    rotation: Rotation
    naming: Naming = Naming()
    partitioner: Partitioner = Default()
    takes: Callable[[str], bool] = bool
    notices: tuple[Notice, ...] = ()


def connector_of(settings: Sink) -> Connector:
    """Return the connector that the settings name, or the settings' own rotation."""
    if settings.connector:
        return read_connector(Path(settings.connector), settings)
    return Connector(Rotation(settings.flush_size, settings.rotate_seconds, settings.rotate_bytes))


def read_connector(path: Path, settings: Sink = _NO_SETTINGS) -> Connector:
    """Return what a configuration asks for; what it leaves open is as the settings say.

    Raises ConnectorUnreadable, and ConnectorInvalid where a value is wrong or
    cannot be honoured without another meaning.
    """
    values = read_properties(path)
    found = _Values(path, values)
    found.only("connector.class", ("S3SinkConnector",), "the sink writes as this connector does")
    found.only("format.class", ("JsonFormat",), "load reads JSON lines")
    found.only("transforms", ("",), "records are written as they were sent")
    found.only("directory.delim", ("/",), "objects lie in folders")
    partitioner = _partitioner(found)
    return Connector(
        _rotation(found, settings, by_time=isinstance(partitioner, ByTime)),
        _naming(found),
        partitioner,
        _takes(found),
        tuple(Notice(key, reason) for key in values if (reason := reason_not(key)) is not None),
    )


class _Values:
    """Values by key, each asked for by its type."""

    def __init__(self, path: Path, values: Mapping[str, str]) -> None:
        self.path, self.values = path, values

    def has(self, key: str) -> bool:
        return bool(self.values.get(key))

    def text(self, key: str, default: str = "") -> str:
        return self.values.get(key, default)

    def words(self, key: str) -> tuple[str, ...]:
        return tuple(word.strip() for word in self.text(key).split(",") if word.strip())

    def number(self, key: str, default: int, *, least: int) -> int:
        text = self.text(key) or str(default)
        if not re.fullmatch(r"[+-]?\d{1,18}", text) or int(text) < least:
            self.refuse(key, f"a whole number of at least {least} is wanted")
        return int(text)

    def flag(self, key: str, *, default: bool) -> bool:
        text = self.text(key).lower() or str(default).lower()
        if text not in {"true", "false"}:
            self.refuse(key, "true or false is wanted")
        return text == "true"

    def only(self, key: str, allowed: Iterable[str], reason: str) -> None:
        """Refuse a value (of a class its own name) that is none of these."""
        if key in self.values and _simple(self.values[key]) not in allowed:
            wanted = " or ".join(f"{each!r}" for each in allowed)
            self.refuse(key, f"{reason}; only {wanted} is possible")

    def refuse(self, key: str, reason: str) -> NoReturn:
        raise ConnectorInvalid(path=self.path, key=key, value=self.text(key), reason=reason)


def _simple(name: str) -> str:
    return name.rpartition(".")[2].rpartition("$")[2]


def _rotation(found: _Values, settings: Sink, *, by_time: bool) -> Rotation:
    interval = found.number("rotate.interval.ms", -1, least=-1)
    schedule = found.number("rotate.schedule.interval.ms", -1, least=-1)
    seconds = settings.rotate_seconds
    if interval > 0:
        seconds = interval / 1000
    elif found.has("rotate.interval.ms") or schedule > 0:
        seconds = math.inf
    return Rotation(
        found.number("flush.size", settings.flush_size, least=1),
        seconds,
        settings.rotate_bytes,
        record_ms=max(0, interval) if by_time else 0,
        folder_change=found.flag("rotate.file.on.partition.change", default=True),
        schedule_ms=max(0, schedule),
        zone=_zone(found) if schedule > 0 else None,
    )


def _naming(found: _Values) -> Naming:
    root = found.text("topics.dir", "topics").strip("/")
    parts = root.split("/")
    if any(part in {"", ".", ".."} or part.startswith(".") for part in parts):
        found.refuse("topics.dir", "a folder below the lake's root is wanted")
    if parts[0] in RESERVED:
        found.refuse("topics.dir", f"{parts[0]} is a folder of the lake's own")
    if re.search(r"[\x00-\x1f]", root):
        found.refuse("topics.dir", "it holds control characters")
    delim = found.text("file.delim", "+")
    if not re.fullmatch(r"[^0-9/\x00-\x1f]+", delim):
        found.refuse("file.delim", "offsets could not be read from names with it")
    found.only("s3.compression.type", ("none", "gzip"), "objects are read again by load")
    return Naming(
        root,
        delim,
        found.number("filename.offset.zero.pad.width", 10, least=0),
        ".json.gz" if found.text("s3.compression.type") == "gzip" else ".json",
    )


def _takes(found: _Values) -> Callable[[str], bool]:
    topics, pattern = found.words("topics"), found.text("topics.regex")
    if topics and pattern:
        found.refuse("topics.regex", "topics are named by topics too; leave one of them away")
    if pattern:
        try:
            compiled = re.compile(pattern)
        except re.error as error:
            found.refuse("topics.regex", f"it is no regular expression ({error})")
        return lambda name: compiled.fullmatch(name) is not None
    return frozenset(topics).__contains__ if topics else bool


def _partitioner(found: _Values) -> Partitioner:
    known: dict[str, Callable[[_Values], Partitioner]] = {
        "DefaultPartitioner": lambda _found: Default(),
        "FieldPartitioner": _by_field,
        "TimeBasedPartitioner": _by_time,
        "HourlyPartitioner": lambda found: _timed(found, HOUR, f"{_PATH}/'hour'=HH"),
        "DailyPartitioner": lambda found: _timed(found, 24 * HOUR, _PATH),
    }
    found.only("partitioner.class", ("", *known), "its code is not here")
    name = _simple(found.text("partitioner.class")) or "DefaultPartitioner"
    return known[name](found)


def _by_field(found: _Values) -> Partitioner:
    fields = found.words("partition.field.name")
    if not fields:
        found.refuse("partition.field.name", "FieldPartitioner needs the name of a field")
    return ByField(fields, found.flag("partition.field.format.path", default=True))


def _by_time(found: _Values) -> Partitioner:
    if not found.has("partition.duration.ms"):
        found.refuse("partition.duration.ms", "TimeBasedPartitioner needs it")
    duration = found.number("partition.duration.ms", 0, least=1)
    return _timed(found, duration, found.text("path.format"))


def _timed(found: _Values, duration: int, pattern: str) -> Partitioner:
    pattern = pattern.removesuffix("/")
    if not pattern:
        found.refuse("path.format", "TimeBasedPartitioner needs it")
    if not found.has("locale"):
        found.refuse("locale", "a partitioner by time needs it, such as en-US")
    if joda.has_words(pattern) and not found.text("locale").lower().startswith("en"):
        found.refuse("locale", "the pattern writes words, and only English ones are known")
    try:
        write = joda.compiled(pattern)
        folder = write(EPOCH)
    except ValueError as error:
        found.refuse("path.format", str(error))
    if any(part in {"", ".", ".."} or part[0] == "." for part in folder.split("/")):
        found.refuse("path.format", "it does not name a folder below the topic's")
    extractor: Any = _simple(found.text("timestamp.extractor") or "Wallclock").removesuffix(
        "TimestampExtractor"
    )
    if extractor not in get_args(Extractor):
        found.refuse("timestamp.extractor", f"only {', '.join(get_args(Extractor))} are known")
    field = found.text("timestamp.field") or "timestamp"
    return ByTime(duration, _zone(found), write, extractor, field)


def _zone(found: _Values) -> tzinfo:
    name = found.text("timezone")
    if offset := _OFFSET.match(name):
        sign = -1 if offset[1] == "-" else 1
        return timezone(sign * timedelta(hours=int(offset[2]), minutes=int(offset[3])))
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        found.refuse("timezone", "a zone such as Europe/Paris, UTC or +01:00 is wanted")
