"""Where the records of one key stand, and what is left of a record without them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec
from duckdb import DuckDBPyConnection, DuckDBPyRelation

from pinlake.dataset import Table
from pinlake.engine import dialect, records
from pinlake.engine.cleaning import PROVENANCE
from pinlake.engine.decode import Row, opened
from pinlake.engine.records import Sent
from pinlake.engine.statements import name, statements
from pinlake.engine.values import Part, joined

ERASED = b"null"
"""What stands where a record or an element of its list was: JSON that is no row of any table."""

ERASED_REASON = "erased"
"""The reason of a quarantine row that stands for a row that was erased; its bytes are empty."""

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Place(msgspec.Struct, frozen=True, order=True):
    """Where a row came from; ``source`` is its topic or stream, with the mark of stage stream."""

    source: str
    partition: int
    position: int
    element: int


class Finder:
    """Finds the records of a table whose cleaned key, as text, is ``key``.

    What is no row of the table has no cleaned key: a JSON object counts as the
    key's own where a field with the key's name, or an alias of it, holds the key.
    """

    def __init__(self, connection: DuckDBPyConnection, table: Table, key: str) -> None:
        self.connection, self.table, self.key = connection, table, key
        where = str(table.clean_path) or table.name
        self._cleaned = dialect.with_provenance(table.clean_sql, PROVENANCE, "duckdb", where)
        self._names = {table.key or ""}.union(
            *(each.aliases for each in table.columns if each.name == table.key)
        )

    def in_parts(self, parts: Sequence[Part], sent: Sent) -> list[Place]:
        """Return the places of the key's records among values as they were read."""
        values = joined(parts)
        decoded = records.decode(self.connection, self.table, values, sent)
        rows = records.rows(self.connection, self.table, decoded.values)
        refused = [
            Place(each.source.topic, each.source.partition, each.position, each.reject.element)
            for each in decoded.rejected
            if self.holds(each.reject.content)
        ]
        return sorted([*self.in_rows(rows), *refused])

    def in_rows(self, rows: DuckDBPyRelation) -> list[Place]:
        """Return the places of the key's rows among rows of the raw table."""
        rows.create_view(self.table.name, replace=True)
        query = statements("erasure.sql")["of_key"].format(
            cleaned=self._cleaned, key=name(self.table.key or "")
        )
        return [Place(*found) for found in self.connection.execute(query, [self.key]).fetchall()]

    def holds(self, refused: bytes) -> bool:
        """Tell whether the bytes of a value that is no row are a record of the key."""
        objects = (each.json for each in opened(refused) if isinstance(each, Row))
        return any(_text(value) == self.key for each in objects for value in self._keys(each))

    def unreadable(self, refused: bytes) -> bool:
        """Tell whether nobody can say whose record a refused value is."""
        return not any(isinstance(each, Row) for each in opened(refused))

    def _keys(self, record: bytes) -> Iterable[bytes]:
        fields = _fields.decode(record)
        return (bytes(fields[each]) for each in self._names if each in fields)


def without(value: bytes, elements: Collection[int]) -> bytes:
    """Return a record's value with these elements of its list, or the one that it is, erased.

    It has as many elements as before, so that each still has its place.
    """
    found = opened(value)
    if len(found) == 1:
        return ERASED
    parts = (
        ERASED
        if each.element in elements
        else (each.json if isinstance(each, Row) else each.content)
        for each in found
    )
    return b"[" + b",".join(parts) + b"]"


def _text(value: bytes) -> str:
    """Return what a JSON value says: of a string what it holds, of anything else its own text."""
    return msgspec.json.decode(value, type=str) if value.startswith(b'"') else value.decode()
