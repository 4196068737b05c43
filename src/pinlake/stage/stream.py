"""Stream: ranges of the log become rows of the stream tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pinlake.dataset import Dataset, Table
from pinlake.engine.base import Engine, LogRange, LogRanges, Step
from pinlake.engine.routes import Feed, Routes, held, routes
from pinlake.errors import PartitionGone, QueryExchanged
from pinlake.lake.progress import CHECKPOINT, Plan, Range, is_of_query
from pinlake.log.base import LogReader, PartitionState, Position, is_untold
from pinlake.log.reading import beyond_loss, read_on
from pinlake.record import Kind, Partition
from pinlake.stage.worker import (
    Planned,
    Wanted,
    Work,
    check_log,
    everything,
    rebuilding,
    work_of,
)

READ_BYTES = 8 * 1024 * 1024

Place = tuple[Feed, int]
"""A partition of what feeds a table."""


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
        self._end: Mapping[Place, PartitionState] | None = None

    def fix_end(self) -> None:
        """Take the records that are there now."""
        self._end = held(self._log, self.feeds)

    def next(self, latest: Plan | None) -> Planned | None:
        """Return the plan of the oldest records that no plan has, up to about ``plan_bytes``."""
        if latest and is_of_query(latest):
            query = latest.ranges[CHECKPOINT].log
            raise QueryExchanged(name=self.name, query=query, do=rebuilding(self.name))
        logs = {
            feed.key: check_log(self._log, feed.log_name, self, feed.key, latest)
            for feed in self.feeds
        }
        there = held(self._log, self.feeds) if self._end is None else self._end
        done = latest.ranges if latest else {}
        check_still_there(there, done)
        ranges = {
            key: Range(each.log, each.upto, each.upto, each.ended) for key, each in done.items()
        }
        more = self._take(there, ranges, logs)
        if not _has_news(ranges, done):
            return None
        return Planned(Plan(latest.number + 1 if latest else 1, ranges), more)

    def run(self, plan: Plan) -> Work:
        """Have the engine commit the records' rows; a streaming query's plan is its own to run."""
        if is_of_query(plan):
            return Work(plan.number, found_done=True)
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

    def _take(
        self,
        there: Mapping[Place, PartitionState],
        ranges: dict[str, Range],
        logs: Mapping[str, str],
    ) -> bool:
        """Put what is new into the ranges, parents before children; tell whether there is more."""
        news = self._news(there, ranges)
        share = max(1, self._plan_bytes // max(1, len(news)))
        left = {place for place in there if not _is_ended(ranges, place)}
        more = False
        for (feed, number), after in news.items():
            place, state = (feed, number), there[feed, number]
            if any((feed, parent) in left for parent in state.parents):
                more = True
                continue
            partition = Partition(feed.log_name, number)
            upto, cut = self._fitting(partition, after, state.end - 1, share)
            ended = state.closed and is_untold(state.end) and not cut
            left -= {place} if ended else set()
            more = more or cut
            last = after if upto is None else upto
            if last is not None:
                ranges[key_of(place)] = Range(logs[feed.key], after, last, ended)
        return more

    def _news(
        self, there: Mapping[Place, PartitionState], done: Mapping[str, Range]
    ) -> dict[Place, Position | None]:
        """Return the partitions that may have records that no plan has, and after which."""
        news: dict[Place, Position | None] = {}
        for place, state in sorted(there.items(), key=lambda each: each[0]):
            planned = done.get(key_of(place))
            after = planned.upto if planned else None
            if self._accept_loss:
                after = beyond_loss(self._log, Partition(place[0].log_name, place[1]), after)
            if after is None or (after < state.end - 1 and not (planned and planned.ended)):
                news[place] = after
        return news

    def _fitting(
        self, partition: Partition, after: Position | None, end: Position, share: int
    ) -> tuple[Position | None, bool]:
        """Return the last position that the bytes allow, and whether they cut off what follows.

        None where there are no records, or they are gone.
        """
        upto = after
        while upto is None or upto < end:
            if share <= 0:
                return upto, True
            batch = read_on(self._log, partition, upto, min(share, READ_BYTES), end)
            if not len(batch):
                break
            share -= max(1, len(batch.values.blob))
            upto = batch.upto
        return (upto if upto != after else None), False


def key_of(place: Place) -> str:
    """Return a partition's key in a plan's ranges."""
    feed, number = place
    return f"{feed.key}/{number}"


def check_still_there(there: Mapping[Place, PartitionState], planned: Mapping[str, Range]) -> None:
    """Raise PartitionGone where a log of untold ends lost a partition that was not read whole."""
    untold = {feed for (feed, _), state in there.items() if is_untold(state.end)}
    keys = {key_of(place) for place in there}
    for feed in untold:
        for key, each in planned.items():
            if key.rpartition("/")[0] == feed.key and key not in keys and not each.ended:
                raise PartitionGone(partition=key)


def _has_news(ranges: Mapping[str, Range], done: Mapping[str, Range]) -> bool:
    """Tell whether ranges hold records, or tell of a partition for the first time that it ended."""
    return any(
        each.after != each.upto or (each.ended and not done[key].ended)
        for key, each in ranges.items()
    )


def _is_ended(ranges: Mapping[str, Range], place: Place) -> bool:
    return key_of(place) in ranges and ranges[key_of(place)].ended
