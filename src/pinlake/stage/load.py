"""Load: objects of the lake become rows of the raw tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from pinlake.dataset import Dataset, Table
from pinlake.engine.base import Engine, Objects, Step
from pinlake.lake import objects
from pinlake.lake.naming import ObjectKey
from pinlake.lake.objects import Listed
from pinlake.lake.progress import Plan
from pinlake.lake.store import Lake
from pinlake.record import topic
from pinlake.stage.arrivals import Arrivals, following
from pinlake.stage.load_source import SourceLoad
from pinlake.stage.worker import Planned, Wanted, Work, everything, work_of
from pinlake.table import unclaimed

MOST_OBJECTS = 10_000
"""How many objects one plan takes: of a long backlog not all are asked for their sizes."""


class Load:
    """Every table that topics or a source feed, each with its planner.

    An unclaimed topic is a table itself. ``source_url`` is the source database.
    """

    def __init__(
        self,
        lake: Lake,
        engine: Engine,
        dataset: Dataset,
        plan_bytes: int,
        wanted: Wanted = everything,
        *,
        source_url: str = "",
    ) -> None:
        self._lake, self._engine, self._dataset = lake, engine, dataset
        self._plan_bytes, self._wanted, self._source_url = plan_bytes, wanted, source_url
        self._planners: dict[str, LoadPlanner] = {}

    def planners(self) -> Sequence[LoadPlanner]:
        """Return a planner for each table that has a source, or topics with objects, now."""
        for table in self._dataset.tables.values():
            if table.origin is not None and self._wanted(table.name):
                self._of(table)
        for name in objects.topics(self._lake):
            table = self._dataset.table_of_topic(name) or unclaimed(topic(name))
            if self._wanted(table.name):
                self._of(table).topics.add(name)
        return list(self._planners.values())

    def _of(self, table: Table) -> LoadPlanner:
        if table.name not in self._planners:
            planner = LoadPlanner(self._lake, self._engine, table, self._plan_bytes)
            if table.origin is not None:
                planner.source = SourceLoad(
                    table, self._dataset.path, self._source_url, self._plan_bytes
                )
            self._planners[table.name] = planner
        return self._planners[table.name]


class LoadPlanner:
    """Plans which objects a raw table takes next.

    A plan's ranges tell the first offset of the last object of each partition that
    a sink writes; what was copied in stands in its ``objects`` alone.
    """

    stage = "load"

    def __init__(self, lake: Lake, engine: Engine, table: Table, plan_bytes: int) -> None:
        self.name = table.name
        self.topics: set[str] = set()
        self.source: SourceLoad | None = None
        self._lake, self._engine, self._table = lake, engine, table
        self._plan_bytes = plan_bytes
        self._arrivals = Arrivals(lake, table.name)
        self._end: frozenset[str] | None = None

    def fix_end(self) -> None:
        """Take the objects that are there now."""
        self._end = frozenset(map(str, self._arrivals.after(None, self.topics)))
        if self.source:
            self.source.fix_end()

    def next(self, latest: Plan | None) -> Planned | None:
        """Return the plan of the oldest objects that no plan has, up to about ``plan_bytes``.

        What the table's source has comes first.
        """
        if self.source and (planned := self.source.next(latest)):
            return Planned(planned.plan, more=True)
        found = [each for each in self.pending(latest) if self._wanted(each)]
        taken = fitting(objects.sized(self._lake, found[:MOST_OBJECTS]), self._plan_bytes)
        if not taken:
            return None
        self._arrivals.settle(latest)
        plan = following(latest, taken, lambda key: self._arrivals.of_sink(latest, key))
        return Planned(plan, more=len(taken) < len(found))

    def run(self, plan: Plan) -> Work:
        """Have the engine commit the rows of the objects, or of the source."""
        if self.source and not plan.objects:
            return work_of(self.source.run(self._engine, plan))
        step = Step("load", self._table, plan.number, Objects(plan.objects))
        return work_of(self._engine.run(step), objects=len(plan.objects))

    def pending(self, latest: Plan | None) -> list[ObjectKey]:
        """Return the objects that no plan has yet."""
        return self._arrivals.after(latest, self.topics)

    def _wanted(self, key: ObjectKey) -> bool:
        return self._end is None or str(key) in self._end


def fitting(found: Sequence[Listed], plan_bytes: int) -> list[ObjectKey]:
    """Return as many of the objects, in order, as the bytes allow; one at least."""
    totals = accumulate(each.size for each in found)
    return [
        each.key
        for place, (each, total) in enumerate(zip(found, totals, strict=True))
        if place == 0 or total <= plan_bytes
    ]
