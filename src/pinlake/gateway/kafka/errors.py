"""The errors of the Kafka REST proxy, as a table.

Source: the Kafka REST proxy's API reference, version 2; where lists differ,
docs/gateway.md is what this gateway answers.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pinlake.gateway.base import Response

CONTENT_TYPE = b"application/vnd.kafka.v2+json"


class KafkaError(msgspec.Struct, frozen=True):
    """A row of the table: HTTP status, the error code of the body, the message's template."""

    status: int
    code: int
    message: str
    retry_after: int | None = None


MALFORMED = KafkaError(400, 400, "{reason}")
FOREIGN_ORIGIN = KafkaError(
    403, 403, "Forbidden: pages of {origin} may not write here, only pages of this machine."
)
FORBIDDEN = KafkaError(403, 40301, "Kafka authorization error: {reason}")
NO_SUCH_PATH = KafkaError(404, 404, "HTTP 404 Not Found: {path}; /docs lists what there is.")
TOPIC_NOT_FOUND = KafkaError(404, 40401, "Topic not found.")
PARTITION_NOT_FOUND = KafkaError(404, 40402, "Partition not found.")
CONSUMERS_LATER = KafkaError(
    404, 404, "HTTP 404 Not Found: {path}; consumers come in a later version."
)
METHOD_NOT_ALLOWED = KafkaError(405, 405, "HTTP 405 Method Not Allowed: use {allowed}.")
NOT_ACCEPTABLE = KafkaError(406, 406, "HTTP 406 Not Acceptable: this answers {offered}.")
TOO_LARGE = KafkaError(413, 413, "The body is larger than {limit} bytes: send fewer records.")
RECORD_TOO_LARGE = KafkaError(413, 413, "{reason}")
UNSUPPORTED = KafkaError(
    415, 415, "HTTP 415 Unsupported Media Type: {content_type!r}; send {offered}."
)
NEEDS_SCHEMAS = KafkaError(
    415, 415, "{content_type!r} needs a schema registry, which there is none of; send {offered}."
)
NO_RECORDS = KafkaError(422, 422, "Payload error: `records` may not be empty.")
TOPIC_INVALID = KafkaError(
    422, 422, "{topic!r} is no topic name: 1 to 220 of [a-zA-Z0-9._-], not '.' or '..'."
)
TOPIC_NOT_TAKEN = KafkaError(422, 422, "{reason}")
CONVERSION = KafkaError(422, 42203, "Conversion error: record {number}: {reason}.")
UNEXPECTED = KafkaError(500, 50001, "Unexpected error; the gateway's log says more.")
LOG_ERROR = KafkaError(500, 50002, "Kafka error: {reason}")
LOG_RETRIABLE = KafkaError(500, 50003, "Kafka retriable error: {reason}", retry_after=1)
LOG_UNAVAILABLE = KafkaError(503, 50302, "The log is not available: {reason}", retry_after=1)


class Refused(Exception):  # noqa: N818 it is an answer, not a failure of ours
    """A request is answered with an error of the table."""

    def __init__(self, error: KafkaError, **values: object) -> None:
        super().__init__(error.message.format(**values))
        self.error, self.values = error, values


def answer(error: KafkaError, **values: object) -> Response:
    """Return the answer that an error of the table is."""
    body = {"error_code": error.code, "message": error.message.format(**values)}
    return Response(error.status, msgspec.json.encode(body), CONTENT_TYPE, _headers(error, values))


def _headers(error: KafkaError, values: Mapping[str, object]) -> tuple[tuple[bytes, bytes], ...]:
    if error.retry_after is not None:
        return ((b"retry-after", str(error.retry_after).encode()),)
    if error is METHOD_NOT_ALLOWED:
        return ((b"allow", str(values["allowed"]).encode()),)
    return ()
