"""The embedded log: one SQLite database, one writer, any number of readers."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from pinlake.errors import LogClosed, LogFailed, LogFull, PinlakeError
from pinlake.log import file, waiting
from pinlake.log.base import (
    Append,
    Attributes,
    Done,
    PartitionSpec,
    Position,
    Segment,
    TopicState,
)
from pinlake.log.clock import Clock, milliseconds
from pinlake.log.committer import Committer, Group, Submission, gather
from pinlake.log.reader import SqliteLogReader
from pinlake.log.room import Room
from pinlake.log.segments import SegmentLimits
from pinlake.log.store import Store
from pinlake.record import LogName, Partition, Record
from pinlake.telemetry import logger

__all__ = ["SqliteLog", "SqliteLogReader"]

Result = TypeVar("Result")
Change = Callable[[], None]

_events = logger("log")


class SqliteLog(SqliteLogReader):
    """The log's one writer. Safe to use from any thread; the lock is held until close.

    ``done`` is called on the committer's thread: it must be quick, and must not
    call a method of the log that waits. ``max_bytes`` limits the database, and
    ``min_free_bytes`` of the disk are left: what does not fit fails with LogFull,
    until records are trimmed, or there is room.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock = milliseconds,
        max_bytes: int | None = None,
        *,
        min_free_bytes: int = 0,
        segment: SegmentLimits | None = None,
    ) -> None:
        self._lock = file.hold_lock(path)
        room = Room(path.parent, min_free_bytes)
        try:
            with file.unusable(path):
                self._store = Store(path, clock, segment or SegmentLimits(), room)
            super().__init__(path)
        except PinlakeError:
            os.close(self._lock)
            raise
        if max_bytes is not None:
            self._store.limit(max_bytes)
        self._committer: Committer[Submission | Change] = Committer(self._work)
        self._sweep_on()

    def names(self, kind: str) -> list[str]:
        """Return the names of all topics or all streams, sorted, from memory."""
        self._check_open()
        return self._store.topics.of_kind(kind)

    def describe(self, name: LogName) -> TopicState:
        """Return the state of a topic or stream from memory, or raise TopicUnknown."""
        self._check_open()
        return self._store.topics[name].state()

    def create(
        self,
        name: LogName,
        partitions: Sequence[PartitionSpec] = (PartitionSpec(),),
        attributes: Attributes = {},
    ) -> TopicState:
        """Create a topic or stream, durably; raise TopicExists where there is one."""
        return self._change(lambda: self._store.create(name, partitions, attributes))

    def delete(self, name: LogName) -> None:
        """Delete a topic or stream and its records; appends go on meanwhile."""
        self._change(lambda: self._store.delete(name))
        while self._change(self._store.sweep):
            pass

    def alter(
        self,
        name: LogName,
        *,
        attributes: Attributes | None = None,
        close: Sequence[int] = (),
        add: Sequence[PartitionSpec] = (),
    ) -> TopicState:
        """Replace a topic's attributes, close partitions to appends and add new ones, as one."""
        return self._change(lambda: self._store.alter(name, attributes, close, add))

    def trim(self, partition: Partition, before: Position) -> None:
        """Delete the stored batches that end before a position; appends go on between them."""
        while self._change(lambda: self._store.trim(partition, before)):
            pass

    def skip(self, partition: Partition, before: Position) -> Position:
        """Begin an empty partition at a position at least, durably; or raise LogNotEmpty."""
        self._change(lambda: self._store.skip(partition, before))
        return before - 1

    def segments(self, partition: Partition) -> Sequence[Segment]:
        """Return what a partition holds in pieces, oldest first, from memory."""
        self._check_open()
        return self._store.topics.partition(partition).segments.all()

    def limit(self, max_bytes: int) -> None:
        """Let the database grow to so many bytes from now on."""
        self._change(lambda: self._store.limit(max_bytes))

    def submit(self, appends: Sequence[Append], done: Done) -> None:
        """Append all or nothing, and call ``done`` after the sync; never blocks on the disk."""
        if not self._committer.put(Submission(appends, done)):
            done(None, LogClosed())

    def append(self, partition: Partition, records: Sequence[Record]) -> list[Position]:
        """Submit, wait for the sync, and return the position of each record."""
        return waiting.append(self.submit, partition, records)

    def close(self) -> None:
        """Finish what was submitted, close the files and let the lock go. Idempotent."""
        self._committer.close()
        self._store.close()
        super().close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _sweep_on(self) -> None:
        """Finish, beside appends, what a crash left of a deletion."""
        self._committer.put(self._swept)

    def _swept(self) -> None:
        try:
            if self._store.sweep():
                self._sweep_on()
        except sqlite3.Error as error:
            _events.warning("sweep failed", reason=str(error))

    def _change(self, call: Callable[[], Result]) -> Result:
        future: Future[Result] = Future()
        if not self._committer.put(lambda: _settle(future, call)):
            raise LogClosed
        return future.result()

    def _work(self, items: list[Submission | Change]) -> None:
        submissions: list[Submission] = []
        for item in items:
            if isinstance(item, Submission):
                submissions.append(item)
            else:
                self._commit(submissions)
                submissions = []
                item()
        self._commit(submissions)

    def _commit(self, submissions: list[Submission]) -> None:
        group = gather(self._store.topics, submissions)
        failed = self._store_records(group) if group.accepted else None
        for done, firsts in group.accepted:
            if failed is None:
                waiting.tell(done, firsts, None)
            else:
                waiting.tell(done, None, type(failed)(reason=failed.reason))
        for done, error in group.refused:
            waiting.tell(done, None, error)
        self._checkpoint()

    def _store_records(self, group: Group) -> LogFailed | None:
        try:
            self._store.append(group.records)
        except Exception as error:  # noqa: BLE001 whatever it was, nothing was stored: say so
            failed = _failure(error)
            _events.error("append failed", reason=failed.reason, submissions=len(group.accepted))
            return failed
        return None

    def _checkpoint(self) -> None:
        try:
            self._store.checkpoint()
        except sqlite3.Error as error:
            _events.warning("checkpoint failed", reason=str(error))


def _settle(future: Future[Result], call: Callable[[], Result]) -> None:
    try:
        future.set_result(call())
    except sqlite3.Error as error:
        future.set_exception(_failure(error))
    except Exception as error:  # noqa: BLE001 it is the waiting caller's
        future.set_exception(error)


def _failure(error: Exception) -> LogFailed:
    """Return an error of the store as one of the log's."""
    if isinstance(error, LogFailed):
        return error
    full = isinstance(error, sqlite3.Error) and error.sqlite_errorcode == sqlite3.SQLITE_FULL
    return LogFull(reason=str(error)) if full else LogFailed(reason=str(error))
