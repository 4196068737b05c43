"""The errors of the Kinesis API, as a table. Source: the Kinesis API reference."""

from __future__ import annotations

import msgspec


class KinesisError(msgspec.Struct, frozen=True):
    """A row of the table: the error's type, its message's template, the HTTP status."""

    type: str
    message: str
    status: int = 400


class Refused(Exception):  # noqa: N818 it is an answer, not a failure of ours
    """A request is answered with an error of the table."""

    def __init__(self, error: KinesisError, **values: object) -> None:
        super().__init__(error.message.format(**values))
        self.error = error


UNKNOWN_OPERATION = KinesisError("UnknownOperationException", "{reason}")
ACCESS_DENIED = KinesisError(
    "AccessDeniedException", "Unable to determine service/operation name to be authorized"
)
MISSING_TOKEN = KinesisError("MissingAuthenticationTokenException", "Missing Authentication Token")
INCOMPLETE_SIGNATURE = KinesisError(
    "IncompleteSignatureException",
    "Authorization header requires {missing}. Authorization={header}",
)
SERIALIZATION = KinesisError("SerializationException", "{reason}")
VALIDATION = KinesisError("ValidationException", "{reason}")
INVALID_ARGUMENT = KinesisError("InvalidArgumentException", "{reason}")
STREAM_NOT_FOUND = KinesisError(
    "ResourceNotFoundException", "Stream {stream} under account {account} not found."
)
SHARD_NOT_FOUND = KinesisError(
    "ResourceNotFoundException",
    "Shard {shard} in stream {stream} under account {account} does not exist",
)
STREAM_EXISTS = KinesisError(
    "ResourceInUseException", "Stream {stream} under account {account} already exists."
)
STREAM_NOT_ACTIVE = KinesisError(
    "ResourceInUseException",
    "Stream {stream} under account {account} not ACTIVE, instead in state {status}",
)
LIMIT_EXCEEDED = KinesisError(
    "LimitExceededException",
    "This request would exceed the shard limit for the account {account} in {region}. "
    "Current shard count for the account: {current}. Limit: {limit}. "
    "Number of additional shards that would have resulted from this request: {more}.",
)
EXPIRED_ITERATOR = KinesisError(
    "ExpiredIteratorException",
    "Iterator expired. The iterator was created at time {created} while right now it is {now} "
    "which is further in the future than the tolerated delay of 300000 milliseconds.",
)
INTERNAL = KinesisError("InternalFailure", "{reason}", 500)
