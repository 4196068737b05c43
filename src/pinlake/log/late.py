"""A log beside another that may be made later: until then it holds no topic and no stream."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from pinlake.errors import LogClosed, TopicUnknown
from pinlake.log.base import Batch, LogReader, Position, TopicState
from pinlake.record import LogName, Partition


class LateReader:
    """Reads the log in a file from when the file is there. Safe to use from any thread.

    What holds other topics can be read meanwhile. Raises LogUnusable where the file is no log.
    """

    def __init__(self, path: Path, opened: Callable[[], LogReader]) -> None:
        self._path, self._opened = path, opened
        self._reader: LogReader | None = None
        self._closed = False
        self._opening = threading.Lock()

    @property
    def is_there(self) -> bool:
        """Whether there is a file to read."""
        return self._reader is not None or self._path.exists()

    def log_id(self, name: LogName) -> str:
        """Return the identity of the log; raise TopicUnknown."""
        return self._holding(name).log_id(name)

    def names(self, kind: str) -> list[str]:
        """Return the names of all topics or all streams, sorted; none before there is a log."""
        found = self._found()
        return found.names(kind) if found else []

    def describe(self, name: LogName) -> TopicState:
        """Return the state of a topic or stream, or raise TopicUnknown."""
        return self._holding(name).describe(name)

    def read(
        self,
        partition: Partition,
        after: Position | None,
        max_bytes: int,
        upto: Position | None = None,
    ) -> Batch:
        """Return records as the log does, or raise TopicUnknown."""
        return self._holding(partition.log_name).read(partition, after, max_bytes, upto)

    def find_time(self, partition: Partition, time: int) -> Position:
        """Return the position of the first record at or after a time, or the end."""
        return self._holding(partition.log_name).find_time(partition, time)

    def close(self) -> None:
        """Close the log, if it is open. Idempotent."""
        with self._opening:
            self._closed = True
            if self._reader is not None:
                self._reader.close()

    def _holding(self, name: LogName) -> LogReader:
        found = self._found()
        if found is None:
            raise TopicUnknown(kind=name.kind.value, name=name.name)
        return found

    def _found(self) -> LogReader | None:
        with self._opening:
            if self._closed:
                raise LogClosed
            if self._reader is None and self._path.exists():
                self._reader = self._opened()
            return self._reader
