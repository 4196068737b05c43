"""When the sink closes an object, decided apart from reading and writing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import accumulate, pairwise

import msgspec
from msgspec.structs import replace

from pinlake.log.base import Position
from pinlake.stage.partitioner import Tag


class Rotation(msgspec.Struct, frozen=True):
    """Close an object at ``flush_size`` records, ``size`` bytes or ``seconds`` after its first.

    ``record_ms`` above 0: also before a record that is so much later than the
    first by the records' own times, or (``folder_change``) of another folder than
    the last. ``schedule_ms`` above 0: also at its multiples since midnight in ``zone``.
    """

    flush_size: int
    seconds: float
    size: int
    record_ms: int = 0
    folder_change: bool = True
    schedule_ms: int = 0
    zone: tzinfo | None = None


class OpenObject(msgspec.Struct, frozen=True):
    """The records of a partition that no object holds yet, up to the next rotation.

    ``starts`` are the positions at which a run without gaps begins: each run
    becomes an object of its own. ``opened`` is the clock at its first record,
    ``due`` the time of day when the schedule closes it. Where a partitioner
    tells the folders, ``folders`` holds the positions of each; ``time`` is the
    first record's, ``folder`` the last's, and ``closed`` tells that the next
    record belongs to another object.
    """

    after: Position | None
    upto: Position | None = None
    count: int = 0
    size: int = 0
    starts: tuple[Position, ...] = ()
    opened: float = 0.0
    due: int | None = None
    folders: Mapping[str, tuple[Position, ...]] = {}
    time: int | None = None
    folder: str = ""
    closed: bool = False

    @property
    def read_upto(self) -> Position | None:
        """The last position that was read, or None."""
        return self.after if self.upto is None else self.upto


def rotation_due(
    open_object: OpenObject, policy: Rotation, now: float, wall: int | None = None
) -> bool:
    """Tell whether the open object must be closed before the next record.

    ``wall`` is the time of day in milliseconds since the epoch, for the schedule.
    """
    if open_object.count == 0:
        return False
    if is_full(open_object, policy) or now - open_object.opened >= policy.seconds:
        return True
    return open_object.due is not None and wall is not None and wall >= open_object.due


def is_full(open_object: OpenObject, policy: Rotation) -> bool:
    """Tell whether the open object takes no further record."""
    full = open_object.count >= policy.flush_size or open_object.size >= policy.size
    return full or open_object.closed


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


def extended_by_folder(
    open_object: OpenObject,
    positions: Sequence[Position],
    lengths: Sequence[int],
    *,
    tags: Sequence[Tag],
    policy: Rotation,
    now: float,
) -> OpenObject:
    """Return the open object with as many of the records as it takes, each in its folder.

    It is closed where the next record belongs to another one by its time or folder.
    """
    stop = _same_object(open_object, tags, policy)
    if stop == 0:
        return replace(open_object, closed=True)
    found = extended(open_object, positions[:stop], lengths[:stop], policy, now)
    taken = found.count - open_object.count
    folders = {name: list(held) for name, held in open_object.folders.items()}
    for position, tag in zip(positions[:taken], tags[:taken], strict=True):
        folders.setdefault(tag.folder, []).append(position)
    times = [open_object.time, *(tag.time for tag in tags[:taken])]
    return replace(
        found,
        folders={name: tuple(held) for name, held in folders.items()},
        time=next((time for time in times if time is not None), None),
        folder=tags[taken - 1].folder,
        closed=taken == stop < len(tags),
    )


def scheduled(open_object: OpenObject, policy: Rotation, wall: int) -> OpenObject:
    """Return an object that was just opened with the time of day at which it is due."""
    if not policy.schedule_ms or not open_object.count or open_object.due is not None:
        return open_object
    return replace(open_object, due=_next_multiple(wall, policy.schedule_ms, policy.zone))


def _next_multiple(wall: int, interval: int, zone: tzinfo | None) -> int:
    """Return the next multiple of the interval since midnight, both in milliseconds."""
    at = datetime.fromtimestamp(wall / 1000, zone)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    since = round((at - midnight) / timedelta(milliseconds=1))
    return wall - since + (since // interval + 1) * interval


def _same_object(open_object: OpenObject, tags: Sequence[Tag], policy: Rotation) -> int:
    """Count the records before the first that the records' times put into another object."""
    if not policy.record_ms:
        return len(tags)
    base, folder = open_object.time, open_object.folder
    for place, tag in enumerate(tags):
        if open_object.count or place:
            late = None not in (tag.time, base) and tag.time - base >= policy.record_ms  # type: ignore[operator]
            if late or (policy.folder_change and tag.folder != folder):
                return place
        folder = tag.folder
        base = tag.time if base is None else base
    return len(tags)


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
