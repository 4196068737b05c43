"""How Kafka is reached: the URL, the user's settings of librdkafka, and what of them is secret."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog

from pinlake.errors import ExtraMissing, SettingInvalid
from pinlake.log.kafka.heard import Heard
from pinlake.log.kafka.msk import signed_in
from pinlake.settings import KAFKA
from pinlake.telemetry import logger

ANSWER_SECONDS = 5.0
"""How long a broker may take to answer before it counts as not reachable."""

_ADDRESS = re.compile(r"[^\s/@,]+:\d{1,5}(,[^\s/@,]+:\d{1,5})*\Z")
USER = "sasl.username"
_AS_A_WORD = ("%s", r"(?<!\w)%s(?!\w)")
"""Secrets are masked wherever they stand; a user called ``all`` not within other words."""

_SHOWN = re.compile(
    r"(security\.protocol|topics\.regex|.*\.mechanisms?|.*\.(ms|bytes|kbytes|messages))\Z"
)
_OURS = frozenset(
    {"acks", "enable.idempotence", "request.required.acks", "bootstrap.servers", "group.id"}
    | {"enable.auto.commit", "isolation.level", "auto.offset.reset", "enable.partition.eof"}
)

PRODUCER: Mapping[str, Any] = {
    "enable.idempotence": True,
    "acks": "all",
    "allow.auto.create.topics": False,
    "linger.ms": 1,
    "delivery.timeout.ms": 10_000,
    "topic.metadata.propagation.max.ms": 3_000,
    "queue.buffering.max.kbytes": 64 * 1024,
    "queue.buffering.max.messages": 100_000,
}
"""What a producer has unless ``[kafka]`` says otherwise; the first two cannot be changed."""

CONSUMER: Mapping[str, Any] = {
    "group.id": "pinlake",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",
    "allow.auto.create.topics": False,
    "queued.max.messages.kbytes": 16 * 1024,
    "fetch.wait.max.ms": 100,
    "fetch.queue.backoff.ms": 5,  # it is 1000: once its queue is full, nothing comes for so long
}
"""What a consumer has. The group is a name for the broker's list: nothing is committed to it."""

_PRODUCING = re.compile(r"(linger|delivery|message\.timeout|queue\.buffering|batch|compression)")
_CONSUMING = re.compile(r"(fetch|queued|max\.partition|check\.crcs)")


TOPICS = "topics.regex"
INTERNAL = "__"
"""How the names of Kafka's own topics begin."""


class Connection(msgspec.Struct, frozen=True):
    """A cluster's addresses and the user's settings, by librdkafka's own names."""

    servers: str
    settings: Mapping[str, str] = {}
    heard: Heard = msgspec.field(default_factory=Heard)

    def __repr__(self) -> str:
        """Show the addresses, and nothing that one signs in with."""
        return f"Connection({self.servers!r})"

    def producer(self) -> dict[str, Any]:
        """Return the configuration of a producer."""
        return self._made(PRODUCER, _CONSUMING)

    def consumer(self) -> dict[str, Any]:
        """Return the configuration of a consumer."""
        return self._made(CONSUMER, _PRODUCING)

    def admin(self) -> dict[str, Any]:
        """Return the configuration of a client that asks and makes."""
        return self._made({}, re.compile(f"{_CONSUMING.pattern}|{_PRODUCING.pattern}"))

    def takes(self, name: str) -> bool:
        """Tell whether a topic is one of ours: not Kafka's own, and named by ``topics.regex``.

        Matched as Kafka Connect does: the whole name.
        """
        wanted = self.settings.get(TOPICS, ".*")
        return not name.startswith(INTERNAL) and re.fullmatch(wanted, name) is not None

    def masked(self, text: object) -> str:
        """Return a text without any value of the settings that is not known to be harmless."""
        shown = str(text)
        longest = sorted(self.settings.items(), key=lambda item: (item[0] == USER, -len(item[1])))
        for name, value in longest:  # the user's name may stand in the password
            if value and not is_shown(name):
                shown = re.sub(_AS_A_WORD[name == USER] % re.escape(value), "***", shown)
        return shown

    def _made(self, own: Mapping[str, Any], others: re.Pattern[str]) -> dict[str, Any]:
        given = {key: value for key, value in self.settings.items() if not others.match(key)}
        given.pop(TOPICS, None)
        made = {"bootstrap.servers": self.servers, **own, **given}
        return signed_in(made) | {"logger": _log_of(self), "error_cb": self.heard.hear}


def is_shown(name: str) -> bool:
    """Tell whether the value of a setting of ``[kafka]`` may be shown."""
    return _SHOWN.match(name) is not None


def connection(url: str, settings: Mapping[str, str]) -> Connection:
    """Return the connection of ``kafka://host:port[,host:port]``; raise SettingInvalid.

    Also raises ExtraMissing where confluent-kafka is not installed.
    """
    servers = url.removeprefix(KAFKA)
    if not url.startswith(KAFKA) or not _ADDRESS.match(servers):
        reason = f"Kafka's URL is {KAFKA}<host>:<port>[,<host>:<port>]; sign in by [kafka]"
        raise SettingInvalid(where="settings", name="topics", value=_hidden(url), reason=reason)
    for name in settings:
        if name in _OURS:
            reason = "pinlake sets it, for exactly once depends on it; leave it out"
            raise SettingInvalid(
                where="settings", name=f"kafka.{name}", value=settings[name], reason=reason
            )
    _check_regex(settings.get(TOPICS, ""))
    _check_installed()
    return Connection(servers, dict(settings))


def _hidden(url: str) -> str:
    return re.sub(r"//.*@", "//***@", url)


def _check_regex(text: str) -> None:
    try:
        re.compile(text)
    except re.error as error:
        reason = f"it is no regular expression ({error})"
        raise SettingInvalid(
            where="settings", name=f"kafka.{TOPICS}", value=text, reason=reason
        ) from error


def _check_installed() -> None:
    try:
        import confluent_kafka  # noqa: F401
    except ImportError as error:
        raise ExtraMissing(what="Kafka", extra="kafka") from error


def _log_of(connection: Connection) -> logging.Logger:
    """Return the logger that librdkafka writes to: events of ours, without secrets."""
    made = logging.Logger("pinlake.kafka")  # noqa: LOG001 each masks the secrets of its own connection
    made.addHandler(_Events(connection))
    return made


class _Events(logging.Handler):
    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection
        self._events = logger("log")

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line of librdkafka's as an event, where a command has said where events go."""
        if structlog.is_configured():
            self._events.info("kafka", reason=self._connection.masked(record.getMessage()))
