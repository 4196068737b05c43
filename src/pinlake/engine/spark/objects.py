"""Objects into files of a table, by Spark's workers: each decodes whole ones as DuckDB's engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import duckdb
from duckdb import DuckDBPyConnection

from pinlake.engine import inputs, records
from pinlake.engine.decode import Reject
from pinlake.engine.quarantine import Rejected
from pinlake.engine.records import Decoded
from pinlake.engine.spark import files
from pinlake.engine.spark.files import ROWS_A_BATCH, Batches, Work, connected
from pinlake.engine.values import Source, Values, joined
from pinlake.lake import delegated
from pinlake.lake.store import Lake
from pinlake.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

TOLD = (
    "topic string, partition int, position bigint, element int, reason string, bytes binary,"
    " rows bigint, add binary"
)
"""What is no row; of a task's last object how many rows there were; of each file its action."""


def loader(lake: Lake, output: str, table: Table) -> Work:
    """Return what turns batches of object keys into files of a raw table, and tells of both.

    It is sent to the workers, so it holds what may travel alone.
    """

    def load(batches: Batches) -> Iterator[pa.RecordBatch]:
        with connected() as connection:
            lines: list[dict[str, Any]] = []
            nothing = _arrow(connection, table, Values([], []))
            kind = files.raw_schema(connection, table)
            rows = _rows(connection, table, _objects(lake, batches), lines)
            written = delegated.write(lake, output, kind, files.stream(nothing.schema, rows))
            yield files.lines_of(TOLD, lines + [{"add": each} for each in written.adds])

    return load


def told(found: Iterable[Any]) -> tuple[int, tuple[Rejected, ...]]:
    """Return how many rows the workers counted, and what is no row, in order."""
    lines = list(found)
    rejected = sorted(
        (each for each in lines if each["reason"] is not None),
        key=lambda each: (each["topic"], each["partition"], each["position"], each["element"]),
    )
    return sum(each["rows"] or 0 for each in lines), tuple(
        Rejected(
            Source(each["topic"], each["partition"]),
            each["position"],
            Reject(each["element"], each["reason"], bytes(each["bytes"])),
        )
        for each in rejected
    )


def _objects(lake: Lake, batches: Batches) -> Iterator[Values]:
    for batch in batches:
        for key in batch.column(0).to_pylist():
            yield joined(list(inputs.read_objects(lake, [key])))


def _rows(
    connection: DuckDBPyConnection,
    table: Table,
    objects: Iterable[Values],
    lines: list[dict[str, Any]],
) -> Iterator[pa.RecordBatch]:
    """Yield the objects' rows, and note what is told of them."""
    for values in objects:
        rows, decoded = _decoded(connection, table, values)
        lines += map(_line, decoded.rejected)
        lines.append({"rows": len(decoded.values)})
        yield from rows.to_batches(ROWS_A_BATCH)


def _decoded(
    connection: DuckDBPyConnection, table: Table, values: Values
) -> tuple[pa.Table, Decoded]:
    """Return an object's rows: most objects' records are all plain, which one query finds out."""
    if not table.generic:
        try:
            return _arrow(connection, table, values, checked=True), Decoded(values)
        except (duckdb.Error, UnicodeDecodeError) as failure:
            if not records.is_odd(failure):
                raise
    decoded = records.decode(connection, table, values, records.of_line)
    return _arrow(connection, table, decoded.values), decoded


def _arrow(
    connection: DuckDBPyConnection, table: Table, values: Values, *, checked: bool = False
) -> pa.Table:
    return records.rows(connection, table, values, checked=checked).to_arrow_table()


def _line(rejected: Rejected) -> dict[str, Any]:
    return {
        "topic": rejected.source.topic,
        "partition": rejected.source.partition,
        "position": rejected.position,
        "element": rejected.reject.element,
        "reason": rejected.reject.reason,
        "bytes": rejected.reject.content,
    }
