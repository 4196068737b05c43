"""Filling a database with made rows, and leaving alone what is not the sample's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Double,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    inspect,
    select,
)
from sqlalchemy.types import TypeEngine

from pinlake.errors import SampleInvalid, SourceTableForeign
from pinlake.source.connection import connect, failures, shown_url

MARKER = "pinlake_sample"
"""The table in which the sample keeps the names of the tables it wrote."""

TYPES: Mapping[str, Callable[[], TypeEngine[Any]]] = {
    "INT": Integer,
    "BIGINT": BigInteger,
    "FLOAT": Float,
    "DOUBLE": Double,
    "BOOLEAN": Boolean,
    "DATETIME": DateTime,
    "TEXT": Text,
}
VARCHAR = re.compile(r"VARCHAR\((\d+)\)\Z")

Block = Mapping[str, Sequence[tuple[Any, ...]]]


def fill(
    url: str,
    columns: Mapping[str, Mapping[str, str]],
    blocks: Iterable[Block],
    *,
    seed: int,
    progress: Callable[[int], None],
) -> str:
    """Create the tables anew, write every block, and return the URL without its password.

    ``columns``: SQL types by table and column, the first column is the primary
    key. One transaction: a crash leaves the earlier sample (MySQL commits as it
    creates a table, so there it leaves an empty or partly filled table of ours).
    """
    engine = connect(url)
    marker, tables = _schema(columns)
    try:
        with failures(url):
            marker.metadata.create_all(engine, [marker])
            with _bulk(engine) as connection:
                _replace(connection, marker, tables, seed, shown_url(url))
                _insert(connection, tables, blocks, progress)
    finally:
        engine.dispose()
    return shown_url(url)


def _schema(columns: Mapping[str, Mapping[str, str]]) -> tuple[Table, list[Table]]:
    metadata = MetaData()
    marker = Table(
        MARKER,
        metadata,
        Column("name", String(64), primary_key=True),
        Column("seed", BigInteger),
    )
    return marker, [_table(metadata, name, types) for name, types in columns.items()]


def _table(metadata: MetaData, name: str, types: Mapping[str, str]) -> Table:
    first = next(iter(types))
    made = (
        Column(column, _type(of), primary_key=column == first, autoincrement=False)
        for column, of in types.items()
    )
    return Table(name, metadata, *made, mysql_charset="utf8mb4")


def _type(name: str) -> TypeEngine[Any]:
    if matched := VARCHAR.match(name):
        return String(int(matched[1]))
    if name not in TYPES:
        reason = f"it knows no type {name!r}; use one of {', '.join(TYPES)}, VARCHAR(n)"
        raise SampleInvalid(path="COLUMNS in sample.py", reason=reason)
    return TYPES[name]()


@contextmanager
def _bulk(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that SQLite does not sync.

    kill -9 cannot hurt it, and a sample that a power cut took is made again.
    """
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA synchronous = OFF")
            connection.exec_driver_sql("PRAGMA cache_size = -65536")
            connection.commit()
        with connection.begin():
            yield connection


def _replace(
    connection: Connection, marker: Table, tables: Sequence[Table], seed: int, shown: str
) -> None:
    """Claim and create the tables; the claim comes first, so that what is ours is known as ours."""
    ours = set(connection.scalars(select(marker.c.name)))
    there = set(inspect(connection).get_table_names())
    for table in tables:
        if table.name in there - ours:
            raise SourceTableForeign(url=shown, table=table.name)
    for table in tables:
        connection.execute(delete(marker).where(marker.c.name == table.name))
        connection.execute(marker.insert().values(name=table.name, seed=seed))
        table.drop(connection, checkfirst=True)
        table.create(connection)


def _insert(
    connection: Connection,
    tables: Sequence[Table],
    blocks: Iterable[Block],
    progress: Callable[[int], None],
) -> None:
    """Write the blocks by the driver itself: SQLAlchemy's own insert takes twice as long."""
    statements = {table.name: _statement(connection, table) for table in tables}
    done = 0
    for block in blocks:
        for name, rows in block.items():
            connection.exec_driver_sql(statements[name], list(rows))
        done += max(map(len, block.values()))
        progress(done)


def _statement(connection: Connection, table: Table) -> str:
    preparer = connection.dialect.identifier_preparer
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    names = ", ".join(preparer.quote(column.name) for column in table.columns)
    marks = ", ".join([mark] * len(table.columns))
    return f"INSERT INTO {preparer.format_table(table)} ({names}) VALUES ({marks})"  # noqa: S608
