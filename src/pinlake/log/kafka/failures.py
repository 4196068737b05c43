"""What librdkafka and the broker say, as errors of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException

from pinlake.errors import (
    LogBusy,
    LogFailed,
    LogForbidden,
    LogSignInRefused,
    LogUnreachable,
    LogUntrusted,
    PartitionUnknown,
    PinlakeError,
    RecordTooLarge,
    SettingInvalid,
    TopicExists,
    TopicUnknown,
)
from pinlake.log.kafka.connection import Connection
from pinlake.record import LogName

NO_TOPIC = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC})  # noqa: SLF001

MOVING = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,  # a topic made again begins with an epoch of its own
    }
)

FORBIDDEN = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
    }
)

_SHUT_OUT = {KafkaError._AUTHENTICATION: LogSignInRefused, KafkaError._SSL: LogUntrusted}  # noqa: SLF001
_AWAY = (KafkaError._RESOLVE, KafkaError._TRANSPORT)  # noqa: SLF001


class Polled(Protocol):
    """A client whose callbacks are served when it is polled."""

    def poll(self, timeout: float) -> object:
        """Serve what waits."""
        ...


class LeaderMoving(LogUnreachable):
    """Kafka at {servers} moves a partition to another broker: {reason}; send it again."""


def failure(error: KafkaError, name: LogName | None, connection: Connection) -> PinlakeError:
    """Return the error of ours; ``name`` is the topic that was asked for."""
    reason = connection.masked(error.str()).rstrip(".")
    if error.code() in MOVING:
        return LeaderMoving(servers=connection.servers, reason=reason)
    if error.code() == KafkaError._QUEUE_FULL:  # noqa: SLF001
        return LogBusy(reason="the queue to Kafka is full")
    if error.code() in FORBIDDEN:
        what = f"topic {name.name}" if name is not None else "the cluster"
        return LogForbidden(servers=connection.servers, what=what, reason=reason)
    named = _of_topic(error.code(), name, reason) if name is not None else None
    return named or unreachable(reason, connection)


def _of_topic(code: int, name: LogName, reason: str) -> PinlakeError | None:
    kind = name.kind.value
    if code in NO_TOPIC:
        return TopicUnknown(kind=kind, name=name.name)
    if code == KafkaError._UNKNOWN_PARTITION:  # noqa: SLF001
        return PartitionUnknown(kind=kind, name=name.name, number="of that number")
    if code == KafkaError.TOPIC_ALREADY_EXISTS:
        return TopicExists(kind=kind, name=name.name)
    if code in {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError._INVALID_ARG}:  # noqa: SLF001
        return RecordTooLarge(name=name.name, reason=reason)
    return None


def unreachable(reason: str, connection: Connection) -> LogFailed:
    """Return the error for a broker that does not do what it is asked, with why it does not."""
    for code, kind in _SHUT_OUT.items():
        if heard := connection.heard.reason(code):
            return kind(servers=connection.servers, reason=connection.masked(heard))
    forbidden = connection.heard.reason(KafkaError.CLUSTER_AUTHORIZATION_FAILED)
    if forbidden:
        reason = connection.masked(forbidden)
        return LogForbidden(servers=connection.servers, what="the cluster", reason=reason)
    heard = next(filter(None, map(connection.heard.reason, _AWAY)), None)
    told = f"{reason} ({heard})" if heard else reason
    return LogUnreachable(servers=connection.servers, reason=connection.masked(told))


@contextmanager
def configured(connection: Connection) -> Iterator[None]:
    """Raise SettingInvalid where librdkafka does not take the settings in the block."""
    try:
        yield
    except KafkaException as error:
        reason = connection.masked(error.args[0].str())
        raise SettingInvalid(
            where="settings", name="kafka", value=sorted(connection.settings), reason=reason
        ) from None


@contextmanager
def told(
    connection: Connection, name: LogName | None = None, client: Polled | None = None
) -> Iterator[None]:
    """Raise what goes wrong in the block as errors of ours, with what ``client`` heard of it."""
    try:
        yield
    except KafkaException as error:
        _serve(client)
        raise failure(error.args[0], name, connection) from None
    except TimeoutError as error:
        _serve(client)
        raise unreachable(f"no answer ({error})", connection) from None


def _serve(client: Polled | None) -> None:
    if client is not None:
        client.poll(0)
