"""A table's tail: the rows of the log's records that stage stream has still to commit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import msgspec
from duckdb import DuckDBPyConnection, DuckDBPyRelation

from pinlake.engine import inputs, records, routing
from pinlake.engine.cleaning import Cleaning
from pinlake.engine.inputs import Fetched, Keys
from pinlake.engine.routes import Feed, Routes, ends
from pinlake.engine.statements import name, statements
from pinlake.engine.values import Values, joined
from pinlake.errors import LogExchanged, TableBroken
from pinlake.lake import tables
from pinlake.lake.progress import Plan, Plans
from pinlake.lake.store import Lake
from pinlake.lake.tables import Snapshot
from pinlake.log.base import LogReader, Position

TRIES = 100
"""A reader tries again where a commit came between two looks: a few a second at most do."""

Positions = Mapping[tuple[Feed, int], Position]
"""The last position that counts of each partition of each feed."""


class Committed(msgspec.Struct, frozen=True):
    """A table at one version, and up to where of the log its commits have come there."""

    snapshot: Snapshot | None
    upto: Positions


class CleanedOnce(Cleaning):
    """A table's cleaning that takes rows cleaned before, so that none is at every look."""

    def over(self, cleaned: str) -> CleanedOnce:
        """Take rows from a table that ``cleaned`` has filled."""
        self._to_clean, self._cleaned = self._cleaned, f"FROM {cleaned}"
        return self

    def cleaned(self, batch: str) -> str:
        """Return a SELECT of a table's rows with their provenance, those that have a key."""
        self.connection.table(batch).create_view(self.table.name, replace=True)
        return f"FROM ({self._to_clean}) WHERE {name(self.table.key)} IS NOT NULL"


class Looked(msgspec.Struct, frozen=True):
    """What a look found: the version that the tail follows (None: no table yet).

    ``tail`` False: the log never held a record beyond it, so no table was made.
    """

    snapshot: Snapshot | None
    tail: bool


