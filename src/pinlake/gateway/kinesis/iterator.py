"""Shard iterators: stateless, signed, stamped with their time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime

import msgspec

from pinlake.gateway.kinesis import errors
from pinlake.gateway.kinesis.errors import Refused

LIFETIME_MS = 300_000
SIGNATURE_BYTES = 16


class ShardIterator(msgspec.Struct, frozen=True, array_like=True):
    """The next position to read of a shard. Times are milliseconds since the epoch.

    ``stream_created`` tells a stream from one of the same name made later.
    """

    stream: str
    stream_created: int
    shard: int
    position: int
    created: int

    def sealed(self, key: bytes) -> str:
        """Return the iterator as text that only a holder of the key can make."""
        body = msgspec.json.encode(self)
        return base64.b64encode(_signature(body, key) + body).decode()


def opened(text: str, key: bytes, now: int) -> ShardIterator:
    """Return what a sealed iterator says.

    Refuses one that is not ours (InvalidArgumentException) or older than 300
    seconds (ExpiredIteratorException): it survives a restart, for the key does.
    """
    try:
        sealed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(errors.ITERATOR_INVALID) from None
    signature, body = sealed[:SIGNATURE_BYTES], sealed[SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(body, key)):
        raise Refused(errors.ITERATOR_INVALID)
    iterator = msgspec.json.decode(body, type=ShardIterator)
    _check_age(iterator.created, now)
    return iterator


def key_of(log_id: str) -> bytes:
    """Return the signing key of a log's iterators."""
    return hashlib.sha256(f"pinlake shard iterator {log_id}".encode()).digest()


def _check_age(created: int, now: int) -> None:
    if now - created > LIFETIME_MS:
        times = {"created": _written(created), "now": _written(now)}
        raise Refused(errors.ITERATOR_EXPIRED, lifetime=LIFETIME_MS, **times)


def _signature(body: bytes, key: bytes) -> bytes:
    return hmac.digest(key, body, "sha256")[:SIGNATURE_BYTES]


def _written(time: int) -> str:
    """Return a time as Kinesis writes it: ``Thu Jan 22 01:22:02 UTC 2015``."""
    return datetime.fromtimestamp(time / 1000, UTC).strftime("%a %b %d %H:%M:%S UTC %Y")
