"""The errors of the Kinesis API, as a table. Source: the Kinesis API reference."""

from __future__ import annotations

import msgspec


class KinesisError(msgspec.Struct, frozen=True):
    """A row of the table: the error's type, its message's template, the HTTP status."""

    type: str
    message: str
    status: int = 400
    retry_after: int | None = None


class Refused(Exception):  # noqa: N818 it is an answer, not a failure of ours
    """A request is answered with an error of the table."""

    def __init__(self, error: KinesisError, **values: object) -> None:
        super().__init__(error.message.format(**values))
        self.error = error

    @property
    def body(self) -> dict[str, str]:
        """The answer's body."""
        return {"__type": self.error.type, "message": str(self)}


UNKNOWN_OPERATION = KinesisError("UnknownOperationException", "{reason}")
ACCESS_DENIED = KinesisError(
    "AccessDeniedException", "Unable to determine service/operation name to be authorized"
)
MISSING_TOKEN = KinesisError("MissingAuthenticationTokenException", "Missing Authentication Token")
INCOMPLETE_SIGNATURE = KinesisError("IncompleteSignatureException", "{reason}")
INVALID_SIGNATURE = KinesisError(
    "InvalidSignatureException",
    "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
)
SERIALIZATION = KinesisError("SerializationException", "{reason}")
VALIDATION = KinesisError("ValidationException", "{reason}")
INVALID_ARGUMENT = KinesisError("InvalidArgumentException", "{reason}")
HASH_KEY_OUTSIDE = KinesisError(
    "InvalidArgumentException",
    "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
    "Specified value was {value}",
)
STREAM_NOT_FOUND = KinesisError(
    "ResourceNotFoundException", "Stream {stream} under account {account} not found."
)
SHARD_NOT_FOUND = KinesisError(
    "ResourceNotFoundException",
    "Shard {shard} in stream {stream} under account {account} does not exist",
)
SHARD_UNREADABLE = KinesisError(
    "ResourceNotFoundException",
    "Could not find shard {shard} in stream {stream} under account {account}.",
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
ITERATOR_INVALID = KinesisError("InvalidArgumentException", "Invalid ShardIterator.")
ITERATOR_EXPIRED = KinesisError(
    "ExpiredIteratorException",
    "Iterator expired. The iterator was created at time {created} while right now it is {now} "
    "which is further in the future than the tolerated delay of {lifetime} milliseconds.",
)
THROUGHPUT_EXCEEDED = KinesisError(
    "ProvisionedThroughputExceededException",
    "Rate exceeded for shard {shard} in stream {stream} under account {account}.",
)
BUSY = KinesisError("ProvisionedThroughputExceededException", "{reason}")
DRY_RUN = KinesisError(
    "DryRunOperationException", "The request would have succeeded, but DryRun is set."
)
INTERNAL = KinesisError("InternalFailure", "{reason}", 500)
UNAVAILABLE = KinesisError("ServiceUnavailable", "{reason}", 503, retry_after=1)
