"""PostgreSQL's values as every other database gives them; loaded where psycopg is at hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from psycopg import DataError
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader
from psycopg.types.string import TextLoader

AS_WRITTEN = ("json", "jsonb", "interval")
"""Types whose text says more than Python's value: a month is no number of days."""


def settle(connection: Any) -> None:
    """Have a connection tell times in UTC, and let no value stop a read."""
    connection.execute("SET TIME ZONE 'UTC'")
    connection.commit()
    for name, loader in (("date", _Date), ("timestamp", _Time), ("timestamptz", _Moment)):
        connection.adapters.register_loader(name, loader)
    for name in AS_WRITTEN:
        connection.adapters.register_loader(name, TextLoader)


class _Date(DateLoader):
    """A date, or the text of one that Python has not: ``infinity``, ``0044-03-15 BC``."""

    def load(self, data: Any) -> Any:
        try:
            found: date = super().load(data)
        except DataError:
            return bytes(data).decode()
        return found


class _Time(TimestampLoader):
    """A time without a zone, or the text of one that Python has not."""

    def load(self, data: Any) -> Any:
        try:
            found: datetime = super().load(data)
        except DataError:
            return bytes(data).decode()
        return found


class _Moment(TimestamptzLoader):
    """A time with a zone as UTC without one, or the text of one that Python has not."""

    def load(self, data: Any) -> Any:
        try:
            found: datetime = super().load(data)
        except DataError:
            return bytes(data).decode()
        return found.astimezone(UTC).replace(tzinfo=None)
