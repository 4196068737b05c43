"""Whether the disk has room for more records."""

from __future__ import annotations

import os
from pathlib import Path

from pinlake.errors import LogFull

MOST_OF_DISK = 10
"""The reserve is at most one of so many parts of the disk, so that small disks are of use too."""


class Room:
    """Keeps bytes of a log's disk free: stages need them to come on, so that records may leave."""

    def __init__(self, folder: Path, reserve: int) -> None:
        self._folder, self._reserve = folder, reserve

    def check(self) -> None:
        """Raise LogFull where less than the reserve is free. Takes a microsecond."""
        if self._reserve <= 0:
            return
        disk = os.statvfs(self._folder)
        free = disk.f_bavail * disk.f_frsize
        wanted = kept_free(self._reserve, disk.f_blocks * disk.f_frsize)
        if free < wanted:
            reason = (
                f"{free:,} bytes are free on the disk of {self._folder}, {wanted:,} are kept free"
            )
            raise LogFull(reason=reason)


def kept_free(reserve: int, total: int) -> int:
    """Return how many bytes of a disk are kept free where so many are asked for."""
    return min(reserve, total // MOST_OF_DISK)
