"""Where a record stands, as Kinesis writes it: hash keys, shard ids, sequence numbers."""

from __future__ import annotations

import hashlib

import msgspec

HASH_KEYS = 2**128
DIGITS = 56

_MARK_END = 2
_SHARD_AT, _TIME_AT, _INDEX_AT, _NIBBLE_AT, _CREATED_AT, _VERSION_AT = 4, 36, 80, 144, 148, 184
_VERSION = 2


class SequenceNumber(msgspec.Struct, frozen=True):
    """What a sequence number says. Times are seconds since the epoch.

    Layout in hexadecimal digits: ``2``, create time (9), shard's last digit (1),
    index (16), ``00``, time (9), shard (8), ``2``. Source: kinesalite, db/index.js.
    """

    created: int
    shard: int
    index: int
    time: int

    def __str__(self) -> str:
        """Return 56 decimal digits, which grow with the index within a shard."""
        number = (
            (_VERSION << _VERSION_AT)
            | (self.created << _CREATED_AT)
            | ((self.shard & 0xF) << _NIBBLE_AT)
            | (self.index << _INDEX_AT)
            | (self.time << _TIME_AT)
            | (self.shard << _SHARD_AT)
            | _MARK_END
        )
        return str(number)


def parse(text: str) -> SequenceNumber | None:
    """Return what a sequence number says, or None where it is none."""
    if not (text.isascii() and text.isdigit() and len(text) == DIGITS):
        return None
    number = int(text)
    found = SequenceNumber(
        created=(number >> _CREATED_AT) & 0xFFFFFFFFF,
        shard=(number >> _SHARD_AT) & 0xFFFFFFFF,
        index=(number >> _INDEX_AT) & 0xFFFFFFFFFFFFFFFF,
        time=(number >> _TIME_AT) & 0xFFFFFFFFF,
    )
    return found if str(found) == text else None


def hash_key(partition_key: str) -> int:
    """Return a partition key's place in 0 .. 2^128 - 1: its MD5 as a big-endian number."""
    digest = hashlib.md5(partition_key.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest, "big")


def even_ranges(shards: int) -> list[tuple[int, int]]:
    """Return the hash key ranges (both ends included) of so many new shards."""
    width = HASH_KEYS // shards
    starts = [width * number for number in range(shards)]
    return list(zip(starts, [*(start - 1 for start in starts[1:]), HASH_KEYS - 1], strict=True))


def shard_id(number: int) -> str:
    """Return ``shardId-000000000000`` for shard 0."""
    return f"shardId-{number:012d}"


def shard_number(text: str) -> int | None:
    """Return the number in a shard id, or None where it is none; bare digits do too."""
    digits = text.removeprefix("shardId-")
    return int(digits) if digits.isascii() and digits.isdigit() else None
