"""Positions in a shard: a record's sequence number, and how many the pipeline read up to it."""

from __future__ import annotations

import msgspec

from pinlake.log.base import Position

COUNT_BITS = 64
_COUNT = (1 << COUNT_BITS) - 1


class Place(msgspec.Struct, frozen=True):
    """What a position says. ``count`` 0: nobody counted, so it is a bound alone."""

    sequence: int
    count: int


def position(sequence: int, count: int) -> Position:
    """Return the position of a record: ordered by sequence number, whatever was counted."""
    return sequence << COUNT_BITS | count


def place(at: Position | None) -> Place | None:
    """Return what a position says; None where it is before every record."""
    if at is None or at < 0:
        return None
    return Place(at >> COUNT_BITS, at & _COUNT)
