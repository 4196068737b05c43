"""The rule of every stage: plan, write, commit; after a crash the newest plan again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Protocol

import msgspec

from pinlake.engine.base import Outcome, output_of, quarantine_of
from pinlake.errors import LogExchanged, TopicUnknown, WriterBusy
from pinlake.lake.progress import Plan, Plans
from pinlake.lake.store import Lake
from pinlake.log.base import LogReader
from pinlake.record import LogName

Wanted = Callable[[str], bool]
"""Tells whether a stage is to care for a table (for the sink: a topic)."""


class Work(msgspec.Struct, frozen=True):
    """What one plan came to. ``found_done``: it had been done before, nothing was written."""

    number: int
    rows: int = 0
    duplicates: int = 0
    quarantined: int = 0
    objects: int = 0
    found_done: bool = False


class Planned(msgspec.Struct, frozen=True):
    """The next plan, and whether it is a full one, so that more is there at once."""

    plan: Plan
    more: bool


class Planner(Protocol):
    """One table of a stage (for the sink: one topic): decides the next plan and carries it out.

    ``run`` of one plan writes the same, however often and after whatever crash.
    """

    stage: str
    name: str

    def fix_end(self) -> None:
        """Plan only up to what there is now, and plan all of it."""
        ...

    def next(self, latest: Plan | None) -> Planned | None:
        """Return the plan that follows the newest one, or None while nothing is due."""
        ...

    def run(self, plan: Plan) -> Work:
        """Carry a plan out to its end, or find that it was."""
        ...


class Worker:
    """The one active writer of a planner's table, from its first turn until it is closed.

    Not for several threads.
    """

    def __init__(self, lake: Lake, planner: Planner) -> None:
        self.planner = planner
        self._plans = Plans(lake, planner.stage, planner.name)
        self._claims = ExitStack()
        self._claimed = self._settled = False

    def advance(self) -> tuple[Work | None, bool]:
        """Carry out one plan; return its work (None: nothing was due) and whether more is there.

        Raises WriterBusy where another process works on the table, and whatever
        the planner raises: the plan is carried out again at the next turn.
        """
        self._claim()
        latest = self._plans.latest()
        if latest is not None and not self._settled:
            work = self._carry_out(latest)
            if not work.found_done:
                return work, True
        self._settled = True
        planned = self.planner.next(latest)
        if planned is None:
            return None, False
        if not self._plans.put(planned.plan):
            raise WriterBusy(stage=self.planner.stage, name=self.planner.name)
        return self._carry_out(planned.plan), planned.more

    def close(self) -> None:
        """Let another process work on the table. Idempotent."""
        self._claims.close()
        self._claimed = self._settled = False

    def _claim(self) -> None:
        if not self._claimed:
            self._claims.enter_context(self._plans.claim())
            self._claimed = True

    def _carry_out(self, plan: Plan) -> Work:
        self._settled = False
        work = self.planner.run(plan)
        self._settled = True
        return work


def identity(log: LogReader, name: LogName) -> str | None:
    """Return a topic's identity, or None where it is not there."""
    try:
        return log.log_id(name)
    except TopicUnknown:
        return None


def check_log(log: LogReader, name: LogName, planner: Planner, key: str, plan: Plan | None) -> str:
    """Return the log's identity; raise LogExchanged where the plan was made of another log.

    ``key`` is what comes before ``/<partition>`` in the plan's ranges.
    """
    found = log.log_id(name)
    for partition, planned in plan.ranges.items() if plan else ():
        if partition.rpartition("/")[0] == key and planned.log != found:
            raise LogExchanged(
                stage=planner.stage,
                name=planner.name,
                partition=partition,
                planned=planned.log,
                found=found,
            )
    return found


def work_of(outcome: Outcome, objects: int = 0) -> Work:
    """Return an engine's outcome as a stage's work."""
    return Work(
        outcome.number,
        outcome.rows,
        outcome.duplicates,
        outcome.quarantined,
        objects,
        outcome.found_done,
    )


def rebuilding(name: str) -> str:
    """Return what to do where a stream table is to be fed by something else."""
    made = [output_of("stream", name), quarantine_of("stream", name), f"progress/stream/{name}"]
    return f"rebuild the table: delete {', '.join(made)} of the lake, and a query's checkpoint"


def everything(name: str) -> bool:
    """Want every table that has a name."""
    return bool(name)
