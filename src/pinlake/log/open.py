"""Opening a log by its URL."""

from __future__ import annotations

from pathlib import Path

from pinlake.errors import SettingInvalid
from pinlake.log.base import Log, LogReader
from pinlake.log.clock import Clock, milliseconds
from pinlake.log.segments import SegmentLimits

_SQLITE = "sqlite:///"


def open_log(
    url: str,
    clock: Clock = milliseconds,
    max_bytes: int | None = None,
    *,
    min_free_bytes: int = 0,
    segment: SegmentLimits | None = None,
) -> Log:
    """Open a log for writing, made if it is not there.

    The log takes up to ``max_bytes`` and leaves ``min_free_bytes`` of the disk.

    Raises LogInUse where another process writes to it, LogUnusable where it is
    no log of ours, SettingInvalid on an unknown URL.
    """
    from pinlake.log.sqlite import SqliteLog

    return SqliteLog(_path(url), clock, max_bytes, min_free_bytes=min_free_bytes, segment=segment)


def open_reader(url: str) -> LogReader:
    """Open a log for reading beside its writer; raise LogUnusable where there is none yet."""
    from pinlake.log.reader import SqliteLogReader

    return SqliteLogReader(_path(url))


def _path(url: str) -> Path:
    if not url.startswith(_SQLITE) or url == _SQLITE:
        reason = f"a log's URL is {_SQLITE}<path>, no other kind is known"
        raise SettingInvalid(where="settings", name="topics", value=url, reason=reason)
    return Path(url.removeprefix(_SQLITE)).absolute()
