"""Batches that were read a moment ago, for who reads them once more."""

from __future__ import annotations

import threading
from collections import OrderedDict

from pinlake.log.base import Batch, Position
from pinlake.record import Partition

A_RECORD = 24
"""Bytes of a record's position, time and two lengths, which a null value takes too."""

Key = tuple[Partition, str, Position | None]
"""A partition, its topic's id, and the position behind which records were asked for."""


class Recent:
    """Holds what was read until it is asked for again, or newer batches need the room.

    Stage stream reads records twice, to measure a plan and to carry it out. ``room`` is
    bytes: less than a plan's, and what is read first is gone when it is asked for. Safe
    to use from any thread.
    """

    def __init__(self, room: int) -> None:
        self._room, self._bytes = room, 0
        self._held: OrderedDict[Key, Batch] = OrderedDict()
        self._changing = threading.Lock()

    def keep(self, key: Key, batch: Batch) -> None:
        """Hold a batch in the place of what is held of its key."""
        with self._changing:
            self._drop(key)
            self._held[key] = batch
            self._bytes += _size(batch)
            while self._bytes > self._room:
                self._drop(next(iter(self._held)))

    def take(self, key: Key, upto: Position | None, max_bytes: int) -> Batch | None:
        """Return a batch that is held and fits whole into what is asked for, once."""
        with self._changing:
            batch = self._held.get(key)
            if batch is None or upto is None or batch.upto > upto:
                return None
            if len(batch.values.blob) > max_bytes:
                return None
            self._drop(key)
            return batch

    def clear(self) -> None:
        """Hold nothing."""
        with self._changing:
            self._held.clear()
            self._bytes = 0

    def _drop(self, key: Key) -> None:
        batch = self._held.pop(key, None)
        self._bytes -= _size(batch) if batch else 0


def _size(batch: Batch) -> int:
    return len(batch.values.blob) + len(batch.keys.blob) + A_RECORD * len(batch)
