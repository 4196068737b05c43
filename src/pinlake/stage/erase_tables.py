"""Erasing the rows of one key from a table's raw, cleaned and quarantined rows."""

from __future__ import annotations

from collections.abc import Sequence

from duckdb import DuckDBPyConnection

from pinlake.engine import quarantine
from pinlake.engine.decode import Reject
from pinlake.engine.erasure import ERASED_REASON, Finder, Place
from pinlake.engine.quarantine import Rejected
from pinlake.engine.statements import literal, name, statements
from pinlake.engine.values import Source
from pinlake.lake import erase, tables
from pinlake.lake.store import Lake

STAGES = ("load", "clean", "stream")


class TableEraser:
    """Deletes a key's rows, table by table; in quarantine a row stands for each that is gone.

    The caller is the one writer of all these tables. ``unreadable`` counts the
    quarantined values that are no JSON: whose they are cannot be told.
    """

    def __init__(self, connection: DuckDBPyConnection, lake: Lake, finder: Finder) -> None:
        self.connection, self.lake, self.finder = connection, lake, finder
        self.unreadable = 0
        head = tables.head(lake, f"raw/{finder.table.name}")
        self._raw_since = head.version + 1 if head else None
        """Clean has passed what is there now; it follows the commits of the erasure next."""

    def raw(self) -> int:
        """Delete the raw rows, once quarantine says of each that it was erased."""
        table = f"raw/{self.finder.table.name}"
        snapshot = tables.snapshot(self.lake, table)
        if snapshot is None:
            return 0
        places = self.finder.in_rows(tables.read(self.connection, snapshot))
        self._mark("load", places)
        return erase.delete(self.lake, table, [_raw_row(each) for each in places])

    def cleaned(self, folder: str) -> int:
        """Delete the rows of the cleaned table in a folder, ``clean`` or ``stream``."""
        table = f"{folder}/{self.finder.table.name}"
        snapshot = tables.snapshot(self.lake, table)
        if snapshot is None or not snapshot.files:
            return 0
        key, wanted = name(self.finder.table.key or ""), literal(self.finder.key)
        return erase.delete(self.lake, table, [f"CAST({key} AS VARCHAR) = {wanted}"])

    def refused(self, stage: str) -> int:
        """Delete the key's quarantined values of a stage; rows without bytes take their places."""
        table = f"quarantine/{stage}/{self.finder.table.name}"
        rows = self._rows(table, "refused")
        self.unreadable += sum(self.finder.unreadable(content) for *_, content in rows)
        places = [
            Place(source, int(partition), int(position), element)
            for source, partition, position, element, content in rows
            if self.finder.holds(content)
        ]
        self._mark(stage, places)
        return erase.delete(self.lake, table, [_refused_row(each) for each in places])

    def forget_past(self) -> None:
        """Leave nothing on disk of any version but the newest."""
        name = self.finder.table.name
        erase.forget_past(self.lake, f"raw/{name}", self._raw_since)
        for folder in ("clean", "stream", *(f"quarantine/{stage}" for stage in STAGES)):
            erase.forget_past(self.lake, f"{folder}/{name}")

    def _mark(self, stage: str, places: Sequence[Place]) -> None:
        """Say in quarantine of each place that it was erased, unless that stands there already."""
        table = f"quarantine/{stage}/{self.finder.table.name}"
        known = {
            Place(source, int(partition), int(position), element)
            for source, partition, position, element, _ in self._rows(table, "erased")
        }
        new = [
            Rejected(
                Source(each.source, each.partition),
                each.position,
                Reject(each.element, ERASED_REASON, b""),
            )
            for each in places
            if each not in known
        ]
        if new:
            erase.commit(self.lake, table, quarantine.SCHEMA, quarantine.Rows(new), len(new))

    def _rows(self, table: str, statement: str) -> list[tuple[str, str, str, int, bytes]]:
        snapshot = tables.snapshot(self.lake, table)
        if snapshot is None:
            return []
        tables.read(self.connection, snapshot).create_view("refused", replace=True)
        query = statements("erasure.sql")[statement]
        return self.connection.execute(query, [ERASED_REASON]).fetchall()


def _raw_row(place: Place) -> str:
    return (
        f"_topic = {literal(place.source)} AND _partition = {place.partition} "
        f"AND _offset = {place.position} AND _element = {place.element}"
    )


def _refused_row(place: Place) -> str:
    return (
        f"topic = {literal(place.source)} AND partition = '{place.partition}' "
        f"AND position = '{place.position}' AND element = {place.element} "
        f"AND reason <> {literal(ERASED_REASON)}"
    )
