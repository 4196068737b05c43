"""Checks that read everything: files, objects against the log, tables against what is upstream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from pinlake.engine.statements import statements
from pinlake.errors import LogExchanged, PinlakeError, TopicUnknown
from pinlake.lake import objects, offsets, progress, tables
from pinlake.lake.naming import ObjectKey
from pinlake.lake.progress import Plan, Plans
from pinlake.log.base import LogReader, PartitionState, Position
from pinlake.record import LogName, Partition, topic
from pinlake.run.doctor.finding import Finding, rebuild_objects
from pinlake.run.doctor.patient import Patient
from pinlake.run.doctor.tables import rebuild
from pinlake.table import unclaimed

SQL = statements(str(Path(__file__).with_name("doctor.sql")))
READ_BYTES = 8 * 1024 * 1024
EXAMPLES = 3


def files(patient: Patient) -> Iterator[Finding]:
    """Read every column of every table's files: a flipped bit or a cut shows."""
    import duckdb

    connection, count = duckdb.connect(":memory:"), 0
    for table in tables.names(patient.lake):
        snapshot = tables.snapshot(patient.lake, table)
        if snapshot:
            tables.fetch(snapshot)
        for file in snapshot.files if snapshot else ():
            count += 1
            try:
                connection.execute(SQL["read_file"], {"file": file})
            except duckdb.Error as error:
                reason = str(error).splitlines()[0]
                what = f"{table}: {file} cannot be read ({reason})"
                do = f"put the file back from a copy; without one {rebuild(patient, table)}"
                yield Finding("error", "", what, do)
    yield Finding("ok", "", f"{count:,} files of tables were read")


def objects_of_log(patient: Patient) -> Iterator[Finding]:
    """Compare each object of the sink line by line with the log, as far as it is retained."""
    if patient.log is None:
        return
    for name in progress.names(patient.lake, "sink"):
        plan = Plans(patient.lake, "sink", name).latest()
        states = _states(patient.log, topic(name))
        if plan is None or not states:
            continue
        _check_log(patient.log, "sink", topic(name), plan)
        done = all(patient.lake.exists(key) for key in plan.objects)  # before the listing
        listing = objects.listing(patient.lake, name)
        for number, state in states.items():
            planned = plan.ranges.get(f"{name}/{number}")
            if planned is not None:
                keys = [key for key in listing if key.partition == number]
                upto = planned.upto if done or planned.after == planned.upto else planned.after
                yield from _Compared(patient, name, state, keys).findings(upto)


