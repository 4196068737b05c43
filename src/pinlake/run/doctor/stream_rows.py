"""The rows of stream tables beside the records of the log, decoded and cleaned once more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from pinlake.dataset import Table
from pinlake.engine import inputs, records, routing
from pinlake.engine.base import LogRange, marked, output_of, quarantine_of
from pinlake.engine.routes import Feed, Routes, routes
from pinlake.engine.statements import name as quoted
from pinlake.engine.values import joined
from pinlake.errors import LogExchanged, TopicUnknown
from pinlake.lake import tables
from pinlake.lake.progress import Plans, Range
from pinlake.log.base import LogReader, PartitionState
from pinlake.record import Kind, LogName
from pinlake.run.doctor import comparison
from pinlake.run.doctor.comparison import SQL, Place
from pinlake.run.doctor.finding import Finding
from pinlake.run.doctor.patient import Patient
from pinlake.run.doctor.tables import rebuild
from pinlake.table import UNROUTED


class StreamRows:
    """A stream table beside the records of the log that its stage took and the log retains."""

    def __init__(self, patient: Patient, log: LogReader, connection: Any, name: str) -> None:
        self.patient, self.log, self.connection, self.name = patient, log, connection, name
        self.refused: Counter[Place] = Counter()
        self.records, self._kept = 0, False

    def findings(self) -> Iterator[Finding]:
        """Yield what differs, and how much was the same."""
        fed = self._fed()
        if fed is None:
            return
        output = output_of("stream", self.name)
        found = list(self._compared(fed))
        found += comparison.refused(self.patient, quarantine_of("stream", self.name), self.refused)
        yield from (Finding("error", "", each, rebuild(self.patient, output)) for each in found)
        if not found:
            what = f"{output}: {self.records:,} records of the log are in it, or in its quarantine"
            yield Finding("ok", "", what)

    def _fed(self) -> Routes | None:
        dataset, topics = self.patient.dataset, self.patient.home.settings.stream.topics
        known = routes(
            dataset,
            self.log.names(Kind.STREAM),
            self.log.names(Kind.TOPIC) if topics else (),
        )
        return next((each for each in known if each.table.name == self.name), None)

    def _compared(self, fed: Routes) -> Iterator[str]:
        missing, ranges = 0, self._ranges(fed)  # before the table, which may grow meanwhile
        snapshot = tables.snapshot(self.patient.lake, f"stream/{self.name}")
        if snapshot is not None:
            tables.read(self.connection, snapshot).create("_held")
        whole = all(each.after == -1 for each in ranges) and not fed.table.generic
        for fetched in inputs.read_log(self.log, ranges):
            self.records += len(fetched.part.lengths)
            if fed.table.name == UNROUTED:
                self.refused.update(comparison.places(routing.unrouted(self.connection, [fetched])))
            elif snapshot is not None:
                missing += self._missing(fed.table, fetched)
                if whole:
                    self._keep()
        if missing:
            yield f"stream/{self.name} lacks {missing:,} keys that records of the log have"
        if snapshot is not None and not fed.table.generic:
            yield from comparison.doubles(self.connection, fed.table, f"stream/{self.name}")
        if self._kept:
            columns = ", ".join(map(quoted, self.connection.table("_held").columns))
            query = SQL["other_stream_rows"].format(columns=columns)
            what = f"stream/{self.name} has {{}} rows that no record of the log makes"
            yield from comparison.told(self.connection, query, what)

    def _keep(self) -> None:
        """Keep what was made of a batch, as long as the log has all that the table is of."""
        self.connection.execute(SQL["keep" if self._kept else "begin_to_keep"])
        self._kept = True

    def _missing(self, table: Table, fetched: inputs.Fetched) -> int:
        """Count what of a batch of records is not in the stream table."""
        taken = joined(routing.taken(self.connection, [fetched]))
        decoded = records.decode(self.connection, table, taken, records.as_read)
        self.refused.update(comparison.places(decoded.rejected))
        if table.generic:
            self.connection.register("keys", inputs.Keys([fetched.keys]))
            rows = records.rows(self.connection, table, decoded.values, of_stream=True)
            rows.create_view("_made", replace=True)
            query = SQL["lost_records"]
        else:
            rows = records.rows(self.connection, table, decoded.values)
            rows.create_view(table.name, replace=True)
            comparison.clean(self.connection, table)
            query = SQL["lost_keys"].format(key=quoted(table.key or ""))
        return len(self.connection.execute(query).fetchall())

    def _ranges(self, fed: Routes) -> list[LogRange]:
        """Return what the committed plans took and the log still has."""
        plan = Plans(self.patient.lake, "stream", self.name).latest()
        table = marked("stream", self.name)
        done = tables.committed(self.patient.lake, table, f"stream/{self.name}") or 0
        found = []
        for feed in fed.feeds if plan else ():
            assert plan is not None
            for state in self._states(feed.log_name):
                planned = plan.ranges.get(f"{feed.key}/{state.number}")
                if planned is None:
                    continue
                self._check_log(feed, state.number, planned)
                upto = planned.upto if done >= plan.number else planned.after
                after = max(state.beginning, state.origin) - 1
                if upto is not None and upto > after:
                    found.append(feed.range(state.number, after, upto))
        return found

    def _check_log(self, feed: Feed, number: int, planned: Range) -> None:
        """Raise LogExchanged where a partition was planned of another log."""
        found = self.log.log_id(feed.log_name)
        if planned.log != found:
            raise LogExchanged(
                stage="stream",
                name=self.name,
                partition=f"{feed.key}/{number}",
                planned=planned.log,
                found=found,
            )

    def _states(self, name: LogName) -> Sequence[PartitionState]:
        try:
            return self.log.describe(name).partitions
        except TopicUnknown:
            return ()
