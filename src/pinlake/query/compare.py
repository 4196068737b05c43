"""Whether batch and stream agree: the rows of a table by both routes, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from pinlake.errors import ColumnsChanged
from pinlake.query.answer import Column
from pinlake.query.lake import OpenLake

SQL = Path(__file__).with_name("compare.sql")


class Difference(msgspec.Struct, frozen=True):
    """How ``clean/<table>`` and ``stream/<table>`` differ, each row as often as it is there.

    The examples are up to three rows that only one side has, as dicts.
    """

    table: str
    clean_rows: int
    stream_rows: int
    only_clean: int
    only_stream: int
    clean_examples: Sequence[dict[str, Any]] = ()
    stream_examples: Sequence[dict[str, Any]] = ()

    @property
    def equal(self) -> bool:
        """Tell whether both tables hold the same rows."""
        return self.only_clean == self.only_stream == 0


def differences(lake: OpenLake, table: str) -> Difference:
    """Compare the newest versions of a table's two routes row by row.

    The order of rows does not count. Raises TableMissing where a route has not
    written yet, ColumnsChanged where the two have other columns.
    """
    sides = {"clean_rows": f"clean/{table}", "stream_rows": f"stream/{table}"}
    clean, stream = (lake.table(name).columns for name in sides.values())
    if clean != stream:
        raise ColumnsChanged(table=sides["stream_rows"], found=_ddl(stream), wanted=_ddl(clean))
    [counts] = lake.select(SQL.read_text("utf-8"), sides, where=f"compare {table}").rows()
    return Difference(table, *counts[:4], *(examples or () for examples in counts[4:]))


def _ddl(columns: Sequence[Column]) -> str:
    return ", ".join(f"{column.name} {column.type}" for column in columns)
