"""What the log may forget: the records that every stage has passed."""

from __future__ import annotations

from pinlake.dataset import Dataset
from pinlake.lake.progress import Plans
from pinlake.lake.store import Lake
from pinlake.log.base import Position
from pinlake.record import Kind, Partition
from pinlake.stage.routes import routes


class Floor:
    """How far all stages have come that a data set declares for a partition, started or not.

    A stage has passed what lies before its newest plan: that plan may be carried
    out once more. Safe to use from one thread; a look costs a few file lookups.
    """

    def __init__(self, lake: Lake, dataset: Dataset, *, stream_topics: bool = False) -> None:
        self._lake, self._dataset, self._stream_topics = lake, dataset, stream_topics
        self._plans: dict[tuple[str, str], Plans] = {}

    def __call__(self, partition: Partition) -> Position | None:
        """Return the last position that no stage needs any more, or None where all are needed."""
        passed = [self._passed(stage, name, key) for stage, name, key in self._readers(partition)]
        known = [each for each in passed if each is not None]
        return min(known) if known and len(known) == len(passed) else None

    def _readers(self, partition: Partition) -> list[tuple[str, str, str]]:
        """Return (stage, table, range's key) of each stage that takes the partition."""
        name = partition.log_name.name
        if partition.log_name.kind is Kind.STREAM:
            fed, readers = routes(self._dataset, [name]), []
        else:
            fed = routes(self._dataset, (), [name]) if self._stream_topics else []
            readers = [("sink", name, str(partition))]
        for each in fed:
            key = f"{each.feeds[0].key}/{partition.number}"
            readers.append(("stream", each.table.name, key))
        return readers

    def _passed(self, stage: str, name: str, key: str) -> Position | None:
        plans = self._plans.setdefault((stage, name), Plans(self._lake, stage, name))
        latest = plans.latest()
        planned = latest.ranges.get(key) if latest else None
        return planned.after if planned else None
