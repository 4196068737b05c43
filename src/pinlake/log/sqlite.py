"""The embedded log: one SQLite database, one writer, any number of readers."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from pinlake.errors import LogClosed, LogFailed, PinlakeError
from pinlake.log import file, waiting
from pinlake.log.base import Append, Attributes, Done, PartitionSpec, Position, TopicState
from pinlake.log.clock import Clock, milliseconds
from pinlake.log.committer import Committer, Group, Submission, gather
from pinlake.log.reader import SqliteLogReader
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
    call a method of the log that waits. ``max_bytes`` limits the database:
    what does not fit fails with LogFailed, until records are trimmed or the
    limit is raised.
    """

    def __init__(
        self, path: Path, clock: Clock = milliseconds, max_bytes: int | None = None
    ) -> None:
        self._lock = file.hold_lock(path)
        try:
            with file.unusable(path):
                self._store = Store(path, clock)
            super().__init__(path)
        except PinlakeError:
            os.close(self._lock)
            raise
        if max_bytes is not None:
            self._store.limit(max_bytes)
        self._committer: Committer[Submission | Change] = Committer(self._work)

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
        """Delete a topic or stream and its records; raise TopicUnknown."""
        self._change(lambda: self._store.delete(name))

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
        reason = self._store_records(group)
        for done, firsts in group.accepted:
            if reason is None:
                waiting.tell(done, firsts, None)
            else:
                waiting.tell(done, None, LogFailed(reason=reason))
        for done, error in group.refused:
            waiting.tell(done, None, error)
        self._checkpoint()

    def _store_records(self, group: Group) -> str | None:
        try:
            self._store.append(group.records)
        except Exception as error:  # noqa: BLE001 whatever it was, nothing was stored: say so
            _events.error("append failed", reason=str(error), submissions=len(group.accepted))
            return str(error)
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
        future.set_exception(LogFailed(reason=str(error)))
    except Exception as error:  # noqa: BLE001 it is the waiting caller's
        future.set_exception(error)
