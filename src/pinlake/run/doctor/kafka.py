"""Checks of topics in Kafka: reach, versions, rights, and what the cluster may forget unread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import msgspec

from pinlake.errors import LogSignInRefused, LogUntrusted, PinlakeError, TopicUnknown
from pinlake.lake import progress
from pinlake.log.base import LogReader
from pinlake.log.kafka.facts import TopicFacts, too_old
from pinlake.log.open import topics_reader_of
from pinlake.record import Kind, topic
from pinlake.run.doctor.finding import Finding, Severity
from pinlake.run.doctor.kafka_retention import retention
from pinlake.run.doctor.patient import Patient
from pinlake.stage.connector.configuration import connector_of
from pinlake.stage.succession import READERS, log_name

IDENTITY = "kafka:"
NAMED = 3
"""So many topics are named in one finding, the others counted."""


def kafka(patient: Patient) -> Iterator[Finding]:
    """Ask the brokers, where topics are in Kafka."""
    home = patient.home
    if home.topics_url == home.log_url:
        return
    try:
        with closing(topics_reader_of(home)) as reader:
            yield from _asked(patient, reader)
    except LogUntrusted as error:
        yield Finding("error", "", str(error), _certificate(patient))
    except LogSignInRefused as error:
        yield Finding("error", "", str(error), "set what the cluster's owner gave you in [kafka]")
    except PinlakeError as error:
        do = "start the brokers, or mend `topics` and [kafka]; see `pinlake config`"
        yield Finding("error", "", str(error), do)


def _asked(patient: Patient, reader: LogReader) -> Iterator[Finding]:
    from pinlake.log.kafka.connection import connection
    from pinlake.log.kafka.inspection import inspect

    home = patient.home
    takes = connector_of(home.settings.sink).takes
    names = [name for name in reader.names(Kind.TOPIC) if takes(name)]
    facts = inspect(connection(home.topics_url, home.settings.kafka), names)
    what = f"{home.topics_url} answers with {facts.brokers} brokers, and has {len(names):,} topics"
    yield Finding("ok", "", what)
    if old := too_old(facts.versions):
        do = "take brokers of Kafka 2.8 or later: older ones do not tell a topic from its successor"
        yield Finding("error", "", f"the brokers do not speak {', '.join(old)}", do)
    if home.settings.gateway.auto_create_topics and not facts.may_create:
        do = (
            "grant Create to the user of [kafka], on the cluster or on topics by prefix; or make "
            "the topics there, and set gateway.auto_create_topics = false"
        )
        yield Finding("warning", "", "we may not make topics of any name in the cluster", do)
    for row in _ROWS:
        yield from row.of(facts.topics)
    yield from _gone(patient, reader)
    yield from retention(patient, reader, facts.topics)


class _Row(msgspec.Struct, frozen=True):
    """What is told of the topics that a test picks."""

    picks: Callable[[TopicFacts], bool]
    severity: Severity
    what: str
    do: str = ""

    def of(self, topics: Sequence[TopicFacts]) -> Iterator[Finding]:
        """Yield one finding for all topics that are picked."""
        names = [each.name for each in topics if self.picks(each)]
        more = f" and {len(names) - NAMED:,} others" if len(names) > NAMED else ""
        if names:
            told = f"{', '.join(names[:NAMED])}{more}: {self.what}"
            yield Finding(self.severity, "", told, self.do)


_GRANT = "kafka-acls --add --allow-principal User:... --topic ... --operation"
_ROWS = (
    _Row(
        lambda each: "READ" not in each.rights,
        "error",
        "the stages may not read it",
        f"grant it to the user of [kafka]: {_GRANT} Read",
    ),
    _Row(
        lambda each: "WRITE" not in each.rights,
        "warning",
        "the gateway may not write it, and answers 403",
        f"where it is to, grant it to the user of [kafka]: {_GRANT} Write",
    ),
    _Row(
        lambda each: each.settings is None,
        "ok",
        "how long it is kept we may not see (DescribeConfigs)",
    ),
    _Row(
        lambda each: each.replicas == 1,
        "ok",
        "one replica: what is acknowledged is lost with that broker's disk",
    ),
    _Row(
        lambda each: each.replicas > 1 and each.setting("min.insync.replicas") == "1",
        "ok",
        "min.insync.replicas is 1: one broker's disk may be all that an acknowledgement means",
    ),
    _Row(
        lambda each: "compact" in each.setting("cleanup.policy"),
        "warning",
        "it is compacted: all but the newest record of a key are erased, read or not",
        "kafka-configs --alter --entity-type topics --entity-name ... "
        "--add-config cleanup.policy=delete",
    ),
)


def _gone(patient: Patient, reader: LogReader) -> Iterator[Finding]:
    """Tell which topics that stages have read are not there any more, or are others now."""
    for stage, _, plan in progress.newest(patient.lake, *READERS):
        read = {
            log_name(stage, key).name: each.log
            for key, each in plan.ranges.items()
            if each.log.startswith(IDENTITY)
        }
        for topic_name, log_id in sorted(read.items()):
            yield from _exchanged(reader, stage, topic_name, log_id)


def _exchanged(reader: LogReader, stage: str, name: str, log_id: str) -> Iterator[Finding]:
    try:
        found = reader.log_id(topic(name))
    except TopicUnknown:
        what = f"{name}, which {stage} has read, is not in the cluster"
        do = (
            "deleted: what was not read of it is lost, what was read is in the lake; if it is "
            "there, grant Describe on it to the user of [kafka], and see to topics.regex there"
        )
        yield Finding("warning", "", what, do)
        return
    if found != log_id:
        what = f"{name} is not the topic that {stage} has read: it was made again since ({found})"
        do = f"{stage} stops there: post to another topic, or give the new one a --home of its own"
        yield Finding("error", "", what, do)


def _certificate(patient: Patient) -> str:
    from pinlake.log.kafka.connection import connection
    from pinlake.log.kafka.inspection import distrust

    why = distrust(connection(patient.home.topics_url, patient.home.settings.kafka))
    told = f"the broker's certificate is not trusted: {why}; " if why else ""
    return (
        f"{told}have the broker's certificate renewed where it has expired, "
        "or name the authority that signed it: [kafka] ssl.ca.location = <file>.pem"
    )
