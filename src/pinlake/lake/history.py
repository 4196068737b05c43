"""Old versions of a table: which can be read, which was current when, and letting go of them."""

from __future__ import annotations

import contextlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from pinlake.errors import TableBroken
from pinlake.lake import commits, opening
from pinlake.lake.handle import handle_of
from pinlake.lake.store import Lake

MILESTONE_SECONDS = 3600.0
MOST_AT_ONCE = 2000
"""Commits let go of in one go: so many are read in well under a second."""


class Keeping(msgspec.Struct, frozen=True):
    """How long old versions can be read.

    Every one of the ``versions`` newest stays, and every one younger than
    ``grace`` seconds; of older ones one an hour; none past ``retention``
    seconds but the one that was current then.
    """

    retention: float = 168 * 3600.0
    grace: float = 3600.0
    versions: int = 10_000
    milestone: float = MILESTONE_SECONDS


class LetGo(msgspec.Struct, frozen=True):
    """How many versions were let go of, and how many files that only they needed."""

    versions: int = 0
    files: int = 0


class Past(msgspec.Struct, frozen=True):
    """What a table's log holds.

    ``first`` begins the unbroken row of commits up to the newest; what is kept
    of earlier versions are ``milestones``, each a commit with its checkpoint.
    """

    first: int
    newest: int
    milestones: tuple[int, ...]
    checkpoints: tuple[int, ...]


def past(lake: Lake, table: str) -> Past | None:
    """Return what a table's log holds, or None where there is no table."""
    versions = commits.versions(lake, table)
    if not versions:
        return None
    breaks = [later for earlier, later in pairwise(versions) if later != earlier + 1]
    first = breaks[-1] if breaks else versions[0]
    checkpoints = tuple(commits.checkpoints(lake, table))
    milestones = tuple(each for each in checkpoints if each < first)
    return Past(first, versions[-1], milestones, checkpoints)


def version_at(lake: Lake, table: str, seconds: float) -> int | None:
    """Return the version that was current at a time (seconds since 1970), of those that are kept.

    None where the table, or what is kept of it, is younger.
    """
    found = opening.kept(lake, table)
    place = bisect_right(found, seconds, key=lambda each: commits.read(lake, table, each).seconds)
    return found[place - 1] if place else None


def let_go(lake: Lake, table: str, keeping: Keeping, needed: int | None, now: float) -> LetGo:
    """Delete old versions from the log, and the files that only they needed.

    ``needed`` is the first version whose commit a reader of the table's new rows
    has still to read, None where no one does. At most MOST_AT_ONCE versions go.
    What a kill leaves undone here is taken up by the next call, or by ``sweep``.
    """
    known = past(lake, table)
    if known is None or not _is_plain(lake, table):
        return LetGo()
    since = _since(known, _wanted(lake, table, known, keeping, now), needed)
    expired = _expired(lake, table, known, now - keeping.retention)
    if since == known.first and not expired:
        return LetGo()
    marks = _milestones(lake, table, known, keeping, since)
    kept = [each for each in (*known.milestones, *marks) if each not in expired]
    dropped = [each for each in range(known.first, since) if each not in marks]
    files = _removed_before(lake, table, known.first, since, kept)
    files |= _expired_files(lake, table, expired, stays=min((*kept, since)))
    files -= _live(lake, table)
    _forget(lake, table, [*expired, *dropped])
    there = [each for each in sorted(files) if lake.exists(f"{table}/{each}")]
    for file in there:
        lake.delete(f"{table}/{file}")
    return LetGo(len(expired) + len(dropped), len(there))


def sweep(lake: Lake, table: str, grace: float, now: float) -> int:
    """Delete files that no version knows and that are older than ``grace`` seconds.

    They are what a killed process left: of a commit it did not make, or of
    versions it let go of. Returns how many.
    """
    if not _is_plain(lake, table):
        return 0
    found = {name for name in lake.children(table) if name.endswith(".parquet")}
    left = found - _live(lake, table)
    old = {name for name in left if _written(lake, f"{table}/{name}") < now - grace}
    unknown = old - _known(lake, table, old)
    handle = handle_of(lake, table)
    with handle.lock:  # what was drafted when the names were read is committed now
        handle.newest()
        unknown -= handle.live.keys()
        for name in unknown:
            lake.delete(f"{table}/{name}")
    return len(unknown)


