"""Records of a batch into rows: the plain ones by DuckDB, the others mended one by one first."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from duckdb import DuckDBPyConnection, DuckDBPyRelation

from pinlake.dataset import Column, Table
from pinlake.engine.decode import Decoder, Reject, Row, from_base64, is_json, opened
from pinlake.engine.plain import MALFORMED, ODD, Expected, Plain
from pinlake.engine.quarantine import Rejected
from pinlake.engine.statements import statements
from pinlake.engine.values import Replacement, Value, Values
from pinlake.lake.objects import MAX_DEPTH

FEW = 5_000
"""So few values are sooner read than a query is planned that reads them faster."""


LOOKED_AT = 100
"""Values of a batch that tell what the others are like."""


class Decoded(msgspec.Struct, frozen=True):
    """What a batch's records are: values that are all plain, and what is no row."""

    values: Values
    rejected: tuple[Rejected, ...] = ()


Mend = Callable[[Value], list[Row | Reject]]
"""Turns one value into what it is."""

Sent = Callable[[bytes], bytes]
"""Turns a value as it was read into the bytes as they were sent."""


def as_read(value: bytes) -> bytes:
    """Return a log's value: it is what was sent."""
    return value


def of_line(line: bytes) -> bytes:
    """Return what was sent for an object's line: bytes that are no JSON come as their base64."""
    line = line.removesuffix(b"\n")
    if line.startswith(b'"') and line.endswith(b'"'):
        sent = from_base64(line[1:-1])
        if sent is not None and not is_json(sent):
            return sent
    return line


def decode(connection: DuckDBPyConnection, table: Table, values: Values, sent: Sent) -> Decoded:
    """Return a batch's rows as plain records, and what is no row with the reason.

    Values that are no plain records are opened one by one, and objects among
    them that are still not plain are written anew as plain ones, so that the
    rows' query has one kind of record to read.
    """
    if table.generic:
        return Decoded(_jsonified(connection, values, sent))
    query = Plain(table.columns).odd()
    found = _mended(values, _rows(connection, values, query), _opener(sent))
    if found.values is not values:
        odd = _rows(connection, found.values, query)
        fitted = _mended(found.values, odd, _fitter(Decoder(table.columns)))
        return Decoded(fitted.values, found.rejected + fitted.rejected)
    return found


def rows(
    connection: DuckDBPyConnection,
    table: Table,
    values: Values,
    *,
    of_stream: bool = False,
    checked: bool = False,
) -> DuckDBPyRelation:
    """Return a batch's rows with their provenance: a query that runs when it is read.

    ``checked``: the values are as they came, not decoded; reading fails where one is
    odd, with an error that ``is_odd`` tells. It reads the views ``records`` and, for a
    stream that no data set claims, ``keys``.
    """
    query, parameters = _query(connection, table, values, of_stream=of_stream, checked=checked)
    return connection.sql(query, params=parameters)


def keep(
    connection: DuckDBPyConnection,
    name: str,
    table: Table,
    values: Values,
    *,
    of_stream: bool = False,
    checked: bool = False,
) -> None:
    """Make a temporary table of what ``rows`` returns, which is planned once so.

    Raises at once what reading the rows would.
    """
    query, parameters = _query(connection, table, values, of_stream=of_stream, checked=checked)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}", parameters)


def is_odd(failure: Exception) -> bool:
    """Tell whether reading checked rows failed since a value is not plain."""
    if isinstance(failure, UnicodeDecodeError):  # of DuckDB's own error, which quotes the value
        return True
    text = str(failure)
    return text.endswith(f"Error: {ODD}") or MALFORMED in text


def _query(
    connection: DuckDBPyConnection, table: Table, values: Values, *, of_stream: bool, checked: bool
) -> tuple[str, dict[str, Any]]:
    """Register what the rows' query reads, and return it with its parameters."""
    connection.register("records", values)
    parameters: dict[str, Any] = {
        "topics": [source.mark + source.topic for source in values.sources],
        "partitions": [source.partition for source in values.sources],
        "objects": [source.object for source in values.sources],
    }
    if not table.generic:
        expected = _expected(values) if checked else None
        return _plain_rows(table.columns, expected), parameters
    if of_stream:
        del parameters["objects"]
    return statements("decode.sql")["stream_rows" if of_stream else "topic_rows"], parameters


@lru_cache(maxsize=256)
def _plain_rows(columns: tuple[Column, ...], expected: Expected | None) -> str:
    plain = Plain(columns)
    return plain.rows() if expected is None else plain.checked_rows(expected)


def _expected(values: Values) -> Expected:
    """Return what most of the values are like, by the first ones."""
    if len(values) < FEW:
        return "few"
    first = values.at(range(min(len(values), LOOKED_AT)))
    escaped = sum(b"\\" in each.content for each in first)
    return "escaped" if escaped > LOOKED_AT // 4 else "as written"


def _mended(values: Values, odd: Sequence[int], mend: Mend) -> Decoded:
    """Return the values with the odd ones replaced by what they are, and what is no row."""
    if not odd:
        return Decoded(values)
    replacements: dict[int, list[Replacement]] = {}
    rejects: list[Rejected] = []
    for value in values.at(odd):
        found = mend(value)
        rejects += [
            Rejected(value.source, value.position, each)
            for each in found
            if isinstance(each, Reject)
        ]
        replacements[value.row] = [
            Replacement(each.element, each.json, each.rescued)
            for each in found
            if isinstance(each, Row)
        ]
    return Decoded(values.replaced(replacements), tuple(rejects))


def _opener(sent: Sent) -> Mend:
    def mend(value: Value) -> list[Row | Reject]:
        return [
            msgspec.structs.replace(each, content=sent(value.content))
            if isinstance(each, Reject) and each.content is value.content
            else each
            for each in opened(value.content)
        ]

    return mend


def _fitter(decoder: Decoder) -> Mend:
    return lambda value: [decoder.fit(value.element, value.content)]


def _jsonified(connection: DuckDBPyConnection, values: Values, sent: Sent) -> Values:
    """Return the values with those that are no JSON as JSON strings of their base64."""
    query = statements("decode.sql")["odd_json"].format(depth=MAX_DEPTH)
    return values.replaced(
        {
            row: [Replacement(0, b'"' + base64.b64encode(sent(value)) + b'"')]
            for row, _, _, _, value in values.at(_rows(connection, values, query))
            if not is_json(value)
        }
    )


def _rows(connection: DuckDBPyConnection, values: Values, query: str) -> list[int]:
    connection.register("records", values)
    return [row for (row,) in connection.execute(query).fetchall()]
