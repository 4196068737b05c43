"""The rows of tables beside what is upstream of them, made once more by the same code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pinlake.dataset import Table
from pinlake.engine import dialect, inputs, records, routing
from pinlake.engine.base import LogRange, marked, output_of, quarantine_of
from pinlake.engine.cleaning import PROVENANCE
from pinlake.engine.quarantine import Rejected
from pinlake.engine.routes import Routes, routes
from pinlake.engine.statements import name as quoted
from pinlake.engine.statements import statements
from pinlake.engine.values import joined
from pinlake.errors import LogExchanged, TopicUnknown
from pinlake.lake import objects, tables
from pinlake.lake.progress import Plans
from pinlake.log.base import LogReader
from pinlake.record import Kind
from pinlake.run.doctor.finding import Finding
from pinlake.run.doctor.patient import Patient
from pinlake.run.doctor.tables import rebuild
from pinlake.stage.arrivals import Arrivals
from pinlake.table import UNROUTED

TRIES = 5
BATCH_BYTES = 64 * 1024 * 1024
SQL = statements(str(Path(__file__).with_name("doctor.sql")))
Place = tuple[str, int, int, int]


class RawRows:
    """A raw table beside the objects that load took into it."""

    def __init__(self, patient: Patient, connection: Any, name: str) -> None:
        self.patient, self.connection, self.name = patient, connection, name
        self.table = patient.dataset.tables.get(name) or Table(name=name)
        self.rows = 0
        self.refused: Counter[Place] = Counter()

    def findings(self) -> Iterator[Finding]:
        """Yield what differs, and how much was the same."""
        if self.table.origin is not None:
            return
        found = [finding for keys in self._batches() for finding in self._compared(keys)]
        found += _refused(self.patient, quarantine_of("load", self.name), self.refused)
        do = rebuild(self.patient, f"raw/{self.name}")
        yield from (Finding("error", "", what, do) for what in found)
        if not found:
            yield Finding(
                "ok", "", f"raw/{self.name}: {self.rows:,} rows are what the objects hold"
            )

    def _batches(self) -> Iterator[list[str]]:
        """Yield the keys of the objects whose plan was committed, so many at a time."""
        batch, size = [], 0
        for key in self._taken():
            batch.append(key)
            size += self.patient.lake.size(key)
            if size > BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _taken(self) -> list[str]:
        lake = self.patient.lake
        latest = Plans(lake, "load", self.name).latest()
        committed = tables.committed(lake, f"raw/{self.name}", f"load/{self.name}")
        if latest is None or committed is None:
            return []
        topics = [name for name in objects.topics(lake) if self._feeds(name)]
        open_ = set(map(str, Arrivals(lake, self.name).after(latest, topics)))
        open_ |= set(latest.objects) if committed < latest.number else set()
        listing = [str(key) for name in topics for key in objects.listing(lake, name)]
        return [key for key in listing if key not in open_]

    def _feeds(self, topic: str) -> bool:
        table = self.patient.dataset.table_of_topic(topic)
        return (table.name if table else topic) == self.name

    def _compared(self, keys: Sequence[str]) -> Iterator[str]:
        values = joined(list(inputs.read_objects(self.patient.lake, keys)))
        decoded = records.decode(self.connection, self.table, values, records.of_line)
        self.refused.update(_places(decoded.rejected))
        records.rows(self.connection, self.table, decoded.values).create("_made")
        snapshot = tables.snapshot(self.patient.lake, f"raw/{self.name}")
        assert snapshot is not None
        held = tables.read(self.connection, snapshot)
        held.create_view("_raw", replace=True)
        self.connection.execute(SQL["of_objects"], {"keys": keys})
        self.rows += self._one("SELECT count(*) FROM _held")
        yield from self._differences(held.columns)
        self.connection.execute("DROP TABLE _made; DROP TABLE _held; DROP VIEW _raw")

    def _differences(self, columns: Sequence[str]) -> Iterator[str]:
        what, made = f"raw/{self.name}", self.connection.table("_made").columns
        other = " OR ".join(
            SQL["is_other"].format(column=quoted(each))
            for each in columns
            if each in made and each not in {*PROVENANCE, "_rescued_data"}
        )
        told = {
            "lacks {} rows that objects hold": SQL["lost_rows"],
            "has {} rows that no object holds": SQL["more_rows"],
            "has {} rows that say something else": SQL["other_rows"].format(other=other),
        }
        for text, query in told.items():
            yield from _told(self.connection, query, f"{what} {text}")

    def _one(self, query: str) -> int:
        return int(self.connection.execute(query).fetchone()[0])


def clean_rows(patient: Patient, connection: Any, table: Table) -> Iterator[Finding]:
    """Compare a clean table with what its SQL makes of the raw rows that it took."""
    if table.key is None or (at := _cleaned_upto(patient, table.name)) is None:
        return
    clean, upto = at
    raw = _raw_at(patient, f"raw/{table.name}", upto)
    if raw is None:
        what = f"clean/{table.name} has not taken what raw has now; run it, then look again"
        yield Finding("ok", "", what)
        return
    tables.read(connection, raw).create_view(table.name, replace=True)
    held = tables.read(connection, clean)
    held.create_view("_held", replace=True)
    _cleaned(connection, table)
    found = list(_keys_differ(connection, table, f"clean/{table.name}"))
    rows = SQL["uncleaned_rows"].format(columns=", ".join(map(quoted, held.columns)))
    what = f"clean/{table.name} has {{}} rows that its SQL does not make of raw now"
    found += _told(connection, rows, what)
    do = rebuild(patient, f"clean/{table.name}")
    yield from (Finding("error", "", each, do) for each in found)
    if not found:
        (count,) = connection.execute("SELECT count(*) FROM _held").fetchone()
        yield Finding("ok", "", f"clean/{table.name}: {count:,} rows are what raw gives")


def _cleaned_upto(patient: Patient, name: str) -> tuple[tables.Snapshot, int | None] | None:
    """Return a clean table and up to which version of raw it goes; None: there is none."""
    lake, table = patient.lake, f"clean/{name}"
    for _ in range(TRIES):  # its stage may commit between two looks
        done = tables.committed(lake, table, table)
        latest = Plans(lake, "clean", name).latest()
        clean = tables.snapshot(lake, table)
        if latest is None or clean is None or done is None:
            return None
        if done == tables.committed(lake, table, table):
            return clean, latest.upto if done >= latest.number else latest.after
    return None


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
        found += _refused(self.patient, quarantine_of("stream", self.name), self.refused)
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
                self.refused.update(_places(routing.unrouted(self.connection, [fetched])))
            elif snapshot is not None:
                missing += self._missing(fed.table, fetched)
                if whole:
                    self._keep()
        if missing:
            yield f"stream/{self.name} lacks {missing:,} keys that records of the log have"
        if snapshot is not None and not fed.table.generic:
            yield from _doubles(self.connection, fed.table, f"stream/{self.name}")
        if self._kept:
            columns = ", ".join(map(quoted, self.connection.table("_held").columns))
            query = SQL["other_stream_rows"].format(columns=columns)
            what = f"stream/{self.name} has {{}} rows that no record of the log makes"
            yield from _told(self.connection, query, what)

    def _keep(self) -> None:
        """Keep what was made of a batch, as long as the log has all that the table is of."""
        self.connection.execute(SQL["keep" if self._kept else "begin_to_keep"])
        self._kept = True

    def _missing(self, table: Table, fetched: inputs.Fetched) -> int:
        """Count what of a batch of records is not in the stream table."""
        taken = joined(routing.taken(self.connection, [fetched]))
        decoded = records.decode(self.connection, table, taken, records.as_read)
        self.refused.update(_places(decoded.rejected))
        if table.generic:
            self.connection.register("keys", inputs.Keys([fetched.keys]))
            rows = records.rows(self.connection, table, decoded.values, of_stream=True)
            rows.create_view("_made", replace=True)
            query = SQL["lost_records"]
        else:
            rows = records.rows(self.connection, table, decoded.values)
            rows.create_view(table.name, replace=True)
            _cleaned(self.connection, table)
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
                if planned.log != self.log.log_id(feed.log_name):
                    raise LogExchanged(
                        stage="stream",
                        name=self.name,
                        partition=f"{feed.key}/{state.number}",
                        planned=planned.log,
                        found=self.log.log_id(feed.log_name),
                    )
                upto = planned.upto if done >= plan.number else planned.after
                after = max(state.beginning, state.origin) - 1
                if upto is not None and upto > after:
                    found.append(feed.range(state.number, after, upto))
        return found

    def _states(self, name: Any) -> Sequence[Any]:
        try:
            return self.log.describe(name).partitions
        except TopicUnknown:
            return ()


def _cleaned(connection: Any, table: Table) -> None:
    """Make the view ``_cleaned`` of what the table's SQL makes of the view of its name."""
    where = str(table.clean_path) or table.name
    sql = dialect.with_provenance(table.clean_sql, PROVENANCE, "duckdb", where)
    connection.sql(sql).create_view("_cleaned", replace=True)


