"""What the log may forget: the records that every stage has passed."""

from __future__ import annotations

from pathlib import PurePosixPath

import msgspec

from pinlake.dataset import Dataset
from pinlake.engine.base import marked
from pinlake.engine.routes import routes
from pinlake.errors import TableBroken
from pinlake.lake import commits
from pinlake.lake.open import open_lake
from pinlake.lake.progress import Plan, Plans, is_of_query
from pinlake.lake.store import Lake
from pinlake.log.base import Position
from pinlake.record import Kind, Partition
from pinlake.settings import Home
from pinlake.stage.worker import Wanted, everything

LOOK_BACK = 50
"""How many commits without a plan's number (compactions, erasures) may stand before it."""

EVERYTHING: Position = (1 << 63) - 1
"""The floor of what no stage takes."""


class Passed(msgspec.Struct, frozen=True):
    """How far a stage has come for good in one partition: None, it needs all of it."""

    stage: str
    name: str
    position: Position | None


class Floor:
    """How far all stages have come that a data set declares for a partition, started or not.

    A stage has passed its newest plan once what that plan writes is durable, and
    before that what lies below the plan. ``sunk`` tells which topics the sink takes.
    Not for several threads; a look costs a few small files.
    """

    def __init__(
        self,
        lake: Lake,
        dataset: Dataset,
        *,
        sunk: Wanted = everything,
        stream_topics: bool = False,
    ) -> None:
        self._lake, self._dataset = lake, dataset
        self._sunk, self._stream_topics = sunk, stream_topics
        self._plans: dict[tuple[str, str], Plans] = {}
        self._versions: dict[str, int] = {}

    def __call__(self, partition: Partition, log_id: str) -> Position | None:
        """Return the last position that no stage needs any more, or None where all are needed."""
        lowest = EVERYTHING
        for each in self.passed(partition, log_id):
            if each.position is None:
                return None
            lowest = min(lowest, each.position)
        return lowest

    def passed(self, partition: Partition, log_id: str) -> list[Passed]:
        """Return how far each stage has come that takes the partition of the log of an id."""
        return [
            Passed(stage, name, self._position(stage, name, key, log_id))
            for stage, name, key in self._readers(partition)
        ]

    def _readers(self, partition: Partition) -> list[tuple[str, str, str]]:
        """Return (stage, table, range's key) of each stage that takes the partition."""
        name = partition.log_name.name
        if partition.log_name.kind is Kind.STREAM:
            fed, readers = routes(self._dataset, [name]), []
        else:
            fed = routes(self._dataset, (), [name]) if self._stream_topics else []
            readers = [("sink", name, str(partition))] if self._sunk(name) else []
        for each in fed:
            key = f"{each.feeds[0].key}/{partition.number}"
            readers.append(("stream", each.table.name, key))
        return readers

    def _position(self, stage: str, name: str, key: str, log_id: str) -> Position | None:
        plans = self._plans.setdefault((stage, name), Plans(self._lake, stage, name))
        latest = plans.latest()
        if is_of_query(latest):
            return EVERYTHING  # the log's retention alone counts, as with Kinesis
        planned = latest.ranges.get(key) if latest else None
        if latest is None or planned is None or planned.log != log_id:
            return None
        return planned.upto if self._is_durable(stage, name, latest) else planned.after

    def _is_durable(self, stage: str, name: str, plan: Plan) -> bool:
        """Tell whether what a plan writes is there, and make its names durable.

        The files' contents are durable before their names are there.
        """
        if stage == "sink":
            return self._has_objects(plan)
        table = marked(stage, name)
        if not self._has_commit(table, f"{stage}/{name}", plan.number):
            return False
        self._lake.sync_names(f"{table}/{commits.LOG}")
        return True

    def _has_objects(self, plan: Plan) -> bool:
        if not all(self._lake.exists(key) for key in plan.objects):
            return False
        for folder in {str(PurePosixPath(key).parent) for key in plan.objects}:
            self._lake.sync_names(folder)
        return True

    def _has_commit(self, table: str, app_id: str, number: int) -> bool:
        """Tell whether one of a table's newest commits has a number, or a later one."""
        newest = commits.newest(self._lake, table, self._versions.get(table))
        if newest is None:
            return False
        self._versions[table] = newest
        for version in range(newest, max(-1, newest - LOOK_BACK), -1):
            committed = self._number(table, version, app_id)
            if committed is not None:
                return committed >= number
        return False

    def _number(self, table: str, version: int, app_id: str) -> int | None:
        """Return the number that a commit has of an application, or None; a torn one has none."""
        try:
            return commits.read(self._lake, table, version).committed.get(app_id)
        except TableBroken:
            return None


def floor_of(home: Home, dataset: Dataset, sunk: Wanted) -> Floor:
    """Return the floor of a home's log, where the sink takes the topics of ``sunk``."""
    topics = home.settings.stream.topics
    return Floor(open_lake(home), dataset, sunk=sunk, stream_topics=topics)
