"""Tables from the source database: its rows, in order, and those that come behind them."""

from __future__ import annotations

import base64
import hashlib
import json
from array import array
from collections.abc import Iterator
from itertools import islice
from typing import Any

from pinlake.errors import SourceChanged
from pinlake.source.connection import shown_url
from pinlake.source.database import DatabaseSource
from pinlake.source.feed import Records, Stretch, Unit

STRETCH_ROWS = 50_000
"""Rows of one commit at most."""


class DatabaseFeed:
    """One table of the source database, which is the one piece; a place is a row's offset.

    The table is read in the order of its primary key. Rows that are added behind its
    end are picked up; where rows before it moved, the next look says SourceChanged.
    """

    kind = "database"
    unit: Unit = "rows"

    def __init__(self, table: str, source_url: str) -> None:
        self._table, self._url = table, source_url
        self._planned: tuple[Stretch, list[bytes]] | None = None

    def ends(self) -> dict[str, int]:
        """Return the table with the offset of its last row."""
        with DatabaseSource(self._url) as source:
            return {self._table: source.count(self._table) - 1}

    def next(self, piece: str, end: int, done: Stretch | None, size: int) -> Stretch | None:
        """Return the rows behind those that were read, as many as go into one commit."""
        after = done.upto if done else -1
        if done:
            self._still_there(done, end)
        if after >= end:
            return None
        upto = min(end, after + STRETCH_ROWS)
        values = self._rows(after, upto)
        first = done.upto if done else None
        stretch = Stretch(piece, _fingerprint(values), first, upto, sum(map(len, values)))
        self._planned = stretch, values
        return stretch

    def read(self, stretch: Stretch) -> Records:
        """Return the rows of a stretch: those just planned, else read anew and compared."""
        known, self._planned = self._planned, None
        after = -1 if stretch.after is None else stretch.after
        if known and known[0].fingerprint == stretch.fingerprint:
            values = known[1]
        else:
            values = self._rows(after, stretch.upto)
        if _fingerprint(values) != stretch.fingerprint:
            self._changed(f"rows {after + 1} to {stretch.upto} are others")
        return Records(array("q", range(after + 1, stretch.upto + 1)), values)

    def close(self) -> None:
        """Forget what was planned."""
        self._planned = None

    def _still_there(self, done: Stretch, end: int) -> None:
        last = self._rows(done.upto - 1, done.upto) if done.upto <= end else []
        if _digest(last) != done.fingerprint.partition(":")[2]:
            self._changed(f"row {done.upto} is another or gone")

    def _changed(self, reason: str) -> None:
        name = f"{self._table} of {shown_url(self._url)}"
        raise SourceChanged(name=name, reason=reason)

    def _rows(self, after: int, upto: int) -> list[bytes]:
        with DatabaseSource(self._url) as source:
            return list(islice(_encoded(source, self._table, after + 1), upto - after))


def _encoded(source: DatabaseSource, table: str, first: int) -> Iterator[bytes]:
    for row in source.rows(table, first):
        text = json.dumps(row, default=_text, ensure_ascii=False, separators=(",", ":"))
        yield text.encode("utf-8", "surrogatepass")


def _text(value: Any) -> str:
    """Return what JSON has no word for: times and decimals as text, bytes as base64."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _fingerprint(values: list[bytes]) -> str:
    """Return the digest of all rows and of the last one, by which later looks know it."""
    return f"{_digest(values)}:{_digest(values[-1:])}"


def _digest(values: list[bytes]) -> str:
    return hashlib.sha256(b"\n".join(values)).hexdigest()[:32]
