"""What Kafka forgets by its own rules, beside how far the stages have come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pinlake.log.base import LogReader, Position
from pinlake.log.kafka.facts import TopicFacts
from pinlake.log.retention import HOUR_MS
from pinlake.record import Partition, topic
from pinlake.run.doctor.finding import Finding, command
from pinlake.run.doctor.patient import Patient
from pinlake.stage.connector.configuration import connector_of
from pinlake.stage.floor import EVERYTHING, Floor, Passed, floor_of

SHORT_MS = 3_600_000
"""A stage may well be away for an hour."""
NEARLY = 0.5
"""The part of its time that a record may wait before it is worth a word."""

_ALTER = "kafka-configs --alter --entity-type topics --entity-name {name} --add-config "


def retention(
    patient: Patient, reader: LogReader, topics: Sequence[TopicFacts]
) -> Iterator[Finding]:
    """Tell what is gone unread, what soon will be, and which topics keep records for too short."""
    floor = floor_of(patient.home, patient.dataset, connector_of(patient.home.settings.sink).takes)
    for each in topics:
        yield from _short(each, patient.home.settings.sink.rotate_bytes)
        if "READ" in each.rights:
            yield from _behind(patient, reader, floor, each)


def _short(each: TopicFacts, rotate_bytes: int) -> Iterator[Finding]:
    kept_ms, kept_bytes = _number(each, "retention.ms"), _number(each, "retention.bytes")
    alter = _ALTER.format(name=each.name)
    if kept_ms is not None and kept_ms < SHORT_MS:
        what = f"{each.name} keeps records for {_told(kept_ms)}: a stage away for longer loses them"
        yield Finding("warning", "", what, f"{alter}retention.ms=604800000")
    if kept_bytes is not None and kept_bytes < rotate_bytes:
        what = (
            f"{each.name} keeps {kept_bytes:,} bytes of each partition, less than one object "
            f"of the sink may hold (sink.rotate_bytes, {rotate_bytes:,})"
        )
        yield Finding("warning", "", what, f"{alter}retention.bytes=-1, or set sink.rotate_bytes")


def _behind(
    patient: Patient, reader: LogReader, floor: Floor, each: TopicFacts
) -> Iterator[Finding]:
    name = topic(each.name)
    log_id = reader.log_id(name)
    for state in reader.describe(name).partitions:
        partition = Partition(name, state.number)
        for passed in floor.passed(partition, log_id):
            after = passed.position
            if after is not None and after + 1 < state.beginning:
                yield _lost(partition, passed.stage, after, state.beginning)
            elif after != EVERYTHING:
                yield from _waiting(patient, reader, each, partition, passed)


def _lost(partition: Partition, stage: str, after: Position, beginning: Position) -> Finding:
    what = (
        f"{beginning - after - 1:,} records of {partition} are gone unread, positions "
        f"{after + 1} to {beginning - 1}: Kafka has forgotten them before {stage} came to them"
    )
    alter = _ALTER.format(name=partition.log_name.name)
    return Finding("error", "", what, f"{alter}retention.ms=604800000")


def _waiting(
    patient: Patient, reader: LogReader, each: TopicFacts, partition: Partition, passed: Passed
) -> Iterator[Finding]:
    kept_ms = _number(each, "retention.ms")
    oldest = reader.read(partition, passed.position, 1) if kept_ms else None
    if not kept_ms or not oldest:
        return
    age = patient.now() * 1000 - oldest.times[0]
    if age > kept_ms * NEARLY:
        what = (
            f"the oldest record of {partition} that {passed.stage} has not read is {_told(age)} "
            f"old, and Kafka keeps {_told(kept_ms)}"
        )
        do = f"run it: {command(patient.home.path, passed.stage, '--once')}"
        yield Finding("warning", "", what, do)


def _number(each: TopicFacts, setting: str) -> int | None:
    """Return a limit of a topic's; None where there is none, or it cannot be told."""
    value = each.setting(setting)
    return int(value) if value and not value.startswith("-") else None


def _told(milliseconds: float) -> str:
    hours = milliseconds / HOUR_MS
    return f"{hours:,.1f} hours" if hours >= 1 else f"{milliseconds / 60_000:,.1f} minutes"
