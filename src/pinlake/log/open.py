"""Opening logs: one by its URL, or those of a home."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pinlake.errors import SettingInvalid
from pinlake.log.base import Log, LogReader
from pinlake.log.by_kind import LogByKind, ReaderByKind
from pinlake.log.clock import Clock, milliseconds
from pinlake.log.late import LateReader
from pinlake.log.segments import SegmentLimits
from pinlake.record import Kind
from pinlake.settings import KAFKA, KINESIS, Home, Kinesis

if TYPE_CHECKING:
    from pinlake.log.kafka.connection import Connection
    from pinlake.log.kinesis.log import KinesisLog

_SQLITE = "sqlite:///"
DEFAULTS = Kinesis()


def open_log(
    url: str,
    clock: Clock = milliseconds,
    max_bytes: int | None = None,
    *,
    min_free_bytes: int = 0,
    segment: SegmentLimits | None = None,
    kafka: Mapping[str, str] = {},
    kinesis: Kinesis = DEFAULTS,
) -> Log:
    """Open a log for writing; an embedded one is made if it is not there.

    An embedded log takes up to ``max_bytes`` and leaves ``min_free_bytes`` of the
    disk. ``kafka`` are librdkafka's settings for a cluster and ``kinesis`` those of
    a region's Kinesis, which are not asked yet.

    Raises LogInUse where another process writes to it, LogUnusable where it is
    no log of ours, SettingInvalid on an unknown URL.
    """
    if url.startswith(KAFKA):
        from pinlake.log.kafka.connection import connection

        made = connection(url, kafka)
        from pinlake.log.kafka.log import KafkaLog

        return KafkaLog(made)
    if url.startswith(KINESIS):
        from pinlake.log.kinesis.connection import connection as region
        from pinlake.log.kinesis.log import KinesisLog

        return KinesisLog(region(url, kinesis))
    from pinlake.log.sqlite import SqliteLog

    return SqliteLog(_path(url), clock, max_bytes, min_free_bytes=min_free_bytes, segment=segment)


def open_reader(
    url: str,
    kafka: Mapping[str, str] = {},
    kinesis: Kinesis = DEFAULTS,
    *,
    room: int = 0,
) -> LogReader:
    """Open a log for reading beside its writer; raise LogUnusable where there is none yet.

    ``room``: bytes of records to hold for a second reading, where a log gives them slowly.
    """
    if url.startswith(KAFKA):
        from pinlake.log.kafka.connection import connection

        made = connection(url, kafka)
        from pinlake.log.kafka.reader import KafkaLogReader

        return KafkaLogReader(made, room=room)
    if url.startswith(KINESIS):
        from pinlake.log.kinesis.connection import connection as region
        from pinlake.log.kinesis.reader import KinesisLogReader

        return KinesisLogReader(region(url, kinesis))
    from pinlake.log.reader import SqliteLogReader

    return SqliteLogReader(_path(url))


def log_of(home: Home) -> Log:
    """Open a home's log for writing, with the limits of its settings.

    The embedded log is opened where topics or streams are in it.
    """
    with ExitStack() as opened:
        topics = opened.enter_context(closing(_log(home, home.topics_url)))
        if home.topics_url == home.streams_url:
            log: Log = topics
        else:
            log = LogByKind(topics, opened.enter_context(closing(_log(home, home.streams_url))))
        opened.pop_all()
    return log


def reader_of(home: Home, *, room: int = 0) -> LogReader:
    """Open a home's log for reading; raise LogUnusable where there is none yet.

    Of two logs the embedded one may come later: the other is read meanwhile. ``room`` as in
    ``open_reader``.
    """
    if home.topics_url == home.streams_url:
        return topics_reader_of(home)
    of_topics = partial(topics_reader_of, room=room)
    with ExitStack() as opened:
        topics = opened.enter_context(closing(_late(home.topics_url, of_topics, home)))
        streams = opened.enter_context(closing(_late(home.streams_url, streams_reader_of, home)))
        opened.pop_all()
    return ReaderByKind(topics, streams)


def topics_reader_of(home: Home, *, room: int = 0) -> LogReader:
    """Open what holds a home's topics for reading; raise LogUnusable where it is not there yet."""
    return open_reader(home.topics_url, home.settings.kafka, room=room)


