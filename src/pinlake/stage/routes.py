"""Which topics and streams feed which table of stage stream."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from pinlake.dataset import Dataset, Table
from pinlake.record import Kind, LogName, stream, topic

UNROUTED = "_unrouted"
"""The table of what no table's partition-key pattern takes in a shared stream.

A stream of this very name, that nobody claims, is the table ``stream:_unrouted``.
"""


class Feed(msgspec.Struct, frozen=True, order=True):
    """A topic or stream that feeds a table; ``takes`` and ``rivals`` are LogRange's."""

    log_name: LogName
    takes: str | None = None
    rivals: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What comes before ``/<partition>`` in a plan's ranges: topics are told from streams."""
        name = self.log_name.name
        return name if self.log_name.kind is Kind.STREAM else f"topic:{name}"


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


def _of_stream(dataset: Dataset, name: str) -> list[tuple[Table, Feed]]:
    claims = dataset.tables_of_stream(name)
    if not claims:
        return [(Table(name=f"stream:{name}" if name == UNROUTED else name), Feed(stream(name)))]
    patterns = tuple(sorted({takes for _, takes in claims if takes is not None}))
    feeds = [(table, _feed(name, takes, patterns)) for table, takes in claims]
    if all(takes is not None for _, takes in claims):
        feeds.append((Table(name=UNROUTED), Feed(stream(name), "", patterns)))
    return feeds


def _feed(name: str, takes: str | None, patterns: tuple[str, ...]) -> Feed:
    if takes is None:
        return Feed(stream(name))
    return Feed(stream(name), takes, tuple(each for each in patterns if each != takes))
