"""Upkeep of a table by its own writer, beside its work and never in its way."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection

import duckdb
import msgspec
from deltalake.exceptions import DeltaError

from pinlake.engine.base import FOLDERS, output_of, quarantine_of
from pinlake.errors import PinlakeError
from pinlake.lake import tables, upkeep
from pinlake.lake.history import Keeping
from pinlake.lake.progress import Plans
from pinlake.lake.store import Lake
from pinlake.lake.upkeep import Kept, Rules
from pinlake.settings import Settings
from pinlake.telemetry import logger

BEHIND = 10
"""A stage that is behind puts upkeep off until so many times the commits are there."""


class WriterKeeper:
    """Keeps a stage's tables in a thread beside its loop, one table at a time.

    A table is due when its writer comes to it first, then after as many commits
    as small files are compacted at, and at least as often as versions grow old.
    """

    def __init__(self, lake: Lake, rules: Rules, declared: Collection[str]) -> None:
        self._lake, self._rules, self._declared = lake, rules, declared
        self._last: dict[str, _Look] = {}
        self._running: threading.Thread | None = None

    def look(self, stage: str, name: str, *, behind: bool) -> None:
        """Begin upkeep of one of a writer's tables if it is due and none is under way.

        ``behind``: the writer has more to do at once.
        """
        if self._running is not None and self._running.is_alive():
            return
        for table in written_by(stage, name):
            if self._is_due(table, behind=behind):
                self._begin(table)
                return

    def settle(self, stage: str, name: str) -> None:
        """Do all that is due of a writer's tables now."""
        self.finish()
        for table in written_by(stage, name):
            if self._is_due(table, behind=False):
                self._begin(table)
                self.finish()

    def finish(self) -> None:
        """Wait for the upkeep under way."""
        if self._running is not None:
            self._running.join()

    def _is_due(self, table: str, *, behind: bool) -> bool:
        head = tables.head(self._lake, table)
        if head is None:
            return False
        last = self._last.get(table)
        if last is None:
            return not behind
        wanted = self._rules.compact_after * (BEHIND if behind else 1)
        old = not behind and time.monotonic() - last.at >= max(1.0, self._rules.keeping.grace)
        return old or head.version - last.version >= wanted

    def _begin(self, table: str) -> None:
        head, first = tables.head(self._lake, table), table not in self._last
        self._last[table] = _Look(head.version if head else 0, time.monotonic())
        self._running = threading.Thread(
            target=self._keep, args=(table,), kwargs={"first": first}, name=f"upkeep of {table}"
        )
        self._running.start()

    def _keep(self, table: str, *, first: bool) -> None:
        """Keep a table; whatever is wrong with it is told and must not end the stage."""
        try:
            kept = keep(self._lake, table, self._rules, self._declared, swept=first)
        except (PinlakeError, OSError, duckdb.Error, DeltaError) as error:
            logger("stage").error("upkeep_failed", table=table, error=str(error))
            return
        if kept:
            logger("stage").info("upkeep_done", table=table, **msgspec.structs.asdict(kept))


class _Look(msgspec.Struct, frozen=True):
    """A table's version when its upkeep last began, and the monotonic seconds then."""

    version: int
    at: float


def rules(settings: Settings) -> Rules:
    """Return the rules of upkeep that the settings give."""
    wanted = settings.upkeep
    keeping = Keeping(wanted.retention_hours * 3600, wanted.grace_hours * 3600, wanted.versions)
    return Rules(wanted.compact_after_commits, wanted.target_bytes, keeping)


def written_by(stage: str, name: str) -> tuple[str, ...]:
    """Return the tables that a stage writes for a name; the sink writes none."""
    if stage not in FOLDERS:
        return ()
    return output_of(stage, name), quarantine_of(stage, name)


def writer_of(table: str) -> tuple[str, str]:
    """Return the stage and name whose claim holds a table."""
    folder, _, name = table.partition("/")
    if folder == "quarantine":
        stage, _, name = name.partition("/")
        return stage, name
    return {folder: stage for stage, folder in FOLDERS.items()}[folder], name


def keep(lake: Lake, table: str, rules: Rules, declared: Collection[str], *, swept: bool) -> Kept:
    """Do what a table needs, as its one writer; ``swept``: with what killed processes left.

    ``declared`` are the data set's tables: clean reads their raw rows, started or not.
    """
    now = time.time()
    kept = upkeep.keep(lake, table, rules, needed=needed(lake, table, declared), now=now)
    if swept:
        return msgspec.structs.replace(kept, swept=upkeep.sweep(lake, table, rules, now).swept)
    return kept


def needed(lake: Lake, table: str, declared: Collection[str]) -> int | None:
    """Return the first version whose new rows a stage may still read, or None: no stage does.

    Clean may carry out its newest plan again, so what follows that plan's
    beginning is needed.
    """
    folder, _, name = table.partition("/")
    if folder != "raw":
        return None
    plan = Plans(lake, "clean", name).latest()
    if plan is None:
        return 0 if name in declared else None
    head = tables.head(lake, table)
    if plan.after is None or head is None or plan.table_id != head.table_id:
        return 0
    return plan.after + 1
