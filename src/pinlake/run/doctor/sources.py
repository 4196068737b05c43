"""Checks of the source: whether it answers, what may be read, by which key, and its clock."""

from __future__ import annotations

from collections.abc import Iterator

from pinlake.errors import SourceFailed
from pinlake.run.doctor.finding import Finding
from pinlake.run.doctor.patient import Patient
from pinlake.source.connection import sqlite_path
from pinlake.source.database import DatabaseSource
from pinlake.source.sample import source_table
from pinlake.table import DatabaseOrigin

SLACK_SECONDS = 60
"""How far the server's clock may be from ours before it is worth a word."""


def source(patient: Patient) -> Iterator[Finding]:
    """Ask the source database for what the data set draws from it."""
    loaded = _loaded(patient)
    file = sqlite_path(patient.home.source_url)
    if not patient.home.settings.source and file and not file.exists() and not loaded:
        yield Finding("ok", "", "there is no source database yet; `pinlake sample` makes one")
        return
    drawn = {source_table(patient.dataset, name) for name in patient.dataset.producer.order}
    with DatabaseSource(patient.home.source_url) as database:
        try:
            yield from _server(patient, database)
        except SourceFailed as error:
            yield Finding("error", "", str(error), "mend it, or the setting `source`")
            return
        for table in sorted(loaded | drawn):
            yield _table(database, table, loaded=table in loaded)


def _loaded(patient: Patient) -> set[str]:
    """Return the tables that load reads from the source."""
    return {
        source_table(patient.dataset, table.name)
        for table in patient.dataset.tables.values()
        if isinstance(table.origin, DatabaseOrigin)
    }


def _server(patient: Patient, database: DatabaseSource) -> Iterator[Finding]:
    before = patient.now()
    server = database.server()
    after = patient.now()
    yield Finding("ok", "", f"{database.shown_url} answers, {server.product} {server.version}")
    if server.clock is None:
        return
    apart = max(before - server.clock, server.clock - after, 0.0)
    if apart > SLACK_SECONDS:
        what = f"the clocks of {database.shown_url} and of this machine are {apart:,.0f} s apart"
        yield Finding("warning", "", what, "set the clock that is wrong (`timedatectl`)")


def _table(database: DatabaseSource, table: str, *, loaded: bool) -> Finding:
    try:
        key, count = database.key(table), database.count(table)
    except SourceFailed as error:
        return Finding("error", "", f"{table}: {error}", "what reads it stops until it is there")
    columns = ", ".join(key.columns)
    if not key.unique:
        what = f"{table} has no key that tells its rows apart"
        do = f"ALTER TABLE {table} ADD PRIMARY KEY (...): load refuses it, post sorts it each time"
        return Finding("error" if loaded else "warning", "", what, do)
    if not key.indexed:
        what = f"{table} is read in the order of {columns}, and no index begins with it"
        do = f"CREATE INDEX {table}_{key.columns[0]} ON {table} ({columns})"
        return Finding("warning", "", what, do)
    return Finding("ok", "", f"{table}: {count:,} rows can be read, by {columns}")
