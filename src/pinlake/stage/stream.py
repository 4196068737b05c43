"""Stream: ranges of the log become rows of the stream tables."""

from __future__ import annotations

from collections.abc import Sequence

from pinlake.dataset import Dataset, Table
from pinlake.engine.base import Engine, LogRange, LogRanges, Step
from pinlake.engine.routes import Feed, Routes, ends, routes
from pinlake.lake.progress import Plan, Range
from pinlake.log.base import LogReader, Position
from pinlake.log.reading import beyond_loss, read_on
from pinlake.record import Kind, Partition
from pinlake.stage.worker import Planned, Wanted, Work, check_log, everything, work_of

READ_BYTES = 8 * 1024 * 1024


class Stream:
    """Every table that streams feed (and topics, if asked), each with its planner."""

    def __init__(
        self,
        log: LogReader,
        engine: Engine,
        dataset: Dataset,
        plan_bytes: int,
        wanted: Wanted = everything,
        *,
        topics: bool = False,
        accept_loss: bool = False,
    ) -> None:
        self._log, self._engine, self._dataset = log, engine, dataset
        self._plan_bytes, self._wanted, self._topics = plan_bytes, wanted, topics
        self._accept_loss = accept_loss
        self._planners: dict[str, StreamPlanner] = {}

    def planners(self) -> Sequence[StreamPlanner]:
        """Return a planner for each table that something feeds now."""
        topics = self._log.names(Kind.TOPIC) if self._topics else ()
        for each in routes(self._dataset, self._log.names(Kind.STREAM), topics):
            if self._wanted(each.table.name):
                self._of(each).feeds = each.feeds
        return list(self._planners.values())

    def _of(self, each: Routes) -> StreamPlanner:
        name = each.table.name
        if name not in self._planners:
            self._planners[name] = StreamPlanner(
                self._log,
                self._engine,
                each.table,
                self._plan_bytes,
                accept_loss=self._accept_loss,
            )
        return self._planners[name]


class StreamPlanner:
    """Plans which records of its streams a table takes next."""

    stage = "stream"

    def __init__(
        self,
        log: LogReader,
        engine: Engine,
        table: Table,
        plan_bytes: int,
        *,
        accept_loss: bool = False,
    ) -> None:
        self.name, self._accept_loss = table.name, accept_loss
        self.feeds: tuple[Feed, ...] = ()
        self._log, self._engine, self._table = log, engine, table
        self._plan_bytes = plan_bytes
        self._end: dict[tuple[Feed, int], Position] | None = None

    def fix_end(self) -> None:
        """Take the records that are there now."""
        self._end = ends(self._log, self.feeds)

    def next(self, latest: Plan | None) -> Planned | None:
        """Return the plan of the oldest records that no plan has, up to about ``plan_bytes``."""
        logs = {
            feed.key: check_log(self._log, feed.log_name, self, feed.key, latest)
            for feed in self.feeds
        }
        ranges = {
            key: Range(each.log, each.upto, each.upto)
            for key, each in (latest.ranges.items() if latest else ())
        }
        news = self._news(latest)
        share = max(1, self._plan_bytes // max(1, len(news)))
        more = False
        for (feed, partition), (after, end) in news.items():
            upto = self._fitting(partition, after, end, share)
            if upto is not None:
                ranges[_key(feed, partition)] = Range(logs[feed.key], after, upto)
                more = more or upto < end
        if all(each.after == each.upto for each in ranges.values()):
            return None
        return Planned(Plan(latest.number + 1 if latest else 1, ranges), more)

    def run(self, plan: Plan) -> Work:
        """Have the engine commit the records' rows."""
        for feed in self.feeds:
            check_log(self._log, feed.log_name, self, feed.key, plan)
        step = Step("stream", self._table, plan.number, LogRanges(self._log_ranges(plan)))
        return work_of(self._engine.run(step))

    def _log_ranges(self, plan: Plan) -> tuple[LogRange, ...]:
        feeds = {feed.key: feed for feed in self.feeds}
        found = []
        for key, each in plan.ranges.items():
            name, _, number = key.rpartition("/")
            if each.after == each.upto or name not in feeds:
                continue
            found.append(feeds[name].range(int(number), each.after, each.upto))
        return tuple(sorted(found, key=lambda each: each.partition))

    def _news(
        self, latest: Plan | None
    ) -> dict[tuple[Feed, Partition], tuple[Position | None, Position]]:
        """Return the partitions with records that no plan has: after which, and up to where."""
        there = ends(self._log, self.feeds) if self._end is None else self._end
        done = latest.ranges if latest else {}
        news = {}
        for (feed, number), end in there.items():
            partition = Partition(feed.log_name, number)
            planned = done.get(_key(feed, partition))
            after = planned.upto if planned else None
            if self._accept_loss:
                after = beyond_loss(self._log, partition, after)
            if after is None or after < end:
                news[feed, partition] = (after, end)
        return news

    def _fitting(
        self, partition: Partition, after: Position | None, end: Position, share: int
    ) -> Position | None:
        """Return the last position that the bytes allow; None where the records are gone."""
        upto = after
        while share > 0 and (upto is None or upto < end):
            batch = read_on(self._log, partition, upto, min(share, READ_BYTES), end)
            if not len(batch):
                break
            share -= max(1, len(batch.values.blob))
            upto = batch.upto
        return upto if upto != after else None


def _key(feed: Feed, partition: Partition) -> str:
    return f"{feed.key}/{partition.number}"
