"""A source that is a database: SQLite, MySQL, PostgreSQL, whatever SQLAlchemy speaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from types import TracebackType
from typing import Any, Self

import msgspec
from sqlalchemy import ColumnElement, Select, and_, column, func, inspect, or_, select, text
from sqlalchemy import table as named
from sqlalchemy.exc import NoSuchTableError

from pinlake.errors import SourceFailed
from pinlake.source.base import Row
from pinlake.source.connection import connect, failures, shown_url, sqlite_path

CHUNK = 500
"""Rows in memory, and keys in one query: some databases take no more than 999 parameters."""


class Order(msgspec.Struct, frozen=True):
    """How a table is ordered.

    ``columns``: the primary key, else the first column, else (where that repeats)
    all columns; ``unique`` unless it is the last of these. ``dense_from``: the key
    of offset 0 where the key is a gapless run of whole numbers, so that offset n has
    key ``dense_from + n``; None elsewhere.
    """

    columns: tuple[str, ...]
    count: int
    dense_from: int | None = None
    unique: bool = True


class Key(msgspec.Struct, frozen=True):
    """What a table is ordered by: whether it tells rows apart, and an index begins with it."""

    columns: tuple[str, ...]
    unique: bool
    indexed: bool


class Server(msgspec.Struct, frozen=True):
    """What a database says of itself; ``clock`` in seconds since the epoch, None: it is ours."""

    product: str
    version: str
    clock: float | None


class DatabaseSource:
    """The tables of one database.

    A table's order is looked up once and kept: rows that are appended behind its
    end are seen, rows that are removed while it is read are not accounted for.
    The URL's password appears in no message.
    """

    def __init__(self, url: str) -> None:
        self.shown_url = shown_url(url)
        self._url = url
        self._engine = connect(url)
        self._orders: dict[str, Order] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def server(self) -> Server:
        """Return what the database says of itself. Raises SourceFailed."""
        self._must_exist()
        with failures(self._url), self._engine.connect() as connection:
            dialect = connection.dialect
            now = None
            if dialect.name in {"mysql", "mariadb", "postgresql"}:
                now = connection.execute(select(func.current_timestamp())).scalar_one()
        is_mariadb = getattr(dialect, "is_mariadb", False)
        version = ".".join(map(str, dialect.server_version_info or ()))
        clock = now.replace(tzinfo=UTC).timestamp() if now else None
        return Server("mariadb" if is_mariadb else dialect.name, version, clock)

    def key(self, table: str) -> Key:
        """Return what a table is ordered by. Raises SourceFailed."""
        order = self._order(table)
        with failures(self._url):
            known = inspect(self._engine)
            indexes: list[Sequence[str | None]] = [
                known.get_pk_constraint(table)["constrained_columns"],
                *(each["column_names"] for each in known.get_indexes(table)),
            ]
        indexed = any(tuple(each[: len(order.columns)]) == order.columns for each in indexes)
        return Key(order.columns, order.unique, indexed)

    def count(self, table: str) -> int:
        """Return how many rows a table had when it was first touched."""
        return self._order(table).count

    def rows(self, table: str, first: int = 0) -> Iterator[Row]:
        """Yield the rows of a table from offset ``first`` to the end, in order.

        The database streams them: one query, CHUNK rows in memory at a time.
        """
        query = self._from(table, self._order(table), first)
        with failures(self._url), self._engine.connect() as connection:
            streamed = connection.execution_options(yield_per=CHUNK)
            with streamed.execute(query) as result:
                yield from map(dict, result.mappings())

    def stretch(self, table: str, first: int, count: int) -> Iterator[Row]:
        """Yield up to ``count`` rows from offset ``first`` on, by a range of the key.

        The key at ``first`` is looked up in the key's index, rows before it are not
        read. Raises SourceFailed for a table whose rows no key tells apart.
        """
        order = self._order(table)
        if not order.unique:
            self._without_key(table, order)
        query = self._ranged(table, order, first)
        if query is None:
            return
        with failures(self._url), self._engine.connect() as connection:
            streamed = connection.execution_options(yield_per=CHUNK)
            with streamed.execute(query.limit(count)) as result:
                yield from map(dict, result.mappings())

    def rows_at(self, table: str, offsets: Sequence[int]) -> list[Row]:
        """Return the rows at these offsets, one for each and in their order.

        A dense key (see Order) is looked up, anything else counted off by
        LIMIT 1 OFFSET n. Raises SourceFailed where the table has fewer rows.
        """
        order = self._order(table)
        wanted = sorted(set(offsets))
        found: dict[int, Row] = {}
        if order.dense_from is not None:
            for at in range(0, len(wanted), CHUNK):
                found |= self._by_key(table, order, wanted[at : at + CHUNK])
        else:
            for offset in wanted:
                query = self._from(table, order, offset).limit(1)
                found.update((offset, row) for row in self._fetch(query))
        for offset in wanted:
            if offset not in found:
                self._too_short(table, offset)
        return [found[offset] for offset in offsets]

    def _by_key(self, table: str, order: Order, offsets: Sequence[int]) -> dict[int, Row]:
        assert order.dense_from is not None
        (key,) = order.columns
        keys = [order.dense_from + offset for offset in offsets]
        query = _all_of(table).where(column(key).in_(keys))
        return {row[key] - order.dense_from: row for row in self._fetch(query)}

    def _from(self, table: str, order: Order, first: int) -> Select[Any]:
        query = _all_of(table).order_by(*map(column, order.columns))
        if order.dense_from is not None:
            return query.where(column(order.columns[0]) >= order.dense_from + first)
        return query.offset(first) if first else query

    def _ranged(self, table: str, order: Order, first: int) -> Select[Any] | None:
        """Return the rows from an offset on; None where there are none."""
        if order.dense_from is not None or not first:
            return self._from(table, order, first)
        keys: tuple[ColumnElement[Any], ...] = tuple(map(column, order.columns))
        at = select(*keys).select_from(named(table)).order_by(*keys).offset(first).limit(1)
        found = self._fetch(at)
        if not found:
            return None
        values = [found[0][each] for each in order.columns]
        if any(isinstance(value, float) for value in values):
            return self._from(table, order, first)  # no float comes back equal for certain
        return _all_of(table).where(_not_before(keys, values)).order_by(*keys)

    def _fetch(self, query: Select[Any]) -> list[Row]:
        with failures(self._url), self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def _order(self, table: str) -> Order:
        if table not in self._orders:
            self._must_exist()
            with failures(self._url):
                self._orders[table] = self._look_up(table)
        return self._orders[table]

    def _must_exist(self) -> None:
        """Refuse a missing SQLite file: connecting would make an empty one."""
        path = sqlite_path(self._url)
        if path is not None and not path.exists():
            reason = "there is no such file: make it with `pinlake sample`, or set `source`"
            raise SourceFailed(url=self.shown_url, reason=reason)

    def _look_up(self, table: str) -> Order:
        known = inspect(self._engine)
        try:
            columns = tuple(each["name"] for each in known.get_columns(table))
        except NoSuchTableError as error:
            reason = f"it has no table {table!r}: make it with `pinlake sample`, or set `source`"
            raise SourceFailed(url=self.shown_url, reason=reason) from error
        primary = tuple(known.get_pk_constraint(table)["constrained_columns"])
        if len(primary) > 1:
            return Order(primary, self._scalars(table, func.count())[0])
        return self._order_by(
            table, primary[0] if primary else columns[0], columns, unique=bool(primary)
        )

    def _order_by(self, table: str, key: str, columns: tuple[str, ...], *, unique: bool) -> Order:
        at: ColumnElement[Any] = column(key)
        distinct = func.count() if unique else func.count(at.distinct())
        count, differing, least, most = self._scalars(
            table, func.count(), distinct, func.min(at), func.max(at)
        )
        if differing != count:
            return Order(columns, count, unique=False)
        dense = count > 0 and type(least) is int and most - least + 1 == count
        return Order((key,), count, least if dense else None)

    def _scalars(self, table: str, *values: ColumnElement[Any]) -> tuple[Any, ...]:
        with self._engine.connect() as connection:
            return tuple(connection.execute(select(*values).select_from(named(table))).one())

    def _without_key(self, table: str, order: Order) -> None:
        reason = (
            f"{table} has no primary key and its first column {order.columns[0]} repeats or is "
            "NULL, so that no order of its rows is certain: give it a primary key, or name a "
            "view whose first column is unique"
        )
        raise SourceFailed(url=self.shown_url, reason=reason)

    def _too_short(self, table: str, offset: int) -> None:
        reason = (
            f"{table} has {self.count(table)} rows and none at offset {offset}: "
            f"make more with `pinlake sample --rows {offset + 1}`"
        )
        raise SourceFailed(url=self.shown_url, reason=reason)


def _not_before(keys: Sequence[ColumnElement[Any]], values: Sequence[Any]) -> ColumnElement[bool]:
    """Return ``keys >= values``, written out so that every database reads a range of an index."""
    key, value = keys[0], values[0]
    least: ColumnElement[bool] = key >= value
    if len(keys) == 1:
        return least
    return and_(least, or_(key > value, _not_before(keys[1:], values[1:])))


def _all_of(table: str) -> Select[Any]:
    return select(text("*")).select_from(named(table))