class _Compared:
    """The objects of a partition beside its records in the log."""

    def __init__(
        self, patient: Patient, name: str, state: PartitionState, keys: Sequence[ObjectKey]
    ) -> None:
        assert patient.log is not None
        self.patient, self.log, self.name, self.keys = patient, patient.log, name, keys
        self.partition = Partition(topic(name), state.number)
        self.beginning = max(state.beginning, state.origin)

    def findings(self, upto: Position | None) -> Iterator[Finding]:
        """Yield what differs up to a position."""
        held: list[Position] = []
        for key in self.keys:
            try:
                positions, wrong = self._differing(key)
            except (PinlakeError, OSError) as error:
                yield self._broken(str(error))
                continue
            held += positions
            if wrong:
                yield self._broken(f"{key} differs from the log at offset {_some(wrong)}")
        if upto is not None:
            yield from self._coverage(sorted(held), upto)

    def _differing(self, key: ObjectKey) -> tuple[list[Position], list[Position]]:
        """Return the retained offsets of an object, and those whose line is another one."""
        lines = objects.get(self.patient.lake, str(key)).splitlines(keepends=True)
        found = {
            position: line
            for position, line in zip(
                offsets.of(self.patient.lake, str(key), key.start, len(lines)), lines, strict=True
            )
            if position >= self.beginning
        }
        if not found:
            return [], []
        wrong = dict(found)
        for position, value in self._read(min(found), max(found)):
            if found.get(position) == objects.line(value):
                del wrong[position]
        kept = self._beginning() if wrong else 0  # the log may have forgotten them meanwhile
        return list(found), sorted(position for position in wrong if position >= kept)

    def _beginning(self) -> Position:
        states = _states(self.log, self.partition.log_name)
        return states[self.partition.number].beginning

    def _coverage(self, held: Sequence[Position], upto: Position) -> Iterator[Finding]:
        logged = [position for position, _ in self._read(self.beginning, upto)]
        if missing := sorted(set(logged) - set(held)):
            yield self._broken(f"no object of {self.partition} holds offset {_some(missing)}")
        if twice := [one for one, other in pairwise(held) if one == other]:
            yield self._broken(f"two objects of {self.partition} hold offset {_some(twice)}")
        if not missing and not twice:
            what = f"{self.partition}: {len(logged):,} records of the log are in its objects"
            yield Finding("ok", "", what)

    def _read(self, first: Position, last: Position) -> Iterator[tuple[Position, bytes | None]]:
        after = first - 1
        while after < last:
            batch = self.log.read(self.partition, after, READ_BYTES, last)
            if not len(batch):
                return
            yield from zip(batch.positions, batch.values.values(), strict=True)
            after = batch.upto

    def _broken(self, what: str) -> Finding:
        whole = all(key.start >= self.beginning for key in self.keys)
        if whole:
            table = self.patient.dataset.table_of_topic(self.name) or unclaimed(topic(self.name))
            roots = objects.roots(self.patient.lake)
            do = rebuild_objects(self.patient.home, self.name, roots, table.name)
        else:
            do = (
                f"put the object back from a copy: the log begins at offset {self.beginning}, so "
                "the topic's objects cannot all be made again; the rows in raw stay as they are"
            )
        return Finding("error", "", what, do)


def raw_of_objects(patient: Patient) -> Iterator[Finding]:
    """Decode the objects that load took once more, and compare the rows with raw."""
    from pinlake.run.doctor.rows import RawRows

    for name in progress.names(patient.lake, "load"):
        with _engine(patient) as connection:
            yield from RawRows(patient, connection, name).findings()


def clean_of_raw(patient: Patient) -> Iterator[Finding]:
    """Clean the raw rows once more, and compare the keys and rows with the clean table."""
    from pinlake.run.doctor.rows import clean_rows

    for table in patient.dataset.tables.values():
        with _engine(patient) as connection:
            yield from clean_rows(patient, connection, table)


def stream_of_log(patient: Patient) -> Iterator[Finding]:
    """Decode and clean the log's streams once more, and look for their keys in the stream table."""
    from pinlake.run.doctor.stream_rows import StreamRows

    if patient.log is None:
        return
    if patient.home.streams_url != patient.home.log_url:
        yield Finding("ok", "", "streams in Kinesis are not read once more: this is not looked at")
        return
    for name in progress.names(patient.lake, "stream"):
        with _engine(patient) as connection:
            yield from StreamRows(patient, patient.log, connection, name).findings()


@contextmanager
def _engine(patient: Patient) -> Iterator[Any]:
    from pinlake.engine.duckdb import DuckdbEngine

    with closing(DuckdbEngine(patient.lake, patient.log, patient.dataset.functions_sql)) as engine:
        yield engine.connection


def _states(log: LogReader, name: LogName) -> dict[int, PartitionState]:
    try:
        return {each.number: each for each in log.describe(name).partitions}
    except TopicUnknown:
        return {}


def _check_log(log: LogReader, stage: str, name: LogName, plan: Plan) -> None:
    found = log.log_id(name)
    for partition, planned in plan.ranges.items():
        if planned.log != found:
            raise LogExchanged(
                stage=stage, name=name.name, partition=partition, planned=planned.log, found=found
            )


def _some(positions: Sequence[Position]) -> str:
    more = f" and {len(positions) - EXAMPLES:,} more" if len(positions) > EXAMPLES else ""
    return ", ".join(map(str, positions[:EXAMPLES])) + more
