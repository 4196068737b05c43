"""Checks of the stages: who lags, what the log may soon forget, and the clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from pinlake.engine.base import marked
from pinlake.lake import progress, tables
from pinlake.lake.progress import Plan, Plans
from pinlake.log.base import LogReader
from pinlake.log.retention import HOUR_MS
from pinlake.record import Kind, LogName, Partition
from pinlake.run.doctor.finding import Finding, command
from pinlake.run.doctor.patient import Patient
from pinlake.stage.connector.configuration import connector_of
from pinlake.stage.floor import EVERYTHING, Floor, floor_of
from pinlake.stage.status import status

SLACK_SECONDS = 60
"""How far ahead a clock may be before it is worth a word."""
STAGES = ("sink", "load", "clean", "stream")


def lagging(patient: Patient) -> Iterator[Finding]:
    """Tell which stage has something to do and does not run, or is behind for long."""
    seen = False
    for each in status(patient.home, patient.dataset, patient.log):
        if not each.lag or (each.stage == "clean" and not _has_news(patient, each.table)):
            continue
        seen = True
        what = f"{each.stage} {each.table} is {each.lag:,} {each.unit} behind"
        if each.running:
            yield Finding("ok", "", f"{what}, and runs")
            continue
        do = f"run it: {_run(patient, each.stage, each.table)}, or `pinlake up` for ever"
        yield Finding("warning", "", f"{what}, and no process runs it", do)
    if not seen:
        yield Finding("ok", "", "no stage is behind")


def _has_news(patient: Patient, table: str) -> bool:
    """Tell whether the raw versions that clean has not taken hold rows that are new."""
    raw = f"raw/{table}"
    head, latest = tables.head(patient.lake, raw), Plans(patient.lake, "clean", table).latest()
    after = latest.upto if latest else None
    return head is not None and bool(tables.added(patient.lake, raw, after, head.version))


def unfinished(patient: Patient) -> Iterator[Finding]:
    """Tell which newest plan was not carried out, and by nobody now."""
    for stage in STAGES:
        for name in progress.names(patient.lake, stage):
            plans = Plans(patient.lake, stage, name)
            latest = plans.latest()
            if latest is None or plans.claimed() or _is_done(patient, stage, name, latest):
                continue
            what = f"plan {latest.number} of {stage} {name} was not carried out to its end"
            do = f"its next run does: {_run(patient, stage, name)}"
            yield Finding("warning", "", what, do)


def retention(patient: Patient) -> Iterator[Finding]:
    """Tell which records are past retention and kept only for a stage that lags."""
    log, limits = patient.log, patient.home.settings.log
    if log is None:
        return
    sunk = connector_of(patient.home.settings.sink).takes
    floor = floor_of(patient.home, patient.dataset, sunk)
    hours = {Kind.TOPIC: limits.retention_hours, Kind.STREAM: limits.stream_retention_hours}
    if patient.home.topics_url != patient.home.log_url:
        hours[Kind.TOPIC] = 0  # Kafka forgets by its own retention
    if patient.home.streams_url != patient.home.log_url:
        hours[Kind.STREAM] = 0  # and so does Kinesis
    for kind in Kind:
        for name in log.names(kind) if hours[kind] else ():
            yield from _kept(patient, log, floor, LogName(kind, name), hours[kind])


def clock(patient: Patient) -> Iterator[Finding]:
    """Compare the clock with the newest record and the newest plan."""
    now = patient.now()
    ahead = {**_records(patient.log), **_plans(patient)}
    late = {what: at for what, at in ahead.items() if at > now + SLACK_SECONDS}
    for what, at in late.items():
        do = (
            "set this machine's clock (`timedatectl`); until then retention and rotation by age "
            "wait for it, and no record is lost"
        )
        told = f"{what} is of {_told(at)}, and this machine's clock says {_told(now)}"
        yield Finding("warning", "", told, do)
    if not late:
        yield Finding("ok", "", "the clock is not behind the data")


def _is_done(patient: Patient, stage: str, name: str, plan: Plan) -> bool:
    if stage == "sink":
        return all(patient.lake.exists(key) for key in plan.objects)
    done = tables.committed(patient.lake, marked(stage, name), f"{stage}/{name}")
    return (done or 0) >= plan.number


def _run(patient: Patient, stage: str, name: str) -> str:
    words = [stage, name] if stage in {"load", "clean"} else [stage]
    return command(patient.home.path, *words, "--once")


def _kept(
    patient: Patient, log: LogReader, floor: Floor, name: LogName, hours: float
) -> Iterator[Finding]:
    before = int(patient.now() * 1000 - hours * HOUR_MS)
    for state in log.describe(name).partitions:
        partition = Partition(name, state.number)
        if state.beginning == state.end:
            continue
        due = log.find_time(partition, before)
        for each in floor.passed(partition, log.log_id(name)):
            passed = state.beginning - 1 if each.position is None else each.position
            if passed != EVERYTHING and passed + 1 < due:
                what = (
                    f"the log keeps {due - passed - 1:,} records of {partition} past their "
                    f"{hours:g} hours, for {each.stage} {each.name} has not taken them"
                )
                do = f"run it: {command(patient.home.path, each.stage, '--once')}"
                yield Finding("warning", "", what, do)


def _records(log: LogReader | None) -> dict[str, float]:
    """Return the time of the newest record of each topic and stream, in seconds."""
    found = {}
    for kind in Kind if log else ():
        assert log is not None
        for name in log.names(kind):
            for state in log.describe(LogName(kind, name)).partitions:
                if state.end > state.beginning:
                    partition = Partition(LogName(kind, name), state.number)
                    batch = log.read(partition, state.end - 2, 1)
                    if not len(batch):  # Kafka's mark of a transaction stands there
                        continue
                    found[f"the newest record of {partition}"] = max(batch.times) / 1000
    return found


def _plans(patient: Patient) -> dict[str, float]:
    """Return when the newest plan of each stage and table was written, in seconds."""
    found = {}
    for stage, name, plan in progress.newest(patient.lake, *STAGES):
        key = Plans(patient.lake, stage, name).key(plan.number)
        found[f"the newest plan of {stage} {name}"] = patient.lake.written(key)
    return found


def _told(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(sep=" ", timespec="seconds")
