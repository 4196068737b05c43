"""What a data set is made of: tables with their columns and routes, questions, the producer."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from pinlake.record import LogName

ColumnType = Literal["STRING", "INT", "BIGINT", "DOUBLE", "BOOLEAN"]
Required = Literal["present"] | bool
FileFormat = Literal["csv", "jsonl"]
Action = Literal["warn", "fail"]


class Column(msgspec.Struct, frozen=True):
    """A column of a raw table.

    ``required`` True: the record has it, not null and castable, else the record
    is quarantined. ``"present"``: the JSON key is there, null allowed. ``aliases``
    are other JSON keys that mean the same; the canonical name wins.
    """

    name: str
    type: ColumnType
    required: Required = False
    aliases: tuple[str, ...] = ()


class StreamRoute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stream name pattern, and the partition keys of it that are meant (None: all).

    In a name ``{id}`` is a UserId, 12 hex digits; in a partition key ``*`` is
    any run of characters, also none.
    """

    name: str
    partition_key: str | None = None


class FileOrigin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files that a table is read from: ``path`` is a glob pattern, from the data set's folder on.

    ``format`` None goes by the file's ending. A CSV file's first line names its columns.
    """

    path: str = ""
    format: FileFormat | None = None
    delimiter: str = ","


class DatabaseOrigin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the source database (the setting ``source``) that a table is read from."""


Origin = FileOrigin | DatabaseOrigin
"""Where load reads a table's rows beside its topics: ``from`` in dataset.toml."""

ORIGINS: dict[str, type[Origin]] = {"file": FileOrigin, "database": DatabaseOrigin}
"""By the name that ``from = { source = ... }`` gives."""


class Expectation(msgspec.Struct, frozen=True):
    """What every row of a cleaned table is expected to meet: a condition in Spark's dialect.

    A row meets it where ``constraint`` is true; false and NULL do not. ``action``:
    rows that do not are worth a warning, or fail the look. It is declared at ``line``
    of dataset.toml.
    """

    name: str
    constraint: str
    action: Action = "warn"
    line: int = 1


UNROUTED = "_unrouted"
"""The table of stage stream that takes, into quarantine alone, what no table's pattern takes.

A stream of this very name, that nobody claims, is the table ``stream:_unrouted``.
"""
TAKEN = frozenset({UNROUTED, "_delta_log"})
"""Folders that hold something else: what no table's key pattern takes, and a table's own log."""


class Table(msgspec.Struct, frozen=True):
    """A table that a data set declares, or the raw table of an unclaimed topic or stream.

    ``columns`` is empty for the latter (``generic``): its rows are JSON text in
    one column ``value``, a list stays one row, and it has no cleaning. ``key`` and
    ``event_time`` are columns of the cleaned table. ``origin`` is what load reads
    beside the topics' objects.
    """

    name: str
    topics: tuple[str, ...] = ()
    streams: tuple[StreamRoute, ...] = ()
    key: str = ""
    event_time: str | None = None
    columns: tuple[Column, ...] = ()
    clean_sql: str = ""
    clean_path: Path = Path()
    source_table: str = ""
    origin: Origin | None = None
    expectations: tuple[Expectation, ...] = ()

    @property
    def generic(self) -> bool:
        """Tell whether no data set declares this table."""
        return not self.columns


class Question(msgspec.Struct, frozen=True):
    """A named question: one SELECT over the cleaned tables, in Spark's dialect."""

    name: str
    title: str
    sql: str
    path: Path


class Emulation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the classic producer draws: ``[producer]`` in dataset.toml.

    Rows ``first..last`` inclusive, a pause of one of ``sleep_seconds`` before
    each post, then one record of each table in ``order``.
    """

    seed: int = 100
    first: int = 0
    last: int = 11000
    sleep_seconds: tuple[int, ...] = (0, 1)
    order: tuple[str, ...] = ()


def unclaimed(name: LogName) -> Table:
    """Return the raw table of a topic or stream that no data set claims; it has the same name.

    But for a name that means something else as a folder of the lake: there the
    kind comes before it, as in ``stream:_unrouted``.
    """
    return Table(name=f"{name.kind}:{name.name}" if name.name in TAKEN else name.name)
