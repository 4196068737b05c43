"""A partition in pieces: what retention forgets, one piece after another."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from pinlake.log.base import Position, Segment


class SegmentLimits(msgspec.Struct, frozen=True):
    """A segment is closed with the append that brings it to so many bytes or milliseconds."""

    bytes: int = 8 * 1024 * 1024
    milliseconds: int = 600_000


class Segments(msgspec.Struct, frozen=True):
    """The segments of a partition, oldest first; ``open`` is the one that still grows.

    ``began`` is when the open one's first records were appended, milliseconds
    since the epoch.
    """

    closed: tuple[Segment, ...] = ()
    open: Segment | None = None
    began: int = 0

    def all(self) -> Sequence[Segment]:
        """Return every segment in order."""
        return (*self.closed, self.open) if self.open else self.closed

    def extended(self, more: Segment, now: int, limits: SegmentLimits) -> Segments:
        """Return the segments with records behind the last, and a full one closed."""
        grown, began = (_joined(self.open, more), self.began) if self.open else (more, now)
        if grown.bytes < limits.bytes and now - began < limits.milliseconds:
            return Segments(self.closed, grown, began)
        return Segments((*self.closed, grown))

    def behind(self, beginning: Position) -> Segments:
        """Return the segments without what lies below a position."""
        closed = tuple(_cut(each, beginning) for each in self.closed if each.stop > beginning)
        if self.open is None or self.open.stop <= beginning:
            return Segments(closed)
        return Segments(closed, _cut(self.open, beginning), self.began)


def _joined(one: Segment, other: Segment) -> Segment:
    return Segment(
        one.start, other.stop, max(one.latest, other.latest), bytes=one.bytes + other.bytes
    )


def _cut(segment: Segment, beginning: Position) -> Segment:
    return replace(segment, start=beginning) if segment.start < beginning else segment
