"""Upkeep of a table: fewer files, a checkpoint, and no more of the past than is kept."""

from __future__ import annotations

import msgspec

from pinlake.lake import compaction, history, tables
from pinlake.lake.handle import handle_of
from pinlake.lake.history import Keeping
from pinlake.lake.store import Lake


class Rules(msgspec.Struct, frozen=True):
    """When files are compacted, and how long old versions stay.

    ``compact_after`` small files of about one size become one, of about
    ``target_bytes`` at most.
    """

    compact_after: int = 100
    target_bytes: int = 128 * 1024 * 1024
    keeping: Keeping = Keeping()


class Kept(msgspec.Struct, frozen=True):
    """What upkeep did for a table.

    ``compacted`` files became ``into``; ``versions`` were let go of, and
    ``deleted`` files with them; ``swept`` were left by killed processes.
    """

    compacted: int = 0
    into: int = 0
    versions: int = 0
    deleted: int = 0
    swept: int = 0

    def __bool__(self) -> bool:
        """Tell whether anything was done."""
        return any(msgspec.structs.astuple(self))

    def __str__(self) -> str:
        """Return what was done, for people."""
        done = [
            f"{self.compacted:,} files compacted into {self.into:,}" if self.compacted else "",
            f"{self.versions:,} old versions let go" if self.versions else "",
            f"{self.deleted:,} files deleted with them" if self.deleted else "",
            f"{self.swept:,} left-over files deleted" if self.swept else "",
        ]
        return ", ".join(filter(None, done)) or "nothing to do"


def keep(lake: Lake, table: str, rules: Rules, *, needed: int | None, now: float) -> Kept:
    """Do what a table needs, as its one writer; ``needed`` as for ``history.let_go``.

    ``now`` is seconds since 1970. A kill at any moment loses nothing and doubles
    nothing. Raises TableBroken, and then changes nothing that could be read.
    """
    target = rules.target_bytes
    done = compaction.compact(lake, table, target_bytes=target, least=rules.compact_after)
    checkpoint(lake, table)
    gone = history.let_go(lake, table, rules.keeping, needed, now)
    return Kept(done.files, done.into, gone.versions, gone.files)


def checkpoint(lake: Lake, table: str) -> None:
    """Write a checkpoint where one is due."""
    there = history.past(lake, table)
    if there is None:
        return
    last = there.checkpoints[-1] if there.checkpoints else 0
    if there.newest - last < tables.CHECKPOINT_EVERY:
        return
    handle_of(lake, table).checkpoint(there.newest)


def sweep(lake: Lake, table: str, rules: Rules, now: float) -> Kept:
    """Delete what killed processes left of a table."""
    return Kept(swept=history.sweep(lake, table, rules.keeping.grace, now))
