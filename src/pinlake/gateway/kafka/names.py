"""The topic and the partition that a path of the Kafka REST proxy names."""

from __future__ import annotations

from pinlake.gateway.base import Request
from pinlake.gateway.kafka import errors
from pinlake.gateway.kafka.errors import Refused
from pinlake.log.base import TopicState
from pinlake.record import Kind, LogName, is_topic_name


def topic_to_make(request: Request) -> LogName:
    """Return the topic of a path that may make it; refuse a name that no topic can have, 422."""
    name = request.parameters["topic"]
    if not is_topic_name(name):
        raise Refused(errors.TOPIC_INVALID, topic=name)
    return LogName(Kind.TOPIC, name)


def topic_to_find(request: Request) -> LogName:
    """Return the topic of a path; a name that no topic can have is a topic that is not there."""
    name = request.parameters["topic"]
    if not is_topic_name(name):
        raise Refused(errors.TOPIC_NOT_FOUND)
    return LogName(Kind.TOPIC, name)


def partition(request: Request, state: TopicState) -> int:
    """Return the number of the partition of a path; refuse one that is not there with 40402."""
    text = request.parameters["partition"]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Refused(errors.PARTITION_NOT_FOUND)
    if int(text) >= len(state.partitions):
        raise Refused(errors.PARTITION_NOT_FOUND)
    return int(text)