def kafka_of(log: LogReader) -> Connection | None:
    """Return how the Kafka is reached that holds a home's topics, or None where none does."""
    from pinlake.log.kafka.connection import Connection

    topics = log.readers[Kind.TOPIC] if isinstance(log, ReaderByKind) else log
    found = getattr(topics, "connection", None)  # its class needs confluent-kafka to be imported
    return found if isinstance(found, Connection) else None


def url_of(home: Home, kind: Kind) -> str:
    """Return the URL of the log that holds a home's topics, or its streams."""
    return home.topics_url if kind is Kind.TOPIC else home.streams_url


def open_kind(home: Home, kind: Kind) -> Log:
    """Open the log that holds a home's topics, or its streams, for writing."""
    return _log(home, url_of(home, kind))


def log_of_kind(log: Log, kind: Kind) -> Log:
    """Return the part of a home's log that holds its topics, or its streams."""
    return log.logs[kind] if isinstance(log, LogByKind) else log


def streams_reader_of(home: Home) -> LogReader:
    """Open what holds a home's streams for reading; raise LogUnusable where it is not there yet."""
    return open_reader(home.streams_url, kinesis=home.settings.kinesis)


def fed_reader_of(home: Home, *, room: int = 0) -> LogReader:
    """Open what stage stream reads: a home's streams, and its topics where they are asked for.

    ``room`` as in ``open_reader``.
    """
    if not home.settings.stream.topics:
        return streams_reader_of(home)
    return reader_of(home, room=room)


def is_missing(log: LogReader) -> bool:
    """Tell whether a part of a home's log is embedded and not there yet."""
    parts = log.readers.values() if isinstance(log, ReaderByKind) else ()
    return any(isinstance(each, LateReader) and not each.is_there for each in parts)


def embedded(log: Log) -> Log | None:
    """Return the part of a home's log that is embedded, whose retention is ours to keep."""
    from pinlake.log.sqlite import SqliteLog

    return next((each for each in _parts(log) if isinstance(each, SqliteLog)), None)


def kinesis(log: Log) -> KinesisLog | None:
    """Return the part of a home's log that is a real Kinesis."""
    from pinlake.log.kinesis.log import KinesisLog

    return next((each for each in _parts(log) if isinstance(each, KinesisLog)), None)


def _parts(log: Log) -> list[Log]:
    return list(log.logs.values()) if isinstance(log, LogByKind) else [log]


def _late(url: str, opened: Callable[[Home], LogReader], home: Home) -> LogReader:
    """Open a log now, or the embedded one once it is there."""
    if url.startswith(_SQLITE):
        return LateReader(_path(url), partial(opened, home))
    return opened(home)


def _log(home: Home, url: str) -> Log:
    limits = home.settings.log
    return open_log(
        url,
        max_bytes=limits.max_bytes or None,
        min_free_bytes=limits.min_free_bytes,
        segment=SegmentLimits(limits.segment_bytes, int(limits.segment_seconds * 1000)),
        kafka=home.settings.kafka,
        kinesis=home.settings.kinesis,
    )


def _path(url: str) -> Path:
    if not url.startswith(_SQLITE) or url == _SQLITE:
        reason = (
            f"a log's URL is {_SQLITE}<path>, or {KAFKA}<host>:<port> for topics, or "
            f"{KINESIS}<region> for streams"
        )
        raise SettingInvalid(where="settings", name="topics", value=url, reason=reason)
    return Path(url.removeprefix(_SQLITE)).absolute()
