"""Reading an answer: which records are acknowledged, which are refused, which may pass later."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from pinlake.producer.connection import THROTTLED, Answer


class Failure(msgspec.Struct, frozen=True):
    """Why a record is not acknowledged, and whether it may be when sent again."""

    message: str
    passing: bool = False


class Terms(msgspec.Struct, frozen=True):
    """What a protocol calls a record's position, error code and message, and which codes pass."""

    position: str
    code: str
    message: str
    retriable: frozenset[int | str]


# Source: the produce response of Kafka REST v2; PutRecords in the Kinesis API reference.
KAFKA = Terms("offset", "error_code", "error", frozenset({2, 50002, 50003}))
KINESIS = Terms(
    "SequenceNumber", "ErrorCode", "ErrorMessage", frozenset({*THROTTLED, "InternalFailure"})
)


def kafka_failures(answer: Answer, count: int) -> list[Failure | None]:
    """Return for each of ``count`` records None, acknowledged, or its failure."""
    return _failures(answer, _entries(answer, "offsets"), count, KAFKA)


def kinesis_failures(answer: Answer, count: int) -> list[Failure | None]:
    """Return for each of ``count`` records None, acknowledged, or its failure."""
    entries = _entries(answer, "Records") if count > 1 else [_object(answer)]
    return _failures(answer, entries, count, KINESIS)


def _failures(answer: Answer, entries: list[Any], count: int, terms: Terms) -> list[Failure | None]:
    if not 200 <= answer.status < 300:
        return [Failure(f"{answer.status} {answer.message}")] * count
    if len(entries) != count:
        return [_strange(answer)] * count
    return [_failure(answer, entry, terms) for entry in entries]


def _failure(answer: Answer, entry: Any, terms: Terms) -> Failure | None:
    if not isinstance(entry, dict):
        return _strange(answer)
    if entry.get(terms.position) is not None:
        return None
    code = entry.get(terms.code)
    if code is None:
        return _strange(answer)
    return Failure(f"{code} {entry.get(terms.message)}", code in terms.retriable)


def _entries(answer: Answer, name: str) -> list[Any]:
    entries = _object(answer).get(name)
    return entries if isinstance(entries, list) else []


def _object(answer: Answer) -> dict[str, Any]:
    try:
        value = json.loads(answer.body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _strange(answer: Answer) -> Failure:
    """Return the failure of a record that nothing acknowledges: no gateway answers like this."""
    said = f"{answer.status} without an acknowledgement: is this a gateway? {answer.message}"
    return Failure(said)
