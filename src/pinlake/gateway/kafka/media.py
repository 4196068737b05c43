"""Content negotiation of the Kafka REST proxy: what a body holds, what an answer may be."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from pinlake.gateway.kafka.errors import NEEDS_SCHEMAS, NOT_ACCEPTABLE, UNSUPPORTED, Refused

Embedded = Literal["json", "binary"]

PRODUCED: dict[str, Embedded] = {
    "application/vnd.kafka.json.v2+json": "json",
    "application/vnd.kafka.binary.v2+json": "binary",
    "application/json": "json",
}
"""What a produce may say it sends. Plain JSON is not the proxy's, but real scripts send it."""

WITH_SCHEMAS = ("avro", "jsonschema", "protobuf")

V2 = "application/vnd.kafka.v2+json"
ANSWERED = {
    V2: V2,
    "application/vnd.kafka+json": "application/vnd.kafka+json",
    "application/json": "application/json",
    "application/*": V2,
    "*/*": V2,
}
"""What an Accept may name, the ones we like best first, and what the answer says it is."""


@lru_cache(maxsize=64)
def embedded_format(content_type: str) -> Embedded:
    """Return the embedded format of a produce; refuse one that is not known with 415."""
    name = media_type(content_type)
    if name in PRODUCED:
        return PRODUCED[name]
    offered = " or ".join(list(PRODUCED)[:2])
    schemas = name.startswith("application/vnd.kafka.") and any(
        each in name for each in WITH_SCHEMAS
    )
    raise Refused(
        NEEDS_SCHEMAS if schemas else UNSUPPORTED, content_type=content_type, offered=offered
    )


@lru_cache(maxsize=64)
def answer_type(accept: str) -> bytes:
    """Return the content type of an answer; refuse an Accept that none fits with 406."""
    asked = [_weighed(each) for each in accept.split(",") if each.strip()] or [(V2, 1.0)]
    fitting = [(name, weight) for name, weight in asked if name in ANSWERED and weight > 0]
    if not fitting:
        raise Refused(NOT_ACCEPTABLE, offered=V2)
    most = max(weight for _, weight in fitting)
    best = {name for name, weight in fitting if weight == most}
    return next(answer for name, answer in ANSWERED.items() if name in best).encode()


def media_type(value: str) -> str:
    """Return a media type without its parameters, in lower case."""
    return value.partition(";")[0].strip().lower()


def _weighed(asked: str) -> tuple[str, float]:
    """Return a media type of an Accept header and its ``q``, 1 where it has none."""
    for parameter in asked.lower().split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return media_type(asked), _number(value)
    return media_type(asked), 1.0


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0
