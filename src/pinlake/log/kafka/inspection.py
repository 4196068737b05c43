"""Asking a cluster of itself: its brokers' versions, our rights, how its topics are kept."""

from __future__ import annotations

import logging
import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from pinlake.log.kafka.connection import ANSWER_SECONDS, Connection
from pinlake.log.kafka.facts import ClusterFacts, TopicFacts
from pinlake.log.kafka.failures import FORBIDDEN, configured, told

PROBE = "pinlake-doctor"
_API = re.compile(r"ApiKey (\w+) \(\d+\) Versions \d+\.\.(\d+)")


def inspect(
    connection: Connection, names: Sequence[str], seconds: float = ANSWER_SECONDS
) -> ClusterFacts:
    """Ask a cluster about itself and some of its topics; it is left as it is.

    A topic that is gone meanwhile is left out. Raises LogUnreachable.
    """
    heard = _Versions()
    with configured(connection):
        admin = AdminClient({**connection.admin(), **_listening(heard)})
    with told(connection, None, admin):
        cluster = admin.describe_cluster(request_timeout=seconds).result(seconds + 1)
        topics = _topics(admin, names, seconds)
    admin.poll(0)  # what was logged comes by now
    return ClusterFacts(len(cluster.nodes), heard.versions, topics, _may_create(admin, seconds))


def distrust(connection: Connection, seconds: float = ANSWER_SECONDS) -> str | None:
    """Return why the first broker's certificate is not trusted, by a handshake of our own.

    None where it is trusted or cannot be told: librdkafka itself does not say which it is.
    """
    host, _, port = connection.servers.split(",")[0].rpartition(":")
    authority = connection.settings.get("ssl.ca.location")
    try:
        context = ssl.create_default_context(cafile=authority or None)
        with socket.create_connection((host, int(port)), timeout=seconds) as plain:
            context.wrap_socket(plain, server_hostname=host).close()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except (OSError, ValueError):
        return None
    return None


def _topics(admin: AdminClient, names: Sequence[str], seconds: float) -> tuple[TopicFacts, ...]:
    if not names:
        return ()
    described = admin.describe_topics(
        TopicCollection(list(names)), include_authorized_operations=True, request_timeout=seconds
    )
    kept = admin.describe_configs(
        [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names], request_timeout=seconds
    )
    settings = {asked.name: _settings(answer, seconds) for asked, answer in kept.items()}
    found = []
    for name, answer in described.items():
        try:
            told = answer.result(seconds + 1)
        except KafkaException:
            continue  # it was listed, and is gone or hidden now
        replicas = min((len(each.replicas) for each in told.partitions), default=0)
        found.append(TopicFacts(name, replicas, _rights(told), settings.get(name)))
    return tuple(found)


def _may_create(admin: AdminClient, seconds: float) -> bool:
    """Tell whether topics of any name may be made, by asking for one that is not made."""
    asked = admin.create_topics(
        [NewTopic(PROBE, 1, -1)], validate_only=True, request_timeout=seconds
    )
    try:
        asked[PROBE].result(seconds + 1)
    except KafkaException as error:
        return error.args[0].code() not in FORBIDDEN
    return True


def _settings(answer: Future[Any], seconds: float) -> Mapping[str, str] | None:
    try:
        return {name: str(entry.value) for name, entry in answer.result(seconds + 1).items()}
    except KafkaException as error:
        if error.args[0].code() in FORBIDDEN:
            return None
        return {}  # it is gone


def _rights(described: Any) -> frozenset[str]:
    return frozenset(each.name for each in described.authorized_operations or ())


class _Versions(logging.Handler):
    """Reads the versions of the brokers' APIs from what librdkafka logs of them.

    No call of its tells them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.versions: dict[str, int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line; of several brokers the oldest counts."""
        found = _API.search(record.getMessage())
        if found:
            highest = int(found[2])
            self.versions[found[1]] = min(highest, self.versions.get(found[1], highest))


def _listening(heard: logging.Handler) -> dict[str, Any]:
    made = logging.Logger("pinlake.kafka.versions")  # noqa: LOG001 it ends with its client
    made.addHandler(heard)
    return {"logger": made, "debug": "feature", "log_level": 7}
