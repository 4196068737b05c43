"""Which partition a record goes to, as Kafka's default partitioner decides."""

from __future__ import annotations

from itertools import count

MASK = 0xFFFFFFFF
M = 0x5BD1E995
SEED = 0x9747B28C


class Partitioner:
    """Gives records with a key the partition of its hash, and others each in turn."""

    def __init__(self) -> None:
        self._turn = count()

    def choose(self, key: bytes | None, partitions: int) -> int:
        """Return a partition number below ``partitions``."""
        if partitions == 1:
            return 0
        if key is None:
            return next(self._turn) % partitions
        return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(value: bytes) -> int:
    """Return Kafka's 32-bit murmur2 hash, unsigned.

    Source: org.apache.kafka.common.utils.Utils.murmur2.
    """
    length = len(value)
    state = SEED ^ length
    whole = length & ~3
    for start in range(0, whole, 4):
        word = int.from_bytes(value[start : start + 4], "little") * M & MASK
        word = (word ^ word >> 24) * M & MASK
        state = (state * M & MASK) ^ word
    if rest := value[whole:]:
        state = (state ^ int.from_bytes(rest, "little")) * M & MASK
    state = (state ^ state >> 13) * M & MASK
    return state ^ state >> 15
