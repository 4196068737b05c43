"""A SELECT as it is written for Spark, with each table's name exchanged for that of a view."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from pinlake.errors import SqlRefused
from pinlake.query.statement import Reference, line_of, tables_in

if TYPE_CHECKING:
    from sqlglot import exp

BEYOND = frozenset({"identifier", "reflect", "java_method", "try_reflect", "read_files"})
"""Functions of Spark that reach for more than the tables that are named."""


class Place(msgspec.Struct, frozen=True):
    """A piece of a text and what takes its place: a table's view, if any, and a text behind it."""

    start: int
    stop: int
    reference: Reference | None
    behind: str


class Written(msgspec.Struct, frozen=True):
    """One SELECT in Spark's dialect, what messages call it, and where it names tables."""

    where: str
    sql: str
    places: tuple[Place, ...]

    @property
    def references(self) -> frozenset[Reference]:
        """The tables that it reads."""
        return frozenset(place.reference for place in self.places if place.reference)

    def over(self, views: Mapping[Reference, str]) -> str:
        """Return the text over views; its lines stay where they are."""
        text = self.sql
        for place in reversed(self.places):
            view = views[place.reference] if place.reference else ""
            text = text[: place.start] + view + place.behind + text[place.stop :]
        return text


def read(sql: str, where: str) -> Written:
    """Read one SELECT; raise SqlRefused with its line for anything else."""
    from pinlake.engine import dialect

    tree = dialect.select(sql, where)
    _check_functions(tree, sql, where)
    named = list(tables_in(tree, sql, where))
    found = [_table(table, reference) for table, reference in named]
    found += _columns(tree, {(each.schema, each.name.casefold()) for _, each in named})
    return Written(where, sql, tuple(sorted(found, key=lambda place: place.start)))


def _check_functions(tree: exp.Expr, sql: str, where: str) -> None:
    from sqlglot import exp

    for call in tree.find_all(exp.Func):
        name = call.name if isinstance(call, exp.Anonymous) else call.sql_name()
        if name.lower() in BEYOND:
            reason = f"{name} reaches for more than the lake's tables"
            raise SqlRefused(where=where, line=line_of(sql, f'"{name}"'), reason=reason)


def _table(table: exp.Table, reference: Reference) -> Place:
    """Return a table's place. Its own name becomes the alias, where it has no other one."""
    start, stop = _span(table.args.get("db") or table.this, table.this)
    sampled = table.args.get("sample")  # an alias would stand behind it
    alias = "" if table.alias or sampled else f" AS {_quoted(table.name)}"
    return Place(start, stop, reference, alias)


def _columns(tree: exp.Expr, known: set[tuple[str, str]]) -> Iterator[Place]:
    """Yield where columns are named with their table's schema: the table's alias has none."""
    from sqlglot import exp

    for column in tree.find_all(exp.Column):
        schema, table = column.args.get("db"), column.args.get("table")
        if schema and table and (schema.name.lower(), table.name.casefold()) in known:
            yield Place(*_span(schema, table), None, _quoted(table.name))


def _span(first: exp.Expr, last: exp.Expr) -> tuple[int, int]:
    return first.meta["start"], last.meta["end"] + 1


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"
