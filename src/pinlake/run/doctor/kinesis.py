"""Checks of streams in a real Kinesis: reach, rights, the streams themselves, and the clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

from pinlake.errors import PinlakeError, TopicUnknown
from pinlake.log.kinesis.connection import connection
from pinlake.log.kinesis.reader import KinesisLogReader
from pinlake.log.retention import HOUR_MS
from pinlake.record import Kind, LogName, Partition, stream
from pinlake.run.doctor.finding import Finding, command
from pinlake.run.doctor.patient import Patient
from pinlake.settings import KINESIS
from pinlake.stage.floor import floor_of
from pinlake.stage.worker import everything

SLACK_SECONDS = 240.0
"""AWS refuses requests of a clock that is further off than five minutes."""

REACH = (
    "see that `streams` names the region and kinesis.endpoint, where it is set, the server; that "
    "credentials are there (kinesis.access_key and .secret_key, AWS_ACCESS_KEY_ID, AWS_PROFILE or "
    "a role); and that they may kinesis:ListStreams, DescribeStreamSummary, ListShards, "
    "GetShardIterator, GetRecords, PutRecords, and CreateStream where the gateway makes streams"
)


NEAR = 0.5
"""The part of a stream's retention that a stage should not be behind."""


def streams(patient: Patient) -> Iterator[Finding]:
    """Ask Kinesis for the streams, and read from one, where streams are there."""
    home = patient.home
    if not home.streams_url.startswith(KINESIS):
        return
    try:
        made = connection(home.streams_url, home.settings.kinesis)
        with closing(KinesisLogReader(made)) as reader:
            names = reader.names(Kind.STREAM)
            told = f"{made.endpoint} answers and has {len(names):,} streams that are read"
            yield Finding("ok", "", told)
            yield from _of_streams(patient, reader, names)
            yield from _of_clock(reader.client.ahead)
    except PinlakeError as error:
        yield Finding("error", "", str(error), REACH)


def _of_streams(
    patient: Patient, reader: KinesisLogReader, names: Sequence[str]
) -> Iterator[Finding]:
    """Tell which tables nothing feeds, and try to read each stream that a table claims."""
    claims = {name: patient.dataset.tables_of_stream(name) for name in names}
    fed = {table.name for claim in claims.values() for table, _ in claim}
    declared = [table.name for table in patient.dataset.tables.values() if table.streams]
    missing = [name for name in declared if name not in fed]
    if missing:
        do = (
            "post a record to it by the gateway, which makes its stream, or create it there; see "
            "that kinesis.only does not leave it out"
        )
        yield Finding("warning", "", f"no stream feeds {', '.join(missing)} yet", do)
    for name in (name for name, claim in claims.items() if claim):
        try:
            status = reader.try_read(stream(name))
        except TopicUnknown:
            continue
        if status not in {"ACTIVE", "UPDATING"}:
            do = "wait until it is ACTIVE; until then puts to it are refused"
            yield Finding("warning", "", f"{name} is {status}", do)
            continue
        yield from _of_retention(patient, reader, stream(name))


def _of_retention(patient: Patient, reader: KinesisLogReader, name: LogName) -> Iterator[Finding]:
    """Tell which stage Kinesis's retention may overtake."""
    held = reader.streams.of(name)
    floor = floor_of(patient.home, patient.dataset, everything)
    for number in held.shards:
        partition = Partition(name, number)
        for each in floor.passed(partition, held.log_id):
            hours = reader.behind(partition, each.position) / HOUR_MS
            if hours > held.retention_hours * NEAR:
                what = (
                    f"{each.stage} {each.name} is {hours:.1f} hours behind in {partition}, and "
                    f"Kinesis keeps records for {held.retention_hours} hours"
                )
                do = (
                    "run it, before records are gone unread: "
                    f"{command(patient.home.path, each.stage, '--once')}; or raise the retention"
                )
                yield Finding("warning", "", what, do)


def _of_clock(ahead: float | None) -> Iterator[Finding]:
    if ahead is not None and abs(ahead) > SLACK_SECONDS:
        what = f"Kinesis's clock and this machine's are {abs(ahead):.0f} seconds apart"
        do = "set this machine's clock (`timedatectl`): AWS refuses what is signed at a wrong time"
        yield Finding("warning", "", what, do)
