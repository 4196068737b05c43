"""Which topics and streams feed which table of stage stream."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from pinlake.dataset import Dataset, Table
from pinlake.engine.base import LogRange
from pinlake.errors import TopicUnknown
from pinlake.log.base import LogReader, PartitionState, Position
from pinlake.record import LogName, Partition, stream, topic
from pinlake.table import UNROUTED, unclaimed


class Feed(msgspec.Struct, frozen=True, order=True):
    """A topic or stream that feeds a table; ``takes`` and ``rivals`` are LogRange's."""

    log_name: LogName
    takes: str | None = None
    rivals: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What comes before ``/<partition>`` in a plan's ranges: topics are told from streams."""
        return self.log_name.key

    def range(self, number: int, after: Position | None, upto: Position) -> LogRange:
        """Return the records of one of its partitions that are the table's."""
        return LogRange(Partition(self.log_name, number), after, upto, self.takes, self.rivals)


class Routes(msgspec.Struct, frozen=True):
    """A table and what feeds it, in order."""

    table: Table
    feeds: tuple[Feed, ...]


def routes(dataset: Dataset, streams: Iterable[str], topics: Iterable[str] = ()) -> list[Routes]:
    """Return every table that these streams and topics feed, by name.

    A stream that no table claims is a table itself; topics count where a table
    claims them.
    """
    found: dict[str, tuple[Table, list[Feed]]] = {}
    for name in streams:
        for table, feed in _of_stream(dataset, name):
            found.setdefault(table.name, (table, []))[1].append(feed)
    for name in topics:
        if claimed := dataset.table_of_topic(name):
            found.setdefault(claimed.name, (claimed, []))[1].append(Feed(topic(name)))
    return [Routes(table, tuple(sorted(feeds))) for _, (table, feeds) in sorted(found.items())]


def ends(log: LogReader, feeds: Iterable[Feed]) -> dict[tuple[Feed, int], Position]:
    """Return the last position of each partition that holds records, or an untold one."""
    return {place: state.end - 1 for place, state in held(log, feeds).items()}


def held(log: LogReader, feeds: Iterable[Feed]) -> dict[tuple[Feed, int], PartitionState]:
    """Return the partitions that hold records, or may do so."""
    found = {}
    for feed in feeds:
        try:
            state = log.describe(feed.log_name)
        except TopicUnknown:
            continue
        for each in state.partitions:
            if each.end > each.beginning:
                found[feed, each.number] = each
    return found


def _of_stream(dataset: Dataset, name: str) -> list[tuple[Table, Feed]]:
    claims = dataset.tables_of_stream(name)
    if not claims:
        return [(unclaimed(stream(name)), Feed(stream(name)))]
    patterns = tuple(sorted({takes for _, takes in claims if takes is not None}))
    feeds = [(table, _feed(name, takes, patterns)) for table, takes in claims]
    if all(takes is not None for _, takes in claims):
        feeds.append((Table(name=UNROUTED), Feed(stream(name), "", patterns)))
    return feeds


def _feed(name: str, takes: str | None, patterns: tuple[str, ...]) -> Feed:
    if takes is None:
        return Feed(stream(name))
    return Feed(stream(name), takes, tuple(each for each in patterns if each != takes))
