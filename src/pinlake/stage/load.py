"""Load: objects of the lake become rows of the raw tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

from pinlake.dataset import Dataset, Table
from pinlake.engine.base import Engine, Objects, Step
from pinlake.lake import objects
from pinlake.lake.objects import Listed
from pinlake.lake.progress import Plan, Range
from pinlake.lake.store import Lake
from pinlake.stage.load_source import SourceLoad
from pinlake.stage.worker import Planned, Wanted, Work, everything, work_of


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
        for topic in objects.topics(self._lake):
            table = self._dataset.table_of_topic(topic) or Table(name=topic)
            if self._wanted(table.name):
                self._of(table).topics.add(topic)
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

    A plan's ranges tell the start offset of the last object of each partition;
    the sink writes a partition's objects in order, so what comes later lies after.
    """

    stage = "load"

    def __init__(self, lake: Lake, engine: Engine, table: Table, plan_bytes: int) -> None:
        self.name = table.name
        self.topics: set[str] = set()
        self.source: SourceLoad | None = None
        self._lake, self._engine, self._table = lake, engine, table
        self._plan_bytes = plan_bytes
        self._end: frozenset[str] | None = None

    def fix_end(self) -> None:
        """Take the objects that are there now."""
        self._end = frozenset(str(each.key) for each in self._listing(None))
        if self.source:
            self.source.fix_end()

    def next(self, latest: Plan | None) -> Planned | None:
        """Return the plan of the oldest objects that no plan has, up to about ``plan_bytes``.

        What the table's source has comes first.
        """
        if self.source and (planned := self.source.next(latest)):
            return Planned(planned.plan, more=True)
        found = [each for each in self._listing(latest) if self._wanted(each)]
        taken = fitting(found, self._plan_bytes)
        if not taken:
            return None
        return Planned(following(latest, taken), more=len(taken) < len(found))

    def run(self, plan: Plan) -> Work:
        """Have the engine commit the rows of the objects, or of the source."""
        if self.source and not plan.objects:
            return work_of(self.source.run(self._engine, plan))
        step = Step("load", self._table, plan.number, Objects(plan.objects))
        return work_of(self._engine.run(step), objects=len(plan.objects))

    def pending(self, latest: Plan | None) -> list[Listed]:
        """Return the objects that no plan has yet."""
        return self._listing(latest)

    def _wanted(self, listed: Listed) -> bool:
        return self._end is None or str(listed.key) in self._end

    def _listing(self, latest: Plan | None) -> list[Listed]:
        return [
            listed
            for topic in sorted(self.topics)
            for partition in objects.partitions(self._lake, topic)
            for listed in objects.list_after(
                self._lake, topic, partition, _last(latest, f"{topic}/{partition}")
            )
        ]


def fitting(found: Sequence[Listed], plan_bytes: int) -> list[Listed]:
    """Return as many of the objects, in order, as the bytes allow; one at least."""
    totals = accumulate(each.size for each in found)
    return [
        each
        for place, (each, total) in enumerate(zip(found, totals, strict=True))
        if place == 0 or total <= plan_bytes
    ]


def following(latest: Plan | None, taken: Iterable[Listed]) -> Plan:
    """Return the plan of these objects after the newest one."""
    ranges = {
        key: Range(each.log, each.upto, each.upto)
        for key, each in (latest.ranges.items() if latest else ())
    }
    keys = [each.key for each in taken]
    for key in keys:
        partition = f"{key.topic}/{key.partition}"
        ranges[partition] = Range("", _last(latest, partition), key.start)
    number = latest.number + 1 if latest else 1
    return Plan(number, ranges, objects=tuple(str(key) for key in keys))


def _last(latest: Plan | None, partition: str) -> int | None:
    done = latest.ranges.get(partition) if latest else None
    return done.upto if done else None
