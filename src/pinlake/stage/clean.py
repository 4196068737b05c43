"""Clean: new rows of a raw table become rows of its clean table."""

from __future__ import annotations

from collections.abc import Sequence

from pinlake.dataset import Dataset, Table
from pinlake.engine.base import Engine, Step, Versions
from pinlake.errors import TableExchanged
from pinlake.lake import tables
from pinlake.lake.progress import Plan
from pinlake.lake.store import Lake
from pinlake.lake.tables import Head
from pinlake.stage.worker import Planned, Wanted, Work, everything, work_of


class Clean:
    """Every table that the data set declares, each with its planner."""

    def __init__(
        self,
        lake: Lake,
        engine: Engine,
        dataset: Dataset,
        plan_bytes: int,
        wanted: Wanted = everything,
    ) -> None:
        self._planners = [
            CleanPlanner(lake, engine, table, plan_bytes)
            for table in dataset.tables.values()
            if wanted(table.name)
        ]

    def planners(self) -> Sequence[CleanPlanner]:
        """Return the planners; a table without raw rows has nothing to plan."""
        return self._planners


class CleanPlanner:
    """Plans which versions of the raw table are cleaned next."""

    stage = "clean"

    def __init__(self, lake: Lake, engine: Engine, table: Table, plan_bytes: int) -> None:
        self.name = table.name
        self._lake, self._engine, self._table = lake, engine, table
        self._raw = f"raw/{table.name}"
        self._plan_bytes = plan_bytes
        self._end: int | None = None
        self._fixed = False

    def fix_end(self) -> None:
        """Take the versions that are there now."""
        head = tables.head(self._lake, self._raw)
        self._fixed, self._end = True, head.version if head else None

    def next(self, latest: Plan | None) -> Planned | None:
        """Return the plan of the versions after the newest plan's, up to about ``plan_bytes``."""
        head = self._head(latest)
        if head is None:
            return None
        after = latest.upto if latest else None
        end = self._end if self._fixed else head.version
        if end is None or (after is not None and after >= end):
            return None
        upto = self._fitting(after, end)
        number = latest.number + 1 if latest else 1
        plan = Plan(number, table_id=head.table_id, after=after, upto=upto)
        return Planned(plan, more=upto < end)

    def run(self, plan: Plan) -> Work:
        """Have the engine commit the cleaned rows."""
        assert plan.table_id is not None
        assert plan.upto is not None
        self._head(plan)
        versions = Versions(self._raw, plan.table_id, plan.after, plan.upto)
        return work_of(self._engine.run(Step("clean", self._table, plan.number, versions)))

    def _head(self, plan: Plan | None) -> Head | None:
        """Return where the raw table stands; raise where it is another one than the plan's."""
        head = tables.head(self._lake, self._raw)
        found = head.table_id if head else "missing"
        if plan is not None and plan.table_id != found:
            raise TableExchanged(
                stage=self.stage,
                name=self.name,
                table=self._raw,
                planned=plan.table_id,
                found=found,
            )
        return head

    def _fitting(self, after: int | None, end: int) -> int:
        """Return the last version whose new files the bytes allow; one version at least."""
        total = 0
        first = 0 if after is None else after + 1
        for version in range(first, end + 1):
            total += tables.added_bytes(self._lake, self._raw, version)
            if total > self._plan_bytes and version > first:
                return version - 1
        return end
