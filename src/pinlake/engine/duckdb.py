"""The embedded engine: DuckDB reads, decodes and cleans; the lake commits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TypeVar

import duckdb
import msgspec
from deltalake import Schema
from deltalake.exceptions import DeltaError
from duckdb import DuckDBPyConnection, DuckDBPyRelation

from pinlake.engine import inputs, quarantine, records, routing, schema
from pinlake.engine.base import LogRanges, Objects, Outcome, Step, Taken, Versions
from pinlake.engine.cleaning import Cleaning
from pinlake.engine.inputs import Fetched
from pinlake.engine.quarantine import Rejected
from pinlake.engine.records import Decoded
from pinlake.engine.running import StepEngine, counts, planned
from pinlake.engine.values import Values, joined
from pinlake.lake import evolution, tables
from pinlake.lake.store import Lake
from pinlake.lake.tables import Snapshot
from pinlake.log.base import LogReader
from pinlake.table import UNROUTED

T = TypeVar("T")
TRANSLATOR = "pinlake.engine.functions"
"""The module that reads SQL, which takes sqlglot."""


class DuckdbEngine(StepEngine):
    """Runs steps in this process. Not for several threads.

    ``log`` is needed by steps of stage stream alone. ``functions_sql`` is the
    data set's own SQL functions. What does not fit into ``memory`` is spilled
    to files in the folder ``spill``.
    """

    def __init__(
        self,
        lake: Lake,
        log: LogReader | None,
        functions_sql: str = "",
        *,
        threads: int = 2,
        memory: str = "1GB",
        spill: Path | None = None,
    ) -> None:
        super().__init__(lake, functions_sql)
        self.log = log
        self._spill = spill or lake.spill
        self._settings: dict[str, str | bool | int | float | list[str]] = {
            "threads": threads,
            "memory_limit": memory,
            "temp_directory": str(self._spill),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        self._open: DuckDBPyConnection | None = None
        self._worded = False
        self._cleanings: dict[str, Cleaning] = {}
        self._odd: set[str] = set()

    def prepare(self) -> None:
        """Begin to import what translates the words of cleaning: the first batch is read meanwhile.

        sqlglot takes 0.4 s. What cleans nothing does without.
        """
        threading.Thread(target=import_module, args=[TRANSLATOR]).start()

    @property
    def connection(self) -> DuckDBPyConnection:
        """The connection, with the words of cleaning defined when it is first asked for."""
        if not self._worded:
            from pinlake.engine import functions

            functions.define(self._wordless, self.functions_sql)
            self._worded = True
        return self._wordless

    @property
    def _wordless(self) -> DuckDBPyConnection:
        """The same connection for what cleans nothing, opened when first needed."""
        if self._open is None:
            self._open = duckdb.connect(":memory:", config=self._settings)
            self._open.execute("SET TimeZone = 'UTC'")
        return self._open

    def close(self) -> None:
        """Release the connection and the key indexes. Idempotent."""
        for cleaning in self._cleanings.values():
            cleaning.close()
        if self._open is not None:
            self._open.close()
        self._open = None
        self._worded = False
        self._cleanings.clear()

    def _load(self, step: Step, given: Objects) -> Outcome:
        values = joined(list(inputs.read_objects(self.lake, given.keys)))
        outcome = self._hoped(step, lambda: self._append(step, Decoded(values), checked=True))
        if outcome is not None:
            return outcome
        decoded = records.decode(self._wordless, step.table, values, records.of_line)
        self._note(step, decoded, values)
        return self._append(step, decoded)

    def _take(self, step: Step, given: Taken) -> Outcome:
        """Load values that a source gave; what is no row stands in quarantine as it was sent."""
        decoded = records.decode(self.connection, step.table, joined(given.parts), records.as_read)
        rejected = given.rejected + tuple(
            quarantine.as_sent(each, given.as_sent(each.source, each.position))
            for each in decoded.rejected
        )
        return self._append(step, Decoded(decoded.values, rejected))

    def _clean(self, step: Step, given: Versions) -> Outcome:
        head = planned(step, given, tables.head(self.lake, given.table))
        declared = self._cleaning(step).batch_schema
        evolution.check_readable(given.table, head.schema, declared)
        files = tables.added(self.lake, given.table, given.after, given.upto)
        batch = Snapshot(head.table_id, head.version, declared, tuple(files), self.lake)
        return self._cleaned(step, tables.read(self.connection, batch), ())

    def _stream(self, step: Step, given: LogRanges) -> Outcome:
        assert self.log is not None, "a step of stage stream needs a log"
        fetched = list(inputs.read_log(self.log, given.ranges))
        if step.table.name == UNROUTED:
            return self._unrouted(step, fetched)
        taken = joined(routing.taken(self.connection, fetched))
        if step.table.generic:
            decoded = records.decode(self.connection, step.table, taken, records.as_read)
            self.connection.register("keys", inputs.Keys([each.keys for each in fetched]))
            return self._append(step, decoded, of_stream=True)
        small = len(taken) < records.FEW
        if self._hoped(step, lambda: self._keep(step, taken, checked=True)):
            return self._cleaned(step, self.connection.table("_batch"), (), small=small)
        decoded = records.decode(self.connection, step.table, taken, records.as_read)
        self._note(step, decoded, taken)
        self._keep(step, decoded.values)
        batch = self.connection.table("_batch")
        return self._cleaned(step, batch, decoded.rejected, small=small)

    def _keep(self, step: Step, values: Values, *, checked: bool = False) -> bool:
        """Keep a batch's rows as the table ``_batch``."""
        records.keep(self.connection, "_batch", step.table, values, checked=checked)
        return True

    def _hoped(self, step: Step, work: Callable[[], T]) -> T | None:
        """Do what takes plain records alone, or nothing, and return None, where some are odd.

        To look for odd records first costs half of a load's time. Where the
        table's last batch had some, there is no hope.
        """
        if step.table.generic or step.output in self._odd:
            return None
        try:
            return work()
        except (duckdb.Error, DeltaError, UnicodeDecodeError) as failure:
            if not records.is_odd(failure):
                raise
        return None

    def _note(self, step: Step, decoded: Decoded, values: Values) -> None:
        """Note whether a batch had odd records."""
        if decoded.values is values:
            self._odd.discard(step.output)
        else:
            self._odd.add(step.output)

    def _unrouted(self, step: Step, fetched: Sequence[Fetched]) -> Outcome:
        """Put what no table takes into quarantine, which is all that this step writes."""
        rejected = routing.unrouted(self.connection, fetched)
        version = self._quarantine(step, rejected)
        return Outcome(step.number, 0, 0, len(rejected), version)

    def _append(
        self, step: Step, decoded: Decoded, *, of_stream: bool = False, checked: bool = False
    ) -> Outcome:
        """Commit a batch's rows as they are decoded."""
        rows = records.rows(
            self._wordless, step.table, decoded.values, of_stream=of_stream, checked=checked
        )
        kind = schema.of(rows)
        evolution.follow(self.lake, step.output, kind, self._wordless)
        self._quarantine(step, decoded.rejected)
        outcome = Outcome(step.number, len(decoded.values), 0, len(decoded.rejected), None)
        return self._commit(step, kind, rows, outcome)

    def _cleaned(
        self,
        step: Step,
        batch: DuckDBPyRelation,
        rejected: tuple[Rejected, ...],
        *,
        small: bool = False,
    ) -> Outcome:
        """Commit what a batch's cleaning gives, one row a key; ``small`` as for Cleaning."""
        cleaning = self._cleaning(step)
        evolution.follow(self.lake, step.output, cleaning.schema, self.connection)
        rejected += cleaning.take(batch, small=small)
        self._quarantine(step, rejected)
        duplicates = cleaning.keyed - cleaning.taken
        outcome = Outcome(step.number, cleaning.taken, duplicates, len(rejected), None)
        outcome = self._commit(step, cleaning.schema, cleaning.rows(), outcome)
        if outcome.version is not None and not outcome.found_done:
            cleaning.committed(outcome.version)
        return outcome

    def _cleaning(self, step: Step) -> Cleaning:
        if step.output not in self._cleanings:
            cleaning = Cleaning(self.connection, self.lake, step.table, step.output, self._spill)
            self._cleanings[step.output] = cleaning
        return self._cleanings[step.output]

    def _commit(
        self, step: Step, kind: Schema, rows: DuckDBPyRelation, outcome: Outcome
    ) -> Outcome:
        done = tables.commit(
            self.lake,
            step.output,
            kind,
            rows if outcome.rows else None,
            app_id=step.app_id,
            number=step.number,
            counts=counts(outcome),
        )
        return msgspec.structs.replace(outcome, version=done.version, found_done=done.found_done)
