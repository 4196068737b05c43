"""A table's tail: the rows of the log's records that stage stream has still to commit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import msgspec
from duckdb import DuckDBPyConnection

from pinlake.engine import inputs, records, routing
from pinlake.engine.inputs import Fetched, Keys
from pinlake.engine.routes import Feed, Routes, ends
from pinlake.engine.tail_rows import Firsts, TailRows
from pinlake.engine.values import Values, joined
from pinlake.errors import FreshRefused, LogExchanged, TableBroken
from pinlake.lake import commits, tables
from pinlake.lake.progress import Plan, Plans, is_of_query
from pinlake.lake.store import Lake
from pinlake.lake.tables import Snapshot
from pinlake.log.base import LogReader, Position, is_untold

TRIES = 100
"""A reader tries again where a commit came between two looks: a few a second at most do."""
MOST_COMMITS, MOST_ROWS = 240, 100_000
"""How far a base may be behind before the newest version is the next: two minutes of commits."""

Positions = Mapping[tuple[Feed, int], Position]
"""The last position that counts of each partition of each feed."""


class Base(msgspec.Struct, frozen=True):
    """A table at one version, and up to where of the log its commits have come there."""

    snapshot: Snapshot | None
    upto: Positions

    @property
    def version(self) -> int:
        """The version; -1 where there is no table yet."""
        return self.snapshot.version if self.snapshot else -1


class Looked(msgspec.Struct, frozen=True):
    """What a look found: a version (None: no table yet), and a SELECT of the rows beyond it.

    ``select`` is None where the log holds no record beyond, and good as long as ``rows`` is there.
    """

    snapshot: Snapshot | None
    select: str | None
    rows: TailRows


class Tail:
    """The rows that a table will get, decoded, cleaned and one a key as stage stream does it.

    A look costs what came since the last one: it goes on from the version that the
    first one found, its base, since the records of later commits are the log's too.
    A commit that is not the stage's (an erasure, another writer's) is a reason for a
    new base, and so is one that is far behind. Not for several threads.
    ``connection`` has the words of cleaning.
    """

    def __init__(
        self, connection: DuckDBPyConnection, lake: Lake, log: LogReader, route: Routes, spill: Path
    ) -> None:
        self.connection, self._lake, self._log, self.route = connection, lake, log, route
        self.output = f"stream/{route.table.name}"
        self._plans = Plans(lake, "stream", route.table.name)
        self._firsts: Firsts | None = None
        if not route.table.generic:
            self._firsts = Firsts(connection, lake, route.table, self.output, spill)
        self._base: Base | None = None
        self._rows = TailRows(connection)
        self._read: dict[tuple[Feed, int], Position] = {}
        self._known = -1
        self._odd = False

    def look(self) -> Looked:
        """Return a version and the rows beyond it.

        Every record acknowledged before the call is in one of the two, and no row is
        in both; rows that belong into quarantine are in neither. Raises LogExchanged,
        RecordsGone, TableBroken.
        """
        upto = ends(self._log, self.route.feeds)
        for _ in range(TRIES):
            base = self._base
            if base is None or self._is_past(base):
                base = self._begin()
            self._take(upto)
            if self._firsts is None or self._firsts.version == base.version:
                return Looked(base.snapshot, self._select(), self._rows)
            self._base = None
        raise self._unsteady()

    def close(self) -> None:
        """Give back what is on disk. Idempotent."""
        if self._firsts:
            self._firsts.close()

    def _select(self) -> str | None:
        return self._rows.upto_now() if self._rows.chunk else None

    def _is_past(self, base: Base) -> bool:
        """Tell whether a base no longer serves."""
        head = tables.head(self._lake, self.output)
        if head is None or base.snapshot is None:
            return head is not None or base.snapshot is not None
        behind = head.version - base.version
        if head.table_id != base.snapshot.table_id or behind < 0:
            return True
        if behind > MOST_COMMITS or (behind and self._rows.count > MOST_ROWS):
            return True
        ours = all(self._is_ours(each) for each in range(self._known + 1, head.version + 1))
        self._known = head.version
        return not ours

    def _is_ours(self, version: int) -> bool:
        """Tell whether a commit has rows of the log alone, or none."""
        try:
            record = commits.read(self._lake, self.output, version)
        except TableBroken:
            return False
        rewrites = record.facts.get("operation") == "OPTIMIZE"
        return not record.changes_table and (rewrites or self._app_id in record.committed)

    @property
    def _app_id(self) -> str:
        return f"stream/{self.route.table.name}"

    def _begin(self) -> Base:
        """Take the newest version as the base, with the keys of this very version."""
        self._base = None
        for _ in range(TRIES):
            base = self._committed()
            if self._firsts is None or self._firsts.begin() == base.version:
                self._base, self._known = base, base.version
                self._read, self._rows = dict(base.upto), TailRows(self.connection)
                return base
        raise self._unsteady()

    def _committed(self) -> Base:
        """Return a version and what is in it: the transaction is of this very version."""
        for _ in range(TRIES):
            number = tables.committed(self._lake, self.output, self._app_id)
            snapshot = tables.snapshot(self._lake, self.output)
            latest = self._plans.latest()
            same = tables.committed(self._lake, self.output, self._app_id) == number
            planned = latest.number if latest else 0
            if same and planned - (number or 0) in {0, 1}:
                return Base(snapshot, self._positions(latest, done=planned == (number or 0)))
        reason = f"its log is at number {number}, its plans are at {planned}; rebuild the table"
        raise TableBroken(table=self.output, reason=reason)

    def _unsteady(self) -> TableBroken:
        return TableBroken(table=self.output, reason="it changes faster than it can be read")

    def _positions(self, plan: Plan | None, *, done: bool) -> Positions:
        """Return up to where a plan goes, or, not ``done``, the one before it."""
        if is_of_query(plan):
            reason = f"a streaming query feeds {self.output}, and no log tells how far it has come"
            raise FreshRefused(reason=reason)
        found: dict[tuple[Feed, int], Position] = {}
        feeds = {feed.key: feed for feed in self.route.feeds}
        for key, each in plan.ranges.items() if plan else ():
            feed, _, number = key.rpartition("/")
            if feed in feeds:
                self._check_log(feeds[feed], key, each.log)
                upto = each.upto if done else each.after
                if upto is not None:
                    found[feeds[feed], int(number)] = upto
        return found

    def _check_log(self, feed: Feed, partition: str, planned: str) -> None:
        found = self._log.log_id(feed.log_name)
        if found != planned:
            raise LogExchanged(
                stage="stream",
                name=self.route.table.name,
                partition=partition,
                planned=planned,
                found=found,
            )

    def _take(self, upto: Positions) -> None:
        """Take the records that no look has taken yet."""
        for partition, end in sorted(upto.items()):
            feed, number = partition
            after = self._read.get(partition)
            if after is None or after < end:
                for fetched in inputs.read_log(self._log, [feed.range(number, after, end)]):
                    self._decode(fetched)
                    self._read[partition] = fetched.upto
                if not is_untold(end):
                    self._read[partition] = end

    def _decode(self, fetched: Fetched) -> None:
        """Add records' rows, as the table would get them."""
        table = self.route.table
        taken = joined(routing.taken(self.connection, [fetched]))
        if table.generic:
            decoded = records.decode(self.connection, table, taken, records.as_read)
            self.connection.register("keys", Keys([fetched.keys]))
            self._keep(decoded.values, of_stream=True)
        elif not self._hoped(taken):
            decoded = records.decode(self.connection, table, taken, records.as_read)
            self._odd = decoded.values is not taken
            self._keep(decoded.values)

    def _hoped(self, taken: Values) -> bool:
        """Add records that are all plain, or none of them and tell that some are odd."""
        if self._odd:
            return False
        try:
            self._keep(taken, checked=True)
        except (duckdb.Error, UnicodeDecodeError) as failure:
            if not records.is_odd(failure):
                raise
            return False
        return True

    def _keep(self, values: Values, *, of_stream: bool = False, checked: bool = False) -> None:
        table = self.route.table
        records.keep(
            self.connection, "_decoded", table, values, of_stream=of_stream, checked=checked
        )
        found = self._firsts.of("_decoded", self._rows) if self._firsts else "FROM _decoded"
        self._rows.add(self.connection, found)
