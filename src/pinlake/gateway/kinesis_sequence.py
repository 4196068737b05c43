"""Where a record stands, as Kinesis writes it: hash keys, shard ids, sequence numbers."""

from __future__ import annotations

import hashlib

import msgspec

HASH_KEYS = 2**128
HEX_DIGITS = 47
DIGITS = 56


class Sequence(msgspec.Struct, frozen=True):
    """What a sequence number says. Times are seconds since the epoch.

    ``index`` 0 is the shard's beginning, before its first record; the record at
    log position p has index p + 1. Layout in hex, after kinesalite's
    db/index.js: ``2``, create time (9), shard (1), index (16), ``00``, time (9),
    shard (8), ``2``.
    """

    created: int
    shard: int
    index: int
    time: int

    def __str__(self) -> str:
        """Return 56 decimal digits, which grow with the index within a shard."""
        text = (
            f"2{self.created:09x}{self.shard & 0xF:x}{self.index:016x}00"
            f"{self.time:09x}{self.shard:08x}2"
        )
        return f"{int(text, 16):0{DIGITS}d}"


def parse(text: str) -> Sequence | None:
    """Return what a sequence number says, or None where it is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS):
        return None
    digits = f"{int(text):x}"
    if len(digits) != HEX_DIGITS or digits[0] != "2" or digits[-1] != "2":
        return None
    return Sequence(
        created=int(digits[1:10], 16),
        shard=int(digits[38:46], 16),
        index=int(digits[11:27], 16),
        time=int(digits[29:38], 16),
    )


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
