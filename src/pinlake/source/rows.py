"""Tables from the source database: its rows, in order, and those that come behind them."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from array import array
from datetime import timedelta
from decimal import Decimal
from typing import Any

from pinlake.errors import SourceChanged
from pinlake.source.base import Row
from pinlake.source.connection import shown_url
from pinlake.source.database import DatabaseSource
from pinlake.source.feed import Records, Stretch, Unit

STRETCH_ROWS = 50_000
"""Rows of one commit at most."""


class DatabaseFeed:
    """One table of the source database, which is the one piece; a place is a row's offset.

    The table is read in the order of its primary key, by ranges of it. Rows that are
    added behind its end are picked up; where rows before it moved, the next look says
    SourceChanged.
    """

    kind = "database"
    unit: Unit = "rows"

    def __init__(self, table: str, source_url: str) -> None:
        self._table, self._url = table, source_url
        self._planned: tuple[Stretch, list[bytes]] | None = None
        self._source: DatabaseSource | None = None

    def ends(self) -> dict[str, int]:
        """Return the table with the offset of its last row."""
        with DatabaseSource(self._url) as source:
            return {self._table: source.count(self._table) - 1}

    def next(self, piece: str, end: int, done: Stretch | None, size: int) -> Stretch | None:
        """Return the rows behind those that were read, as many as go into one commit.

        The connection is kept from stretch to stretch, and closed where none is left
        or one could not be read.
        """
        try:
            stretch = self._next(piece, end, done, size)
        except Exception:
            self.close()
            raise
        if stretch is None:
            self.close()
        return stretch

    def _next(self, piece: str, end: int, done: Stretch | None, size: int) -> Stretch | None:
        after = done.upto if done else -1
        if done:
            self._still_there(done, end)
        if after >= end:
            return None
        values = self._rows(after, min(end, after + STRETCH_ROWS), size)
        if not values:
            self._changed(f"row {after + 1} is gone")
        upto = after + len(values)
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
        """Forget what was planned, and close the connection."""
        self._planned = None
        if self._source:
            self._source.close()
            self._source = None

    def _still_there(self, done: Stretch, end: int) -> None:
        last = self._rows(done.upto - 1, done.upto) if done.upto <= end else []
        if _digest(last) != done.fingerprint.partition(":")[2]:
            self._changed(f"row {done.upto} is another or gone")

    def _changed(self, reason: str) -> None:
        name = f"{self._table} of {shown_url(self._url)}"
        raise SourceChanged(name=name, reason=reason)

    def _rows(self, after: int, upto: int, size: int | None = None) -> list[bytes]:
        """Return the rows after .. upto as JSON: all, or about ``size`` bytes of them."""
        if self._source is None:
            self._source = DatabaseSource(self._url)
        found: list[bytes] = []
        left = size
        for row in self._source.stretch(self._table, after + 1, upto - after):
            found.append(_encoded(row))
            if left is not None and (left := left - len(found[-1])) <= 0:
                break
        return found


def _encoded(row: Row) -> bytes:
    try:
        text = _to_json(row)
    except ValueError:  # JSON has no word for NaN and the infinities
        text = _to_json(_finite(row))
    return text.encode("utf-8", "surrogatepass")


def _finite(value: Any) -> Any:
    """Return a value in which floats that are no numbers are text, as PostgreSQL writes them."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(Decimal(value))
    return value


def _text(value: Any) -> str:
    """Return what JSON has no word for: times and decimals as text, bytes as base64."""
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    return _duration(value) if isinstance(value, timedelta) else str(value)


def _duration(value: timedelta) -> str:
    """Return a TIME of MySQL, up to 838 hours of either sign, as MySQL writes it."""
    seconds = abs(value) // timedelta(seconds=1)
    micros = abs(value) % timedelta(seconds=1) // timedelta(microseconds=1)
    sign, fraction = "-" if value < timedelta() else "", f".{micros:06}" if micros else ""
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"


_to_json = json.JSONEncoder(
    default=_text, ensure_ascii=False, separators=(",", ":"), allow_nan=False
).encode


def _fingerprint(values: list[bytes]) -> str:
    """Return the digest of all rows and of the last one, by which later looks know it."""
    return f"{_digest(values)}:{_digest(values[-1:])}"


def _digest(values: list[bytes]) -> str:
    return hashlib.sha256(b"\n".join(values)).hexdigest()[:32]
