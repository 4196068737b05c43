"""What a partition may forget: records past their time or over its size, that no stage needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from pinlake.log.base import Attributes, Position, Segment
from pinlake.record import Kind, Partition
from pinlake.settings import Log

HOUR_MS = 3_600_000

Floor = Callable[[Partition, str], Position | None]
"""Returns the last position of a partition, of the log of an id, that no stage needs any more;
None where all are needed."""


class Retention(msgspec.Struct, frozen=True):
    """How long records are kept, and how many bytes of them. None: without a limit."""

    milliseconds: int | None = None
    bytes: int | None = None


def retention_of(kind: Kind, attributes: Attributes, settings: Log) -> Retention:
    """Return what holds for a topic or stream: its own ``retention_hours`` before the settings."""
    usual = settings.stream_retention_hours if kind is Kind.STREAM else settings.retention_hours
    hours = float(attributes.get("retention_hours", usual))
    return Retention(int(hours * HOUR_MS) or None, settings.retention_bytes or None)


def past(segments: Sequence[Segment], retention: Retention, now: int) -> Position | None:
    """Return the position below which all is past retention, or None where nothing is.

    A segment goes whole, and only after all before it: once its highest time is
    further back than the limit, or once what follows it fills the size. ``now``
    is milliseconds since the epoch.
    """
    # without a limit of bytes a look costs the segments that go, not all that are held
    held = sum(each.bytes for each in segments) if retention.bytes is not None else 0
    stop = None
    for each in segments:
        held -= each.bytes
        if not (_is_old(each, retention, now) or _is_over(held, retention)):
            break
        stop = each.stop
    return stop


def spared(segments: Sequence[Segment], stop: Position, floor: Position | None) -> Position | None:
    """Return how far below ``stop`` whole segments may go that no stage needs, or None.

    ``floor`` is the last position that no stage needs any more (None: all are needed).
    """
    if floor is None:
        return None
    free = [each.stop for each in segments if each.stop <= min(stop, floor + 1)]
    return free[-1] if free else None


def _is_old(segment: Segment, retention: Retention, now: int) -> bool:
    return retention.milliseconds is not None and segment.latest < now - retention.milliseconds


def _is_over(following: int, retention: Retention) -> bool:
    return retention.bytes is not None and following >= retention.bytes
