"""Fresh answers: stream tables as they are, and the rows that the log holds beyond them."""

from __future__ import annotations

import contextlib
import itertools
import threading
import weakref
from collections.abc import Mapping
from contextlib import ExitStack, closing

import duckdb

from pinlake.dataset import Dataset
from pinlake.engine import functions
from pinlake.engine.routes import Routes, routes
from pinlake.engine.statements import name as name_of
from pinlake.engine.tail import Tail
from pinlake.engine.tail_rows import TailRows
from pinlake.errors import TableMissing
from pinlake.lake import tables
from pinlake.lake.store import Lake
from pinlake.lake.tables import Snapshot
from pinlake.log.open import fed_reader_of
from pinlake.query import session
from pinlake.query.segments import Segment, Segments, union
from pinlake.query.statement import Reference
from pinlake.record import Kind
from pinlake.settings import Home
from pinlake.table import UNROUTED

FOLDER = "stream/"


class FreshTables:
    """The stream tables with their tails, for one question after another.

    One DuckDB keeps what was decoded, the keys and the files' footers, so that a
    question costs what is new since the last one. Safe to use from any thread.
    Raises LogUnusable where there is no log.
    """

    def __init__(self, home: Home, dataset: Dataset, lake: Lake) -> None:
        self._home, self._dataset, self._lake = home, dataset, lake
        self._lock = threading.Lock()
        self._tails: dict[str, Tail] = {}
        self._segments: dict[str, Segments] = {}
        self._moments = itertools.count(1)
        self._opened = ExitStack()
        self._log = self._opened.enter_context(closing(fed_reader_of(home)))
        self._spill = home.path / "cache" / "spill"
        self._connection = self._opened.enter_context(closing(self._open()))
        self.close = weakref.finalize(self, self._opened.close)

    def moment(self, fresh: Mapping[Reference, str], as_is: Mapping[Reference, Snapshot]) -> Moment:
        """Return what one question sees: tables that something feeds fresh, the others as they are.

        Raises what reading the tail does.
        """
        with self._lock:
            moment = Moment(self._connection, next(self._moments))
            for reference, table in fresh.items():
                moment.show(reference, self._fresh(moment, table))
            for reference, snapshot in as_is.items():
                table = f"{reference.schema}/{reference.name}"
                moment.show(reference, self._committed(moment, table, snapshot))
            return moment

    def feeds(self, table: str) -> bool:
        """Tell whether a stream (or a topic, by the settings) feeds a table, ``stream/pin``."""
        return self._route(table) is not None

    def _fresh(self, moment: Moment, table: str) -> str:
        """Return a SELECT of the rows of a table's newest version and of its tail."""
        found = self._tail(table).look()
        if found.snapshot is None and found.select is None:
            raise TableMissing(table=table, lake=self._lake.url, known=self._known())
        moment.holds.append(found.rows)
        parts = [found.select] if found.select else []
        if found.snapshot is not None:
            parts.append(self._committed(moment, table, found.snapshot))
        return " UNION ALL BY NAME ".join(reversed(parts))

    def _committed(self, moment: Moment, table: str, snapshot: Snapshot) -> str:
        segments = self._segments.setdefault(table, Segments(self._connection)).of(snapshot)
        moment.holds += segments
        return union(segments)

    def _known(self) -> str:
        return ", ".join(tables.names(self._lake)) or "none"

    def _tail(self, table: str) -> Tail:
        route = self._route(table)
        assert route is not None
        found = self._tails.get(route.table.name)
        if found is None:
            found = Tail(self._connection, self._lake, self._log, route, self._spill)
            self._tails[route.table.name] = found
            self._opened.callback(found.close)
        found.route = route
        return found

    def _route(self, table: str) -> Routes | None:
        topics = self._log.names(Kind.TOPIC) if self._home.settings.stream.topics else ()
        found = routes(self._dataset, self._log.names(Kind.STREAM), topics)
        wanted = table.removeprefix(FOLDER).casefold()
        named = (each for each in found if each.table.name != UNROUTED)
        return next((each for each in named if each.table.name.casefold() == wanted), None)

    def _open(self) -> duckdb.DuckDBPyConnection:
        connection = session.opened(self._lake, self._spill)
        connection.execute("SET parquet_metadata_cache = true")
        functions.define(connection, self._dataset.functions_sql)
        return connection


class Moment:
    """What one question sees, for as long as somebody holds it. Call it for a connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, number: int) -> None:
        self._name, self._base = f"moment_{number}", connection
        connection.execute(f"ATTACH ':memory:' AS {self._name}")
        weakref.finalize(self, _detach, connection.cursor(), self._name)
        self.connection = self()
        self.holds: list[Segment | TailRows] = []

    def __call__(self) -> duckdb.DuckDBPyConnection:
        """Return a new connection that sees it."""
        connection = self._base.cursor()
        connection.execute(f"USE {self._name}.main")
        return connection

    def show(self, reference: Reference, rows: str) -> None:
        """Make a SELECT's rows what a reference means."""
        schema = f"{self._name}.{reference.schema or 'main'}"
        self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        self.connection.execute(f"CREATE VIEW {schema}.{name_of(reference.name)} AS {rows}")


def _detach(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    with contextlib.suppress(duckdb.Error):
        connection.execute(f"DETACH {name}")
    connection.close()
