"""The seam to whatever holds the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

Row = dict[str, Any]
"""One row, its columns in the table's order, as the driver gives the values."""


class Source(Protocol):
    """Rows of named tables, each table in one fixed order.

    Offset n means the same row for as long as the table does not change, so a
    reader that stopped behind offset n goes on with ``rows(table, n + 1)`` and
    neither misses a row nor sees one twice. Memory does not grow with the table.
    Every method raises SourceFailed.
    """

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        ...

    def rows(self, table: str, first: int = 0) -> Iterator[Row]:
        """Yield the rows of a table from offset ``first`` to the end, in order."""
        ...

    def rows_at(self, table: str, offsets: Sequence[int]) -> list[Row]:
        """Return the rows at these offsets, one for each and in their order."""
        ...
