"""Records of a batch into rows: the plain ones by DuckDB, the others mended one by one first."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from duckdb import DuckDBPyConnection, DuckDBPyRelation

from pinlake.dataset import Table
from pinlake.engine.decode import Decoder, Reject, from_base64, is_json
from pinlake.engine.plain import Plain
from pinlake.engine.quarantine import Rejected
from pinlake.engine.statements import statements
from pinlake.engine.values import Replacement, Values
from pinlake.lake.objects import MAX_DEPTH


class Decoded(msgspec.Struct, frozen=True):
    """What a batch's records are: values that are all plain, and what is no row."""

    values: Values
    rejected: tuple[Rejected, ...] = ()


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

    Records that are not plain are read one by one and written anew as plain
    ones, so that the rows' query has one kind of record to read.
    """
    connection.register("records", values)
    if table.generic:
        return Decoded(_jsonified(connection, values, sent))
    odd = _rows(connection, Plain(table.columns).odd())
    return _mended(values, odd, Decoder(table.columns), sent)


def rows(
    connection: DuckDBPyConnection, table: Table, values: Values, *, of_stream: bool = False
) -> DuckDBPyRelation:
    """Return a batch's rows with their provenance: a query that runs when it is read.

    It reads the views ``records`` and, for a stream that no data set claims, ``keys``.
    """
    connection.register("records", values)
    parameters: dict[str, Any] = {
        "topics": [source.topic for source in values.sources],
        "partitions": [source.partition for source in values.sources],
        "objects": [source.object for source in values.sources],
    }
    if not table.generic:
        return connection.sql(Plain(table.columns).rows(), params=parameters)
    if of_stream:
        del parameters["objects"]
    sql = statements("decode.sql")["stream_rows" if of_stream else "topic_rows"]
    return connection.sql(sql, params=parameters)


def _mended(values: Values, odd: Sequence[int], decoder: Decoder, sent: Sent) -> Decoded:
    replacements: dict[int, list[Replacement]] = {}
    rejects: list[Rejected] = []
    for row, source, position, value in values.at(odd):
        replacements[row] = []
        for found in decoder.decode(value):
            if isinstance(found, Reject):
                whole = found.content is value
                kept = msgspec.structs.replace(found, content=sent(value)) if whole else found
                rejects.append(Rejected(source, position, kept))
            else:
                replacements[row].append(Replacement(found.element, found.json, found.rescued))
    return Decoded(values.replaced(replacements), tuple(rejects))


def _jsonified(connection: DuckDBPyConnection, values: Values, sent: Sent) -> Values:
    """Return the values with those that are no JSON as JSON strings of their base64."""
    query = statements("decode.sql")["odd_json"].format(depth=MAX_DEPTH)
    return values.replaced(
        {
            row: [Replacement(0, b'"' + base64.b64encode(sent(value)) + b'"')]
            for row, _, _, value in values.at(_rows(connection, query))
            if not is_json(value)
        }
    )


def _rows(connection: DuckDBPyConnection, query: str) -> list[int]:
    return [row for (row,) in connection.execute(query).fetchall()]
