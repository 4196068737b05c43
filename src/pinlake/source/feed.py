"""The seam between load and whatever holds a table's rows: pieces, read in stretches."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from pinlake.table import DatabaseOrigin, FileOrigin, Table

Unit = Literal["files", "rows"]


class Stretch(msgspec.Struct, frozen=True):
    """after < position <= upto of one piece (after None: from its beginning).

    Positions are the source's own and ascend: bytes of a file, rows of a database's
    table. ``fingerprint`` tells what was there when the stretch was planned, ``size``
    about how many bytes it has.
    """

    piece: str
    fingerprint: str
    after: int | None
    upto: int
    size: int = 0


class Broken(msgspec.Struct, frozen=True):
    """What is no record of a source, and why: the quarantine's business."""

    place: int
    reason: str
    content: bytes


class Records(msgspec.Struct, frozen=True):
    """A stretch's records as JSON, in order, each with its place for a person to look at.

    ``as_sent`` gives the bytes that stood in the source at a place; None where the
    JSON itself did.
    """

    places: array[int]
    values: list[bytes]
    broken: tuple[Broken, ...] = ()
    as_sent: Callable[[int], bytes] | None = None


class Feed(Protocol):
    """What one table is loaded from. Not for several threads.

    A piece is a file, a database's table, a listing: something that has an order and
    an end. What was planned is read again after a crash, and is either the same,
    record for record, or SourceChanged. Every method raises SourceFailed.
    """

    kind: str
    """What goes before a piece's name in plans and ``_topic``: ``file``, ``database``."""
    unit: Unit
    """What a look at how far load is behind counts."""

    def ends(self) -> Mapping[str, int]:
        """Return each piece there is now with its last position, in the order of loading."""
        ...

    def next(self, piece: str, end: int, done: Stretch | None, size: int) -> Stretch | None:
        """Return what comes after ``done``, up to ``end`` and about ``size`` bytes, if anything.

        Raises SourceChanged where ``done`` is not there any more as it was read.
        """
        ...

    def read(self, stretch: Stretch) -> Records:
        """Return a stretch's records; raise SourceChanged where they are not as planned."""
        ...

    def close(self) -> None:
        """Release what the feed holds. Idempotent."""
        ...


def open_feed(table: Table, folder: Path, source_url: str) -> Feed:
    """Open what a table's ``from`` names: files below ``folder``, or a table of the database."""
    if isinstance(table.origin, FileOrigin):
        from pinlake.source.files import FileFeed

        return FileFeed(table.origin, folder, table.columns)
    assert isinstance(table.origin, DatabaseOrigin), f"{table.name} has no `from`"
    from pinlake.source.rows import DatabaseFeed

    return DatabaseFeed(table.source_table, source_url)
