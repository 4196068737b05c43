"""Content negotiation of the Kafka REST proxy: what a body holds, what an answer may be."""

from __future__ import annotations

from typing import Literal

from pinlake.gateway.kafka_errors import NEEDS_SCHEMAS, NOT_ACCEPTABLE, UNSUPPORTED, Refused

Embedded = Literal["json", "binary"]

PRODUCED: dict[str, Embedded] = {
    "application/vnd.kafka.json.v2+json": "json",
    "application/vnd.kafka.binary.v2+json": "binary",
    "application/json": "json",
}
"""What a produce may say it sends. Plain JSON is not the proxy's, but real scripts send it."""

WITH_SCHEMAS = ("avro", "jsonschema", "protobuf")
ANSWERED = (
    "application/vnd.kafka.v2+json",
    "application/vnd.kafka+json",
    "application/json",
    "application/*",
    "*/*",
)


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


def check_accept(accept: str) -> None:
    """Refuse with 406 an Accept that none of our answers fits."""
    names = [media_type(each) for each in accept.split(",") if each.strip()]
    if names and not any(name in ANSWERED for name in names):
        raise Refused(NOT_ACCEPTABLE, offered=ANSWERED[0])


def media_type(value: str) -> str:
    """Return a media type without its parameters, in lower case."""
    return value.partition(";")[0].strip().lower()
