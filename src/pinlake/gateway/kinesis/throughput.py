"""What a shard takes in a second, where the limits of the service are enforced."""

from __future__ import annotations

from pinlake.record import Partition

RECORDS_A_SECOND = 1_000
BYTES_A_SECOND = 1_048_576


class Throughput:
    """Counts what each shard took in the second that is running. Belongs to one event loop."""

    def __init__(self) -> None:
        self._second = 0
        self._taken: dict[Partition, tuple[int, int]] = {}

    def take(self, shard: Partition, size: int, now: int) -> bool:
        """Tell whether a shard takes one more record of so many bytes, and count it if so.

        ``now`` is milliseconds since the epoch.
        """
        if now // 1000 != self._second:
            self._second = now // 1000
            self._taken.clear()
        records, taken = self._taken.get(shard, (0, 0))
        if records + 1 > RECORDS_A_SECOND or taken + size > BYTES_A_SECOND:
            return False
        self._taken[shard] = (records + 1, taken + size)
        return True
