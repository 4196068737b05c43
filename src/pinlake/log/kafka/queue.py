"""How much may wait for the broker: what is over is refused before memory grows."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from pinlake.errors import LogBusy


class Queue:
    """Counts the records that are on their way. Safe to use from any thread.

    Its limits are librdkafka's own settings, refused here first, so that of a
    submit all records are taken or none.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._most_records = int(settings["queue.buffering.max.messages"])
        self._most_bytes = int(settings["queue.buffering.max.kbytes"]) * 1024
        self._records = self._bytes = 0
        self._changed = threading.Lock()

    def take(self, records: int, size: int) -> None:
        """Count records in, or raise LogBusy."""
        with self._changed:
            if self._records + records > self._most_records or self._bytes + size > (
                self._most_bytes
            ):
                raise LogBusy(reason=f"{self._records:,} records wait for Kafka")
            self._records += records
            self._bytes += size

    def give(self, records: int, size: int) -> None:
        """Count records out."""
        with self._changed:
            self._records -= records
            self._bytes -= size
