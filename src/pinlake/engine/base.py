"""The seam to an engine: a Step in, an Outcome out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from pinlake.dataset import Dataset, Table
from pinlake.log.base import Position
from pinlake.record import Partition
from pinlake.table import UNROUTED

if TYPE_CHECKING:  # they take libraries that the gateway does without
    from pinlake.engine.quarantine import Rejected
    from pinlake.engine.values import Part, Source

StageName = Literal["load", "clean", "stream"]

FOLDERS: Mapping[str, str] = {"load": "raw", "clean": "clean", "stream": "stream"}
"""The folder of the lake that takes the rows of each stage; the sink makes objects, no rows."""


def output_of(stage: str, name: str) -> str:
    """Return the table that takes a stage's rows for a name."""
    return f"{FOLDERS[stage]}/{name}"


def quarantine_of(stage: str, name: str) -> str:
    """Return the table that takes what a stage can make no row of."""
    return f"quarantine/{stage}/{name}"


def marked(stage: str, name: str) -> str:
    """Return the table whose ``txn("<stage>/<name>", n)`` tells that a stage's commit n is done.

    It is the last that the stage writes for it.
    """
    return quarantine_of(stage, name) if name == UNROUTED else output_of(stage, name)


class Objects(msgspec.Struct, frozen=True):
    """Input of load: whole objects of the sink, by key, in order of (topic, partition, offset)."""

    keys: tuple[str, ...]


class Taken(msgspec.Struct, frozen=True):
    """Values that were read from a source, and what is no record of it.

    ``as_sent`` gives the bytes that stood in the source for a value of these parts;
    None where the value did.
    """

    parts: tuple[Part, ...]
    rejected: tuple[Rejected, ...] = ()
    as_sent: Callable[[Source, int], bytes | None] = lambda _source, _position: None


class Given(msgspec.Struct, frozen=True):
    """Input of load from a source. ``read`` is called where the step is not done already."""

    read: Callable[[], Taken]


class Versions(msgspec.Struct, frozen=True):
    """Input of clean: the rows that a raw table gained, after < version <= upto."""

    table: str  # "raw/pin"
    table_id: str  # the Delta table's own id: a rebuilt table has another
    after: int | None
    upto: int


class LogRange(msgspec.Struct, frozen=True):
    """Records of one partition, after < position <= upto (after None: from the beginning).

    ``partition_keys`` None takes every record. Else a record counts if the
    pattern of ``takes`` that fits its key best (longest) is this table's own.
    """

    partition: Partition
    after: Position | None
    upto: Position
    takes: str | None = None  # this table's partition-key pattern in a shared stream
    rivals: tuple[str, ...] = ()  # the other tables' patterns there; "" as takes: what none takes


class LogRanges(msgspec.Struct, frozen=True):
    """Input of stream: ranges of the log, in order of (stream, partition)."""

    ranges: tuple[LogRange, ...]


class MicroBatch(msgspec.Struct, frozen=True):
    """Input of stream on Spark: what a streaming query read, the same for the same number.

    ``frame`` is a DataFrame with the columns of Kinesis or of Kafka; ``dataset`` tells which
    of a shared stream's records are the table's.
    """

    frame: Any
    dataset: Dataset


class Step(msgspec.Struct, frozen=True):
    """One unit of exactly-once work: read this, write that, as commit number n.

    Output and quarantine follow from stage and table: load writes
    ``raw/<table>``, clean ``clean/<table>``, stream ``stream/<table>``; what
    cannot be decoded goes to ``quarantine/<stage>/<table>`` first, with the
    same number. The Delta commit carries ``txn("<stage>/<table>", number)``.
    """

    stage: StageName
    table: Table
    number: int
    input: Objects | Given | Versions | LogRanges | MicroBatch

    @property
    def app_id(self) -> str:
        """The Delta application id of the stage's commits to this table."""
        return f"{self.stage}/{self.table.name}"

    @property
    def output(self) -> str:
        """The table that the step appends to."""
        return output_of(self.stage, self.table.name)

    @property
    def quarantine(self) -> str:
        """The table that takes what the step cannot decode."""
        return quarantine_of(self.stage, self.table.name)

    @property
    def marked(self) -> str:
        """The table whose transaction tells whether the step was done."""
        return marked(self.stage, self.table.name)


class Outcome(msgspec.Struct, frozen=True):
    """What a step did. rows + duplicates + quarantined = the (position, element)s of its input."""

    number: int
    rows: int
    duplicates: int
    quarantined: int
    version: int | None  # of the output table; None where nothing was there to write
    found_done: bool = False  # the commit was there already: a crash came after it


class Engine(Protocol):
    """Runs steps.

    Order: rows are de-duplicated in order of (topic or stream, partition,
    position, element); the rows of a table have no order. Durability: ``run``
    returns after the output's commit is durable, or having found it done by its
    txn; quarantine is committed before the output, each with the step's number.
    Duplicates: running a step again adds nothing. A crash leaves at most files
    that no commit names.
    """

    def run(self, step: Step) -> Outcome:
        """Run one step to its commit."""
        ...

    def close(self) -> None:
        """Release what the engine holds. Idempotent."""
        ...
