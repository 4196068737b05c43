"""Opening logs: one by its URL, or those of a home."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from pinlake.errors import SettingInvalid
from pinlake.log.base import Log, LogReader
from pinlake.log.by_kind import LogByKind, ReaderByKind
from pinlake.log.clock import Clock, milliseconds
from pinlake.log.segments import SegmentLimits
from pinlake.record import Kind
from pinlake.settings import Home

_SQLITE = "sqlite:///"
_KAFKA = "kafka://"


def open_log(
    url: str,
    clock: Clock = milliseconds,
    max_bytes: int | None = None,
    *,
    min_free_bytes: int = 0,
    segment: SegmentLimits | None = None,
    kafka: Mapping[str, str] = {},
) -> Log:
    """Open a log for writing; an embedded one is made if it is not there.

    An embedded log takes up to ``max_bytes`` and leaves ``min_free_bytes`` of the
    disk. ``kafka`` are librdkafka's settings for a cluster, which is not asked yet.

    Raises LogInUse where another process writes to it, LogUnusable where it is
    no log of ours, SettingInvalid on an unknown URL.
    """
    if url.startswith(_KAFKA):
        from pinlake.log.kafka.connection import connection

        made = connection(url, kafka)
        from pinlake.log.kafka.log import KafkaLog

        return KafkaLog(made)
    from pinlake.log.sqlite import SqliteLog

    return SqliteLog(_path(url), clock, max_bytes, min_free_bytes=min_free_bytes, segment=segment)


def open_reader(url: str, kafka: Mapping[str, str] = {}) -> LogReader:
    """Open a log for reading beside its writer; raise LogUnusable where there is none yet."""
    if url.startswith(_KAFKA):
        from pinlake.log.kafka.connection import connection

        made = connection(url, kafka)
        from pinlake.log.kafka.reader import KafkaLogReader

        return KafkaLogReader(made)
    from pinlake.log.reader import SqliteLogReader

    return SqliteLogReader(_path(url))


def log_of(home: Home) -> Log:
    """Open a home's log for writing, with the limits of its settings."""
    limits = home.settings.log
    embedded = open_log(
        home.log_url,
        max_bytes=limits.max_bytes or None,
        min_free_bytes=limits.min_free_bytes,
        segment=SegmentLimits(limits.segment_bytes, int(limits.segment_seconds * 1000)),
    )
    if home.topics_url == home.log_url:
        return embedded
    with ExitStack() as opened:
        opened.callback(embedded.close)
        both = LogByKind(open_log(home.topics_url, kafka=home.settings.kafka), embedded)
        opened.pop_all()
    return both


def reader_of(home: Home) -> LogReader:
    """Open a home's log for reading; raise LogUnusable where there is none yet."""
    embedded = open_reader(home.log_url)
    if home.topics_url == home.log_url:
        return embedded
    with ExitStack() as opened:
        opened.callback(embedded.close)
        both = ReaderByKind(topics_reader_of(home), embedded)
        opened.pop_all()
    return both


def topics_reader_of(home: Home) -> LogReader:
    """Open what holds a home's topics for reading; raise LogUnusable where it is not there yet."""
    return open_reader(home.topics_url, home.settings.kafka)


def url_of(home: Home, kind: Kind) -> str:
    """Return the URL of the log that holds a home's topics, or its streams."""
    return home.topics_url if kind is Kind.TOPIC else home.log_url


def open_kind(home: Home, kind: Kind) -> Log:
    """Open the log that holds a home's topics, or its streams, for writing."""
    return open_log(url_of(home, kind), kafka=home.settings.kafka)


def log_of_kind(log: Log, kind: Kind) -> Log:
    """Return the part of a home's log that holds its topics, or its streams."""
    return log.logs[kind] if isinstance(log, LogByKind) else log


def embedded(log: Log) -> Log:
    """Return the part of a home's log that is embedded, whose retention is ours to keep."""
    return log.logs[Kind.STREAM] if isinstance(log, LogByKind) else log


def _path(url: str) -> Path:
    if not url.startswith(_SQLITE) or url == _SQLITE:
        reason = f"a log's URL is {_SQLITE}<path>, or {_KAFKA}<host>:<port> for topics"
        raise SettingInvalid(where="settings", name="topics", value=url, reason=reason)
    return Path(url.removeprefix(_SQLITE)).absolute()
