"""Values into rows where Spark's workers are, and what is no row as lines that travel."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import duckdb
from duckdb import DuckDBPyConnection

from pinlake.engine import records
from pinlake.engine.decode import Reject
from pinlake.engine.quarantine import Rejected
from pinlake.engine.records import Decoded, Sent
from pinlake.engine.values import Source, Values
from pinlake.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

REFUSED = "topic string, partition int, position bigint, element int, reason string, bytes binary"
"""The columns that tell what is no row, in Spark's words."""


def decoded(
    connection: DuckDBPyConnection,
    table: Table,
    values: Values,
    sent: Sent,
) -> tuple[pa.Table, Decoded]:
    """Return the rows of values: most are all plain, which one query finds out."""
    if not table.generic:
        try:
            return arrow(connection, table, values, checked=True), Decoded(values)
        except (duckdb.Error, UnicodeDecodeError) as failure:
            if not records.is_odd(failure):
                raise
    found = records.decode(connection, table, values, sent)
    return arrow(connection, table, found.values), found


def arrow(
    connection: DuckDBPyConnection, table: Table, values: Values, *, checked: bool = False
) -> pa.Table:
    """Return the rows of values that are rows, as raw tables hold them."""
    return records.rows(connection, table, values, checked=checked).to_arrow_table()


def line_of(rejected: Rejected) -> dict[str, Any]:
    """Return what is no row as a line of REFUSED."""
    return {
        "topic": rejected.source.topic,
        "partition": rejected.source.partition,
        "position": rejected.position,
        "element": rejected.reject.element,
        "reason": rejected.reject.reason,
        "bytes": rejected.reject.content,
    }


def rejected_of(lines: Iterable[Any]) -> tuple[Rejected, ...]:
    """Return what is no row of such lines, in order."""
    place = itemgetter("topic", "partition", "position", "element")
    return tuple(
        Rejected(
            Source(each["topic"], each["partition"]),
            each["position"],
            Reject(each["element"], each["reason"], bytes(each["bytes"])),
        )
        for each in sorted(lines, key=place)
    )
