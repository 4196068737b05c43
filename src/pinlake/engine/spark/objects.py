"""Objects into files of a table, by Spark's workers: each decodes whole ones as DuckDB's engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from duckdb import DuckDBPyConnection

from pinlake.engine import inputs, records
from pinlake.engine.quarantine import Rejected
from pinlake.engine.spark import files
from pinlake.engine.spark.decoded import REFUSED, arrow, decoded, line_of, rejected_of
from pinlake.engine.spark.files import ROWS_A_BATCH, Batches, Work, connected
from pinlake.engine.values import Values, joined
from pinlake.lake import delegated
from pinlake.lake.store import Lake
from pinlake.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

TOLD = f"{REFUSED}, rows bigint, add binary"
"""What is no row; of a task's last object how many rows there were; of each file its action."""


def loader(lake: Lake, output: str, table: Table) -> Work:
    """Return what turns batches of object keys into files of a raw table, and tells of both.

    It is sent to the workers, so it holds what may travel alone.
    """

    def load(batches: Batches) -> Iterator[pa.RecordBatch]:
        with connected() as connection:
            lines: list[dict[str, Any]] = []
            nothing = arrow(connection, table, Values([], []))
            kind = files.raw_schema(connection, table)
            rows = _rows(connection, table, _objects(lake, batches), lines)
            written = delegated.write(lake, output, kind, files.stream(nothing.schema, rows))
            yield files.lines_of(TOLD, lines + [{"add": each} for each in written.adds])

    return load


def told(found: Iterable[Any]) -> tuple[int, tuple[Rejected, ...]]:
    """Return how many rows the workers counted, and what is no row, in order."""
    lines = list(found)
    rejected = rejected_of(each for each in lines if each["reason"] is not None)
    return sum(each["rows"] or 0 for each in lines), rejected


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
        rows, found = decoded(connection, table, values, records.of_line)
        lines += map(line_of, found.rejected)
        lines.append({"rows": len(found.values)})
        yield from rows.to_batches(ROWS_A_BATCH)