def _wanted(lake: Lake, table: str, known: Past, keeping: Keeping, now: float) -> int:
    """Return from which version on the rules keep every one."""
    grace = _current(lake, table, known, now - keeping.grace)
    retained = _current(lake, table, known, now - keeping.retention)
    return max(retained, min(known.newest - keeping.versions + 1, grace))


def _since(known: Past, wanted: int, needed: int | None) -> int:
    """Return from which version on every one stays: one with a checkpoint, and one after it."""
    most = min(wanted, known.first + MOST_AT_ONCE, *([] if needed is None else [needed]))
    usable = [each for each in known.checkpoints[:-1] if known.first <= each <= most]
    return usable[-1] if usable else known.first


def _current(lake: Lake, table: str, known: Past, seconds: float) -> int:
    """Return the version of the unbroken row that was current at a time, or its first."""
    row = range(known.first, known.newest + 1)
    place = bisect_right(row, seconds, key=lambda each: commits.read(lake, table, each).seconds)
    return row[max(0, place - 1)]


def _expired(lake: Lake, table: str, known: Past, horizon: float) -> list[int]:
    """Return the milestones before the one that was current at the horizon."""
    marks = (*known.milestones, known.first)
    current = bisect_right(marks, horizon, key=lambda each: commits.read(lake, table, each).seconds)
    return list(marks[: max(0, current - 1)])


def _milestones(
    lake: Lake, table: str, known: Past, keeping: Keeping, since: int
) -> tuple[int, ...]:
    """Return the versions to keep of those that are let go of: far enough apart."""
    last = known.milestones[-1] if known.milestones else None
    before = commits.read(lake, table, last).seconds if last is not None else float("-inf")
    chosen = []
    for each in (each for each in known.checkpoints if known.first <= each < since):
        seconds = commits.read(lake, table, each).seconds
        if seconds >= before + keeping.milestone:
            chosen.append(each)
            before = seconds
    return tuple(chosen)


def _removed_before(
    lake: Lake, table: str, first: int, since: int, kept: Sequence[int]
) -> set[str]:
    """Return the files that were removed from ``first`` to ``since``, without those still needed.

    No version after its removal has a file: so the newest milestone before it
    tells whether one that stays has it.
    """
    states: dict[int, frozenset[str]] = {}
    unneeded: set[str] = set()
    for version in range(first, since + 1):
        gone = {file.path for file in commits.read(lake, table, version).removed}
        before = max((each for each in kept if each < version), default=None)
        if gone and before is not None:
            if before not in states:
                states[before] = opening.files(opening.load(lake, table, before))
            gone -= states[before]
        unneeded |= gone
    return unneeded


def _expired_files(lake: Lake, table: str, expired: Sequence[int], stays: int) -> set[str]:
    """Return the files of expired milestones that the oldest version that stays has not."""
    if not expired:
        return set()
    found: set[str] = set()
    for version in expired:
        with contextlib.suppress(TableBroken):  # then they are swept
            found |= opening.files(opening.load(lake, table, version))
    return found - opening.files(opening.load(lake, table, stays))


def _forget(lake: Lake, table: str, versions: Iterable[int]) -> None:
    """Delete versions from the log, the oldest first, so that none looks whole that is not."""
    for version in versions:
        lake.delete(commits.path(table, version))
        lake.delete(commits.checkpoint(table, version))
    lake.sync_names(f"{table}/{commits.LOG}")


def _known(lake: Lake, table: str, files: set[str]) -> set[str]:
    """Return which files some version that can be read has, or had a commit for."""
    known: set[str] = set()
    if not files:
        return known
    there = past(lake, table)
    assert there is not None
    for version in range(there.first, there.newest + 1):
        record = commits.read(lake, table, version)
        known.update(file.path for file in record.files)
        known.update(file.path for file in record.removed)
    for version in (*there.milestones, there.first):
        known |= opening.files(opening.load(lake, table, version))
    return known & files


def _is_plain(lake: Lake, table: str) -> bool:
    handle = handle_of(lake, table)
    with handle.lock:
        return handle.newest(writing=True) is not None and handle.is_plain


def _live(lake: Lake, table: str) -> set[str]:
    handle = handle_of(lake, table)
    with handle.lock:
        handle.newest()
        return set(handle.live)


def _written(lake: Lake, key: str) -> float:
    try:
        return lake.written(key)
    except FileNotFoundError:
        return float("inf")
