"""Which records of a shared stream are a table's, by the patterns of its partition keys."""

from __future__ import annotations

from collections.abc import Iterable

from duckdb import DuckDBPyConnection

from pinlake.engine.base import LogRange
from pinlake.engine.decode import Reject
from pinlake.engine.inputs import Fetched, Keys
from pinlake.engine.quarantine import Rejected
from pinlake.engine.statements import statements
from pinlake.engine.values import Part, cut, joined

NOT_TAKEN = "no table takes the partition key"


def taken(connection: DuckDBPyConnection, fetched: Iterable[Fetched]) -> list[Part]:
    """Return the values that are this table's, of every range that was fetched."""
    return [
        each.part if each.range.takes is None else cut(each.part, _dropped(connection, each))
        for each in fetched
    ]


def unrouted(connection: DuckDBPyConnection, fetched: Iterable[Fetched]) -> list[Rejected]:
    """Return the values that no table takes, for the quarantine."""
    return [
        Rejected(value.source, value.position, Reject(0, NOT_TAKEN, value.content))
        for each in fetched
        for whole in [joined([cut(each.part, _dropped(connection, each))])]
        for value in whole.at(range(len(whole)))
    ]


def _dropped(connection: DuckDBPyConnection, fetched: Fetched) -> list[int]:
    """Return the rows that are not the range's own."""
    connection.register("keys", Keys([fetched.keys]))
    query = statements("decode.sql")["not_taken"]
    parameters = {"patterns": _by_fit(fetched.range), "takes": _glob(fetched.range.takes or "")}
    return [row for (row,) in connection.execute(query, parameters).fetchall()]


def _by_fit(given: LogRange) -> list[str]:
    """Return the patterns in play, the best one first."""
    patterns = {*given.rivals, given.takes or ""} - {""}
    best_first = sorted(patterns, key=lambda pattern: (len(pattern), pattern), reverse=True)
    return [_glob(pattern) for pattern in best_first]


def _glob(pattern: str) -> str:
    """Return a partition-key pattern, in which only ``*`` is special, as SQL's GLOB."""
    return pattern.replace("[", "[[]").replace("?", "[?]")
