"""What every engine does of a step before and around its own part."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from pinlake.engine import quarantine, rules
from pinlake.engine.base import (
    Given,
    LogRanges,
    MicroBatch,
    Objects,
    Outcome,
    Step,
    Taken,
    Versions,
)
from pinlake.engine.quarantine import Rejected
from pinlake.errors import TableExchanged
from pinlake.lake import tables
from pinlake.lake.store import Lake
from pinlake.lake.tables import Head


class StepEngine(ABC):
    """Finds steps done, and hands the others to the part that knows their input."""

    def __init__(self, lake: Lake, functions_sql: str) -> None:
        self.lake, self.functions_sql = lake, functions_sql

    def run(self, step: Step) -> Outcome:
        """Run one step to its commit, or find it done.

        Raises ColumnsChanged, TableExchanged, TableBroken, ObjectForeign, and what
        the log raises; the step may be run again after any of them.
        """
        done = tables.committed(self.lake, step.marked, step.app_id)
        if done is not None and step.number <= done:
            return Outcome(step.number, 0, 0, 0, None, found_done=True)
        rules.check(self.lake, step, self.rules_of(step))
        if isinstance(step.input, Objects):
            return self._load(step, step.input)
        if isinstance(step.input, Given):
            return self._take(step, step.input.read())
        if isinstance(step.input, Versions):
            return self._clean(step, step.input)
        if isinstance(step.input, MicroBatch):
            return self._arrive(step, step.input)
        return self._stream(step, step.input)

    def rules_of(self, step: Step) -> int:
        """Return what tells the rules of a step from others."""
        return rules.digest(step.table, self.functions_sql)

    def _quarantine(self, step: Step, rejected: Sequence[Rejected]) -> int | None:
        """Commit what is no row, if anything is, and return the version."""
        if not rejected:
            return None
        done = tables.commit(
            self.lake,
            step.quarantine,
            quarantine.SCHEMA,
            quarantine.Rows(rejected),
            app_id=step.app_id,
            number=step.number,
            counts={"quarantined": len(rejected), rules.COUNT: self.rules_of(step)},
        )
        return done.version

    def _arrive(self, step: Step, given: MicroBatch) -> Outcome:
        raise NotImplementedError  # Spark alone has streaming queries

    @abstractmethod
    def _load(self, step: Step, given: Objects) -> Outcome: ...

    @abstractmethod
    def _take(self, step: Step, given: Taken) -> Outcome: ...

    @abstractmethod
    def _clean(self, step: Step, given: Versions) -> Outcome: ...

    @abstractmethod
    def _stream(self, step: Step, given: LogRanges) -> Outcome: ...


def counts(outcome: Outcome) -> dict[str, int]:
    """Return what a commit says of itself."""
    return {
        "rows": outcome.rows,
        "duplicates": outcome.duplicates,
        "quarantined": outcome.quarantined,
    }


def planned(step: Step, given: Versions, found: Head | None) -> Head:
    """Return where the table stands that the step was planned on; raise TableExchanged."""
    if found is not None and found.table_id == given.table_id:
        return found
    raise TableExchanged(
        stage=step.stage,
        name=step.table.name,
        table=given.table,
        planned=given.table_id,
        found=found.table_id if found else "missing",
    )
