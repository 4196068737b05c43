"""Checks of tables by their logs: whether they open, what lies around, what was refused."""

from __future__ import annotations

from collections.abc import Iterator

from pinlake.engine.base import output_of
from pinlake.errors import PinlakeError
from pinlake.lake import commits, mending, tables
from pinlake.run.doctor.finding import Finding, rebuild_clean, rebuild_raw, rebuild_stream
from pinlake.run.doctor.patient import Patient
from pinlake.stage.upkeep import writer_of

MANY_REFUSED = 0.1
REASONS = 3
_BY_REASON = "reason, count(*) AS many"


def tables_open(patient: Patient) -> Iterator[Finding]:
    """Open each table, and look for its files."""
    names = tables.names(patient.lake)
    broken = 0
    for table in names:
        for finding in _of_table(patient, table):
            broken += 1
            yield finding
    if not broken:
        yield Finding("ok", "", f"{len(names)} tables open, and all their files are there")


def left_over(patient: Patient) -> Iterator[Finding]:
    """Look for commits that were set aside as torn."""
    for table in tables.names(patient.lake):
        torn = [
            name
            for name in patient.lake.children(f"{table}/{commits.LOG}")
            if name.endswith(commits.TORN)
        ]
        if torn:
            what = f"{table}: {', '.join(torn)} was torn by a power cut and set aside"
            do = "its plan was carried out again; delete the file when you have seen enough"
            yield Finding("warning", "", what, do)


def quarantined(patient: Patient) -> Iterator[Finding]:
    """Count what each stage could not make rows of, by reason."""
    import duckdb

    for table in tables.names(patient.lake):
        refused = table.startswith("quarantine/")
        snapshot = tables.snapshot(patient.lake, table) if refused else None
        if snapshot is None or not snapshot.files:
            continue
        rows = tables.read(duckdb, snapshot).aggregate(_BY_REASON, "reason")
        found = sorted(((many, reason) for reason, many in rows.fetchall()), reverse=True)
        total = sum(many for many, _ in found)
        held = tables.size(patient.lake, output_of(*writer_of(table)))
        much = total > MANY_REFUSED * (total + (held.rows if held else 0))
        reasons = "; ".join(f"{many:,} {reason}" for many, reason in found[:REASONS])
        do = "see the rows' reason and bytes; mend the producer, or the data set's columns"
        yield Finding(
            "warning" if much else "ok", "", f"{table}: {total:,} ({reasons})", do if much else ""
        )


def rebuild(patient: Patient, table: str) -> str:
    """Say how to make a table again from what is upstream of it."""
    stage, name = writer_of(table)
    how = {"load": rebuild_raw, "clean": rebuild_clean, "stream": rebuild_stream}[stage]
    return how(patient.home, name)


def _of_table(patient: Patient, table: str) -> Iterator[Finding]:
    newest = commits.newest(patient.lake, table)
    try:
        snapshot = tables.snapshot(patient.lake, table)
    except PinlakeError as error:
        yield Finding("error", "", str(error), rebuild(patient, table))
        return
    if newest is not None and mending.is_torn(patient.lake, table, newest):
        do = "the next run of its stage sets it aside and commits the same rows again"
        yield Finding("warning", "", f"{table}: the newest commit, {newest}, is torn", do)
        return
    missing = tables.missing(snapshot) if snapshot else []
    if missing:
        what = f"{table}: {len(missing)} of its files are gone, such as {missing[0]}"
        do = f"put the files back from a copy; without one {rebuild(patient, table)}"
        yield Finding("error", "", what, do)
