"""The rows of raw and clean tables beside what is upstream, made once more by the same code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from pinlake.dataset import Table
from pinlake.engine import inputs, records
from pinlake.engine.base import quarantine_of
from pinlake.engine.cleaning import PROVENANCE
from pinlake.engine.statements import name as quoted
from pinlake.engine.values import joined
from pinlake.lake import objects, tables
from pinlake.lake.progress import Plans
from pinlake.run.doctor import comparison
from pinlake.run.doctor.comparison import SQL, Place
from pinlake.run.doctor.finding import Finding
from pinlake.run.doctor.patient import Patient
from pinlake.run.doctor.tables import rebuild
from pinlake.stage.arrivals import Arrivals

TRIES = 5
BATCH_BYTES = 64 * 1024 * 1024


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
        found += comparison.refused(self.patient, quarantine_of("load", self.name), self.refused)
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
            size += sum(self.patient.lake.sizes([key]))
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
        self.refused.update(comparison.places(decoded.rejected))
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
            yield from comparison.told(self.connection, query, f"{what} {text}")

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
    comparison.clean(connection, table)
    found = list(_keys_differ(connection, table, f"clean/{table.name}"))
    rows = SQL["uncleaned_rows"].format(columns=", ".join(map(quoted, held.columns)))
    what = f"clean/{table.name} has {{}} rows that its SQL does not make of raw now"
    found += comparison.told(connection, rows, what)
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


def _keys_differ(connection: Any, table: Table, what: str) -> Iterator[str]:
    key = quoted(table.key or "")
    for query, text in (
        ("lost_keys", "lacks {} keys that raw has"),
        ("more_keys", "has {} keys that raw has not"),
    ):
        yield from comparison.told(connection, SQL[query].format(key=key), f"{what} {text}")
    yield from comparison.doubles(connection, table, what)


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
    return found if found is not None and not tables.missing(found) else None
