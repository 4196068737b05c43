"""When the sink closes an object, decided apart from reading and writing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, pairwise

import msgspec
from msgspec.structs import replace

from pinlake.log.base import Position


class Rotation(msgspec.Struct, frozen=True):
    """Close an object at ``flush_size`` records, ``size`` bytes or ``seconds`` after its first."""

    flush_size: int
    seconds: float
    size: int


class OpenObject(msgspec.Struct, frozen=True):
    """The records of a partition that no object holds yet, up to the next rotation.

    ``starts`` are the positions at which a run without gaps begins: each run
    becomes an object of its own. ``opened`` is the clock at its first record.
    """

    after: Position | None
    upto: Position | None = None
    count: int = 0
    size: int = 0
    starts: tuple[Position, ...] = ()
    opened: float = 0.0

    @property
    def read_upto(self) -> Position | None:
        """The last position that was read, or None."""
        return self.after if self.upto is None else self.upto


def rotation_due(open_object: OpenObject, policy: Rotation, now: float) -> bool:
    """Tell whether the open object must be closed before the next record."""
    if open_object.count == 0:
        return False
    return is_full(open_object, policy) or now - open_object.opened >= policy.seconds


def is_full(open_object: OpenObject, policy: Rotation) -> bool:
    """Tell whether the open object takes no further record."""
    return open_object.count >= policy.flush_size or open_object.size >= policy.size


def extended(
    open_object: OpenObject,
    positions: Sequence[Position],
    lengths: Sequence[int],
    policy: Rotation,
    now: float,
) -> OpenObject:
    """Return the open object with as many of the records as it takes, one at least.

    ``lengths`` are the values' bytes. The record that makes it full is in it.
    """
    taken = _fitting(lengths, policy.flush_size - open_object.count, policy.size - open_object.size)
    return replace(
        open_object,
        upto=positions[taken - 1],
        count=open_object.count + taken,
        size=open_object.size + sum(lengths[:taken]),
        starts=open_object.starts + _starts(open_object.upto, positions[:taken]),
        opened=open_object.opened if open_object.count else now,
    )


def _fitting(lengths: Sequence[int], records: int, size: int) -> int:
    """Count the records until one of the limits is reached."""
    totals = list(accumulate(lengths[:records]))
    return min(bisect_left(totals, size) + 1, len(totals))


def _starts(last: Position | None, positions: Sequence[Position]) -> tuple[Position, ...]:
    """Return the positions that do not follow the one before them."""
    first = () if last is not None and positions[0] == last + 1 else (positions[0],)
    if positions[-1] - positions[0] == len(positions) - 1:
        return first
    return first + tuple(after for before, after in pairwise(positions) if after != before + 1)
