"""Plans: what a stage will read for commit number n, written before it writes anything."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from pinlake.errors import PlanTorn, WriterBusy
from pinlake.lake.store import Lake

ROOT = "progress"
KEPT = 1000
"""How many plans stay. The newest alone is needed; the rest is history to look at."""
PRUNE_EVERY = 100
LOCK = "writer.lock"
CHECKPOINT = "checkpoint:/0"
"""The key of the one range of a plan that a streaming query put: its log is the query's id, and its
positions are the query's batches. No topic or stream has such a name.
"""
CLAIM_TRIES = 3
CLAIM_PAUSE = 0.02


class Range(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """after < position <= upto of one partition of one log (after None: from the beginning).

    ``ended``: the partition is closed and holds nothing beyond.
    """

    log: str
    after: int | None
    upto: int
    ended: bool = False


class Plan(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Plan number n of a stage for a table (for the sink: a topic). Numbers start at 1.

    ``ranges`` is keyed ``<topic or stream>/<partition>`` and is cumulative: it
    names every partition ever planned, with after == upto where nothing is new,
    so that the newest plan alone tells how far the stage has come. Load adds
    its ``objects``; so does the sink, with the ``offsets`` (as ``lake.offsets``
    writes them) of those that do not hold all up to the next object. Clean has
    the raw table's id and versions instead of ranges. A streaming query has one range,
    CHECKPOINT, and in ``offsets`` a digest of what its checkpoint says of the batch.
    """

    number: int
    ranges: dict[str, Range] = {}
    objects: tuple[str, ...] = ()
    offsets: dict[str, str] = {}
    table_id: str | None = None
    after: int | None = None
    upto: int | None = None


def is_of_query(plan: Plan | None) -> bool:
    """Tell whether a streaming query put a plan: its checkpoint knows how far it is."""
    return plan is not None and CHECKPOINT in plan.ranges


class Plans:
    """The plans of one stage for one name: ``progress/<stage>/<name>/<n, 20 digits>.json``.

    Plans are deleted from the oldest on, so a number is the newest if its file
    is there and its successor's is not.
    """

    def __init__(self, lake: Lake, stage: str, name: str) -> None:
        self.lake, self.stage, self.name = lake, stage, name
        self.folder = f"{ROOT}/{stage}/{name}"
        self._newest: Plan | None = None

    def latest(self) -> Plan | None:
        """Return the plan with the highest number, or None; PlanTorn where it is damaged."""
        known = self._newest
        there = self.lake.numbered(self.folder, known.number) if known else []
        if not there:
            self._newest = self._find()
        elif known and there[-1].number > known.number:
            self._newest = self._read(there[-1].number) or self._find()
        return self._newest

    def put(self, plan: Plan) -> bool:
        """Write a plan durably if its number is free; tell whether it was.

        Of several writers of one number one gets True.
        """
        if not self.lake.create(self.key(plan.number), msgspec.json.encode(plan) + b"\n"):
            return False
        self._newest = plan
        if plan.number % PRUNE_EVERY == 0:
            self.prune()
        return True

    def prune(self) -> None:
        """Delete all but the newest plans."""
        numbers = self.numbers()
        for number in numbers[:-KEPT]:
            self.lake.delete(self.key(number))

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Be the one active writer of this stage and name; raise WriterBusy where another is.

        The claim ends with the process at the latest. It saves work: what is
        written twice is the plans' and the commits' care.
        """
        descriptor = self._open_lock()
        try:
            if not any(_locked(descriptor) for _ in range(CLAIM_TRIES)):
                raise WriterBusy(stage=self.stage, name=self.name)
            yield
        finally:
            os.close(descriptor)

    def claimed(self) -> bool:
        """Tell whether a writer is active now (by trying the claim for a moment)."""
        if not self.lake.lock_file(f"{self.folder}/{LOCK}").exists():
            return False
        descriptor = self._open_lock()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def numbers(self) -> list[int]:
        """Return the numbers of the plans that are still there, ascending."""
        names = self.lake.children(self.folder)
        return [int(name[:20]) for name in names if len(name) == 25 and name[:20].isdecimal()]

    def _open_lock(self) -> int:
        return self.lake.open_lock(f"{self.folder}/{LOCK}")

    def _find(self) -> Plan | None:
        """Read the newest plan of a listing (again, if it was deleted meanwhile)."""
        while numbers := self.numbers():
            if plan := self._read(numbers[-1]):
                return plan
        return None

    def _read(self, number: int) -> Plan | None:
        content = self.lake.get(self.key(number))
        try:
            return None if content is None else msgspec.json.decode(content, type=Plan)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            path = self.lake.table_url(self.key(number))
            raise PlanTorn(path=path, reason=error) from error

    def key(self, number: int) -> str:
        """Return the key of a plan's file."""
        return f"{self.folder}/{number:020}.json"


def _locked(descriptor: int) -> bool:
    """Take the lock, or pause and tell that it is held: ``claimed`` may hold it for a moment."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(CLAIM_PAUSE)
        return False
    return True


def newest(lake: Lake, *stages: str) -> Iterator[tuple[str, str, Plan]]:
    """Yield stage, name and newest plan of all that has plans, of these stages or of every one."""
    for stage in stages or lake.children(ROOT):
        for name in names(lake, stage):
            if (plan := Plans(lake, stage, name).latest()) is not None:
                yield stage, name, plan


def names(lake: Lake, stage: str) -> list[str]:
    """Return every table (for the sink: topic) that a stage has planned for, sorted."""
    return lake.children(f"{ROOT}/{stage}")