class Tail:
    """The rows that a table will get, decoded, cleaned and one a key as stage stream does it.

    What was decoded stays for the next look, until a commit holds it. Not for
    several threads. ``connection`` has the words of cleaning.
    """

    def __init__(
        self, connection: DuckDBPyConnection, lake: Lake, log: LogReader, route: Routes, spill: Path
    ) -> None:
        self.connection, self._lake, self._log, self.route = connection, lake, log, route
        self.output = f"stream/{route.table.name}"
        self._plans = Plans(lake, "stream", route.table.name)
        self._batch = name(f"_tail of {route.table.name}")
        self._cleaning: CleanedOnce | None = None
        if not route.table.generic:
            made = CleanedOnce(connection, lake, route.table, self.output, spill)
            self._cleaning = made.over(self._batch)
        self._read: dict[tuple[Feed, int], Position] = {}
        self._forgotten: dict[tuple[Feed, int], Position] = {}
        self._committed_before: Committed | None = None
        self._there = self._odd = False

    def look(self, target: str) -> Looked:
        """Make the table ``target`` of the tail's rows, and return the version they follow.

        Every record acknowledged before the call is in one of the two, and no row is
        in both; rows that belong into quarantine are in neither. Raises LogExchanged,
        RecordsGone, TableBroken.
        """
        upto = ends(self._log, self.route.feeds)
        for _ in range(TRIES):
            committed = self._committed()
            self._check_rebuilt(committed)
            self._forget(committed.upto)
            self._take(committed.upto, upto)
            self._write(target)
            if self._stands(committed.snapshot):
                return Looked(committed.snapshot, self._there)
        raise TableBroken(table=self.output, reason="it changes faster than it can be read")

    def close(self) -> None:
        """Give back what is on disk. Idempotent."""
        if self._cleaning:
            self._cleaning.close()

    def _committed(self) -> Committed:
        """Return a version and what is in it: the transaction is of this very version."""
        app_id = f"stream/{self.route.table.name}"
        for _ in range(TRIES):
            number = tables.committed(self._lake, self.output, app_id)
            snapshot = tables.snapshot(self._lake, self.output)
            latest = self._plans.latest()
            same = tables.committed(self._lake, self.output, app_id) == number
            planned = latest.number if latest else 0
            if same and planned - (number or 0) in {0, 1}:
                return Committed(snapshot, self._positions(latest, done=planned == (number or 0)))
        reason = f"its log is at number {number}, its plans are at {planned}; rebuild the table"
        raise TableBroken(table=self.output, reason=reason)

    def _positions(self, plan: Plan | None, *, done: bool) -> Positions:
        """Return up to where a plan goes, or, not ``done``, the one before it."""
        found: dict[tuple[Feed, int], Position] = {}
        feeds = {feed.key: feed for feed in self.route.feeds}
        for key, each in plan.ranges.items() if plan else ():
            name, _, number = key.rpartition("/")
            if name in feeds:
                self._check_log(feeds[name], key, each.log)
                upto = each.upto if done else each.after
                if upto is not None:
                    found[feeds[name], int(number)] = upto
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

    def _stands(self, snapshot: Snapshot | None) -> bool:
        """Tell whether a version is still the newest, so that the key index knew no later one."""
        head = tables.head(self._lake, self.output)
        if head is None or snapshot is None:
            return head is None and snapshot is None
        return (head.table_id, head.version) == (snapshot.table_id, snapshot.version)

    def _check_rebuilt(self, now: Committed) -> None:
        """Begin again where the table was: what it will take anew was forgotten."""
        before, self._committed_before = self._committed_before, now
        if before is None or (before.snapshot is None and not before.upto):
            return
        same = before.snapshot is None or (
            now.snapshot is not None and before.snapshot.table_id == now.snapshot.table_id
        )
        if same and all(now.upto.get(each, -1) >= upto for each, upto in before.upto.items()):
            return
        self.connection.execute(f"DROP TABLE IF EXISTS {self._batch}")
        self._read.clear()
        self._forgotten.clear()
        self._there = False

    def _forget(self, committed: Positions) -> None:
        """Drop the decoded rows that are committed."""
        for partition, upto in committed.items():
            if self._there and upto != self._forgotten.get(partition):
                feed, number = partition
                query = self._sql("forget_generic" if self.route.table.generic else "forget")
                self.connection.execute(query, {"f": feed.key, "n": number, "upto": upto})
            self._forgotten[partition] = upto
            self._read[partition] = max(upto, self._read.get(partition, upto))

    def _take(self, committed: Positions, upto: Positions) -> None:
        """Decode the records that no look has decoded yet."""
        for partition, end in sorted(upto.items()):
            feed, number = partition
            after = self._read.get(partition)
            if after is None or after < end:
                for fetched in inputs.read_log(self._log, [feed.range(number, after, end)]):
                    self._decode(fetched)
                self._read[partition] = end

    def _decode(self, fetched: Fetched) -> None:
        """Keep the rows of records: decoded and cleaned, where the table has cleaning."""
        table = self.route.table
        taken = joined(routing.taken(self.connection, [fetched]))
        if table.generic:
            decoded = records.decode(self.connection, table, taken, records.as_read)
            self.connection.register("keys", Keys([fetched.keys]))
            self._keep(records.rows(self.connection, table, decoded.values, of_stream=True))
        elif not self._hoped(taken):
            decoded = records.decode(self.connection, table, taken, records.as_read)
            self._odd = decoded.values is not taken
            self._keep(records.rows(self.connection, table, decoded.values))

    def _hoped(self, taken: Values) -> bool:
        """Keep records that are all plain, or none of them and tell that some are odd."""
        if self._odd:
            return False
        try:
            self._keep(records.rows(self.connection, self.route.table, taken, checked=True))
        except duckdb.Error as failure:
            if not records.is_odd(failure):
                raise
            return False
        return True

    def _keep(self, rows: DuckDBPyRelation) -> None:
        self.connection.execute("DROP TABLE IF EXISTS _decoded")
        rows.create("_decoded")
        found = self._cleaning.cleaned("_decoded") if self._cleaning else "FROM _decoded"
        make = f"INSERT INTO {self._batch}" if self._there else f"CREATE TABLE {self._batch} AS"
        self.connection.execute(f"{make} {found}")
        self._there = True

    def _write(self, target: str) -> None:
        """Put the rows that the table would take into a table."""
        self.connection.execute(f"DROP TABLE IF EXISTS {target}")
        if not self._there:
            return
        batch = self.connection.table(self._batch)
        if self._cleaning is None:
            batch.create(target)
            return
        self._cleaning.take(batch)
        self._cleaning.rows().create(target)

    def _sql(self, statement: str) -> str:
        return statements("tail.sql")[statement].format(batch=self._batch)
