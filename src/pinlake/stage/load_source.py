"""Load from a source: what a table's ``from`` names, planned and read like objects."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from pinlake.dataset import Table
from pinlake.engine.base import Engine, Given, Outcome, Step, Taken
from pinlake.engine.decode import Reject
from pinlake.engine.quarantine import Rejected
from pinlake.engine.values import Part, Source
from pinlake.lake.progress import Plan, Range
from pinlake.source.feed import Feed, Records, Stretch, Unit, open_feed
from pinlake.stage.worker import Planned

SOURCE_BYTES = 4 * 1024 * 1024
"""What one plan takes at most: its records are in memory, at about 40 times a CSV file's bytes."""


class SourceLoad:
    """Plans which stretches of its source a raw table takes next, and has them committed.

    A stretch is a range ``<kind>:<piece>/0`` of a plan; its fingerprint stands where
    the log's identity does, and no topic's name has a colon.
    """

    def __init__(self, table: Table, folder: Path, source_url: str, plan_bytes: int) -> None:
        self._table, self._plan_bytes = table, min(plan_bytes, SOURCE_BYTES)
        self._feed = open_feed(table, folder, source_url)
        self._ends: Mapping[str, int] | None = None

    def fix_end(self) -> None:
        """Take what is there now."""
        self._ends = self._feed.ends()

    def next(self, latest: Plan | None) -> Planned | None:
        """Return the plan of what no plan has, up to about ``plan_bytes``."""
        ends = self._feed.ends() if self._ends is None else self._ends
        taken, more = self._fitting(latest, ends)
        if not taken:
            return None
        return Planned(self._following(latest, taken), more=more)

    def run(self, engine: Engine, plan: Plan) -> Outcome:
        """Have the engine commit the rows of a plan's stretches; what is done is not read."""
        given = Given(lambda: self._read(self._stretches(plan)))
        return engine.run(Step("load", self._table, plan.number, given))

    def _fitting(self, latest: Plan | None, ends: Mapping[str, int]) -> tuple[list[Stretch], bool]:
        """Return the next stretches, and whether there is more than they take."""
        taken: list[Stretch] = []
        left = self._plan_bytes
        for piece, end in ends.items():
            stretch = self._feed.next(piece, end, self._done(latest, piece), self._plan_bytes)
            if stretch is None:
                continue
            if taken and stretch.size > left:
                return taken, True
            taken.append(stretch)
            left -= stretch.size
            if stretch.upto < end:
                return taken, True
        return taken, False

    def _done(self, latest: Plan | None, piece: str) -> Stretch | None:
        done = latest.ranges.get(_key(self._feed, piece)) if latest else None
        return Stretch(piece, done.log, done.after, done.upto) if done else None

    def _following(self, latest: Plan | None, taken: Iterable[Stretch]) -> Plan:
        ranges = {
            key: Range(each.log, each.upto, each.upto)
            for key, each in (latest.ranges.items() if latest else ())
        }
        for each in taken:
            ranges[_key(self._feed, each.piece)] = Range(each.fingerprint, each.after, each.upto)
        return Plan(latest.number + 1 if latest else 1, ranges)

    def _stretches(self, plan: Plan) -> list[Stretch]:
        mark = f"{self._feed.kind}:"
        return [
            Stretch(key.removeprefix(mark).removesuffix("/0"), each.log, each.after, each.upto)
            for key, each in plan.ranges.items()
            if key.startswith(mark) and each.after != each.upto
        ]

    def _read(self, stretches: Sequence[Stretch]) -> Taken:
        read = {f"{self._feed.kind}:{each.piece}": self._feed.read(each) for each in stretches}

        def as_sent(source: Source, place: int) -> bytes | None:
            original = read[source.topic].as_sent
            return original(place) if original else None

        return Taken(
            tuple(_part(name, records) for name, records in read.items()),
            tuple(each for name, records in read.items() for each in _rejected(name, records)),
            as_sent,
        )


class Behind(msgspec.Struct, frozen=True):
    """How far a table's load is behind its source."""

    count: int
    unit: Unit


def behind(table: Table, folder: Path, source_url: str, latest: Plan | None) -> Behind:
    """Count the files, or the rows, that no plan has taken. Raises SourceFailed."""
    feed = open_feed(table, folder, source_url)
    left = []
    for piece, end in feed.ends().items():
        done = latest.ranges.get(_key(feed, piece)) if latest else None
        left.append(end - (done.upto if done else _before(feed)))
    count = sum(left) if feed.unit == "rows" else sum(each > 0 for each in left)
    return Behind(max(0, count), feed.unit)


def _before(feed: Feed) -> int:
    """Return the position before the first: rows count from 0, bytes stand behind theirs."""
    return -1 if feed.unit == "rows" else 0


def _key(feed: Feed, piece: str) -> str:
    return f"{feed.kind}:{piece}/0"


def _part(name: str, records: Records) -> Part:
    lengths = array("i", map(len, records.values))
    return Part(Source(name, 0), records.places, lengths, b"".join(records.values))


def _rejected(name: str, records: Records) -> list[Rejected]:
    return [
        Rejected(Source(name, 0), each.place, Reject(0, each.reason, each.content))
        for each in records.broken
    ]