def _keys_differ(connection: Any, table: Table, what: str) -> Iterator[str]:
    key = quoted(table.key or "")
    for query, text in (
        ("lost_keys", "lacks {} keys that raw has"),
        ("more_keys", "has {} keys that raw has not"),
    ):
        yield from _told(connection, SQL[query].format(key=key), f"{what} {text}")
    yield from _doubles(connection, table, what)


def _doubles(connection: Any, table: Table, what: str) -> Iterator[str]:
    query = SQL["double_keys"].format(key=quoted(table.key or ""))
    yield from _told(connection, query, f"{what} has {{}} keys more than once")


def _told(connection: Any, query: str, what: str) -> Iterator[str]:
    """Yield a sentence with how many rows a query finds, and the first of them."""
    found = sorted(connection.execute(query).fetchall(), key=str)
    if found:
        yield f"{what.format(f'{len(found):,}')}, such as {', '.join(map(str, found[0]))}"


def _places(rejected: Iterable[Rejected]) -> list[Place]:
    """Return where refused values stood; what stands for an erased record may be kept or not."""
    return [
        (each.source.topic, each.source.partition, each.position, each.reject.element)
        for each in rejected
        if each.reject.content.strip() != b"null"
    ]


def _refused(patient: Patient, table: str, expected: Counter[Place]) -> Iterator[str]:
    """Compare a quarantine with what was refused: nothing is missing, nothing is there twice."""
    import duckdb

    held: Counter[Place] = Counter()
    snapshot = tables.snapshot(patient.lake, table)
    if snapshot is not None:
        rows = tables.read(duckdb, snapshot).project('topic, "partition", "position", element')
        held.update((name, int(part), int(at), place) for name, part, at, place in rows.fetchall())
    if missing := expected - held:
        yield f"{table} lacks {missing.total():,} records, such as {min(missing)}"
    if twice := [place for place, count in held.items() if count > 1]:
        yield f"{table} has {len(twice):,} records more than once, such as {min(twice)}"


def _raw_at(patient: Patient, table: str, version: int | None) -> tables.Snapshot | None:
    """Return a raw table with the rows up to a version, or None where that cannot be read.

    The newest version is as good where it only rewrote them.
    """
    newest = tables.snapshot(patient.lake, table)
    if newest is None or version is None:
        return None
    if not tables.added(patient.lake, table, version, newest.version):
        return newest
    found = tables.snapshot(patient.lake, table, version)
    there = found is not None and all(Path(file).exists() for file in found.files)
    return found if there else None
