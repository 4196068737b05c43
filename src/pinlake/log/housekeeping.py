"""Trims a log by its retention while others append: by a thread of its own, a segment at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Self

from pinlake.errors import LogClosed, PartitionUnknown, TopicUnknown
from pinlake.log.base import Log, Position, Segment
from pinlake.log.clock import Clock
from pinlake.log.retention import Floor, Retention, past, retention_of, spared
from pinlake.record import Kind, LogName, Partition
from pinlake.settings import Log as Settings
from pinlake.telemetry import logger

_events = logger("log")


class Housekeeper:
    """Looks every ``trim_seconds`` for records that may go, from ``with`` until its end.

    ``trimmed`` counts the bytes that it let go, of values and keys.
    """

    def __init__(self, log: Log, settings: Settings, floor: Floor, clock: Clock) -> None:
        self._log, self._settings, self._floor, self._clock = log, settings, floor, clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-housekeeper", daemon=True)
        self.trimmed = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def look(self) -> None:
        """Trim what may go now; what fails is logged, and tried again at the next look."""
        for partition, retention in self._partitions():
            if self._stop.is_set():
                return
            try:
                self._tend(partition, retention)
            except (TopicUnknown, PartitionUnknown, LogClosed):
                continue  # it went meanwhile
            except Exception as error:  # noqa: BLE001 the others' records have to go
                _events.warning("trim failed", partition=str(partition), reason=repr(error))

    def _run(self) -> None:
        while not self._stop.wait(self._settings.trim_seconds):
            try:
                self.look()
            except LogClosed:
                return
            except Exception:  # noqa: BLE001 the gateway goes on, and so do later looks
                _events.exception("look failed")

    def _partitions(self) -> Iterator[tuple[Partition, Retention]]:
        for kind in Kind:
            for name in self._log.names(kind):
                with suppress(TopicUnknown):  # it went meanwhile
                    state = self._log.describe(LogName(kind, name))
                    retention = retention_of(kind, state.attributes, self._settings)
                    for each in state.partitions:
                        yield Partition(state.name, each.number), retention

    def _tend(self, partition: Partition, retention: Retention) -> None:
        segments = self._log.segments(partition)
        stop = past(segments, retention, self._clock())
        if stop is None:
            return
        floor = self._floor(partition, self._log.log_id(partition.log_name))
        free = spared(segments, stop, floor)
        if free is not None:
            self._trim(partition, [each for each in segments if each.stop <= free])

    def _trim(self, partition: Partition, segments: list[Segment]) -> None:
        """Let segments go one by one, so that appends come between them."""
        before: Position = segments[0].start
        for each in segments:
            if self._stop.is_set():
                break
            self._log.trim(partition, each.stop)
            before, self.trimmed = each.stop, self.trimmed + each.bytes
        _events.info("trimmed", partition=str(partition), before=before)
