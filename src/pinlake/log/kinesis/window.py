"""The records of a shard from a place on, fetched once, and held for those who read them again."""

from __future__ import annotations

import threading
import time
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pinlake.errors import PinlakeError, RecordsTrimmed
from pinlake.log.base import UNTOLD, Batch, Position, is_untold
from pinlake.log.batches import empty
from pinlake.log.columns import column, fitting
from pinlake.log.kinesis.answers import Records, shard_id
from pinlake.log.kinesis.client import GONE_ITERATOR, LIMIT, Client, Refused
from pinlake.log.kinesis.position import Place, place, position
from pinlake.record import Partition
from pinlake.telemetry import logger

NEARLY_FULL = 4 * 1024 * 1024
"""An answer of so many bytes may have been cut off, whatever it says of the tip."""

FRESH_NS = 600 * 10**9
"""For so long after a fetch nothing behind it was trimmed: retention is an hour at least."""

_events = logger("log")


class Pace:
    """Keeps the fetches of a shard apart, whoever fetches: Kinesis allows five a second."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = 0.0

    def wait(self) -> None:
        """Return when the next fetch may begin. The shard's lock is held meanwhile."""
        now = time.monotonic()
        if now < self._next:
            time.sleep(self._next - now)
        self._next = max(now, self._next) + self._seconds


class Rules(NamedTuple):
    """What the settings say of reading: bytes that a window may hold, and of trimmed records."""

    room: Callable[[], int]
    skip_trimmed: bool
    retention_hours: Callable[[], int]


class Window:
    """A run of a shard's records. Used under its shard's lock."""

    def __init__(
        self, client: Client, partition: Partition, after: int | None, pace: Pace, rules: Rules
    ) -> None:
        self.ended = False
        self._client, self._partition, self._pace, self._rules = client, partition, pace, rules
        self._floor = after
        self._sequences: list[int] = []
        self._times, self._keys, self._values = array("q"), list[bytes](), list[bytes]()
        self._chunks: deque[tuple[int, int]] = deque()
        self._bytes = 0
        self._iterator: str | None = None
        self._expected: int | None = None
        self._fetched_at = 0
        self._tip_at = -1
        self._unread = False

    def covers(self, after: int | None) -> bool:
        """Tell whether what follows a sequence number (None: the beginning) is here or comes."""
        return after == self._floor or (after is not None and self._index(after) is not None)

    def wants(self, moment: int) -> bool:
        """Tell whether all was read, and nothing was fetched since a moment."""
        return not (self.ended or self._unread) and self._fetched_at < moment

    def take(
        self, after: Position | None, max_bytes: int, upto: Position, *, closed: bool
    ) -> Batch:
        """Return what follows a position, fetched where it is not here yet.

        Empty where the tip was met by a fetch that began after ``upto`` was told.
        Raises RecordsTrimmed where records up to ``upto`` are gone.
        """
        begin, end = place(after), None if is_untold(upto) else place(upto)
        if end is not None and begin is not None and begin.sequence >= end.sequence:
            return empty(self._partition)
        moment = time.monotonic_ns() if end is not None else upto - UNTOLD
        while (start := self._next_of(begin)) >= len(self._sequences):
            if self.ended or (not closed and self._tip_at >= moment):
                return self._nothing(begin, end)
            self.fetch()
        return self._batch(start, begin, end, max_bytes)

    def fetch(self) -> None:
        """Fetch the records that follow; the tip is where there are none."""
        self._pace.wait()
        began = time.monotonic_ns()
        iterator = self._iterator or self._opened()
        try:
            answer = self._client.records(iterator)
        except Refused as refused:
            self._iterator = None
            if refused.kind != GONE_ITERATOR:
                raise
            return
        records = self._following(answer)
        size = self._keep(records)
        self._iterator, self._fetched_at = answer.next_shard_iterator, began
        self.ended = self._iterator is None
        at_tip = answer.millis_behind_latest == 0
        if self.ended or (at_tip and len(answer.records) < LIMIT and size < NEARLY_FULL):
            self._tip_at = began
        else:
            self._tip_at = -1

    def _nothing(self, begin: Place | None, end: Place | None) -> Batch:
        if end is not None:
            self._trimmed(begin.sequence if begin else None, "planned records are gone with it")
        self._unread = False
        return empty(self._partition)

    def _batch(self, start: int, begin: Place | None, end: Place | None, max_bytes: int) -> Batch:
        stop = len(self._sequences)
        if end is not None:
            stop = bisect_left(self._sequences, end.sequence + 1)
            if stop <= start:
                self._trimmed(begin.sequence if begin else None, "planned records are gone with it")
        lengths = [len(each) for each in self._values[start:stop]]
        stop = start + fitting(lengths, max_bytes)
        counted = begin.count if begin else 0
        count = counted + stop - start
        self._check_count(self._sequences[stop - 1], count, begin, end)
        self._unread = self._unread and stop < len(self._sequences)
        return Batch(
            partition=self._partition,
            positions=array("q", range(counted, count)),
            times=self._times[start:stop],
            keys=column(self._keys[start:stop]),
            values=column(self._values[start:stop]),
            last=position(self._sequences[stop - 1], count),
        )

    def _check_count(self, last: int, count: int, begin: Place | None, end: Place | None) -> None:
        """Raise where a plan's range, read to its end, holds fewer records than it did."""
        if end is not None and end.count and last == end.sequence and count != end.count:
            lost = f"{end.count - count:,} records that were planned are gone with it"
            self._trimmed(begin.sequence if begin else None, lost)

    def _opened(self) -> str:
        """Return an iterator from the last record on: the next fetch sees if it is there."""
        last = self._sequences[-1] if self._sequences else self._floor
        self._expected = None
        if not last:  # 0 is before every record: a count goes on that another log began
            return self._iterator_at("TRIM_HORIZON")
        if self._fetched_at and time.monotonic_ns() - self._fetched_at < FRESH_NS:
            return self._iterator_at("AFTER_SEQUENCE_NUMBER", last)
        self._expected = last
        try:
            return self._iterator_at("AT_SEQUENCE_NUMBER", last)
        except Refused as refused:
            if refused.kind != "InvalidArgumentException":
                raise
            self._lost(refused.message.rstrip("."))
            return self._iterator_at("TRIM_HORIZON")

    def _iterator_at(self, kind: str, sequence: int | None = None) -> str:
        stream, shard = self._partition.log_name.name, shard_id(self._partition.number)
        start = {} if sequence is None else {"StartingSequenceNumber": str(sequence)}
        return self._client.iterator(stream, shard, kind, **start)

    def _following(self, answer: Records) -> list[Any]:
        """Return the records of an answer without the one that they follow; raise if it is gone."""
        records: list[Any] = answer.records
        if self._expected is None:
            return records
        if records and int(records[0].sequence_number) == self._expected:
            self._expected = None
            return records[1:]
        if records or answer.millis_behind_latest == 0:
            self._lost("what followed it may be gone with it")
        return records

    def _lost(self, what: str) -> None:
        expected, self._expected = self._expected, None
        if not self._rules.skip_trimmed:
            self._iterator = None
            self._expected = expected
            self._trimmed(expected, what)
        _events.warning("trimmed records skipped", shard=str(self._partition), after=str(expected))

    def _trimmed(self, after: int | None, what: str) -> None:
        raise RecordsTrimmed(
            partition=self._partition,
            after="none" if after is None else after,
            what=what,
            hours=self._rules.retention_hours(),
        )

    def _keep(self, records: Sequence[Any]) -> int:
        """Hold records at the end, and let go of the oldest where there is no room."""
        size = 0
        for each in records:
            key = each.partition_key.encode()
            self._sequences.append(int(each.sequence_number))
            self._times.append(round(each.approximate_arrival_timestamp * 1000))
            self._keys.append(key)
            self._values.append(each.data)
            size += len(each.data) + len(key)
        if records:
            self._unread = True
            self._chunks.append((len(records), size))
            self._bytes += size
        room = self._rules.room()
        while len(self._chunks) > 1 and self._bytes > room:
            self._let_go(*self._chunks.popleft())
        return size

    def _let_go(self, count: int, size: int) -> None:
        self._floor = self._sequences[count - 1]
        del self._sequences[:count], self._times[:count], self._keys[:count], self._values[:count]
        self._bytes -= size

    def _index(self, sequence: int) -> int | None:
        at = bisect_left(self._sequences, sequence)
        found = at < len(self._sequences) and self._sequences[at] == sequence
        return at if found else None

    def _next_of(self, begin: Place | None) -> int:
        return 0 if begin is None else bisect_left(self._sequences, begin.sequence + 1)


class ShardReader:
    """A shard's windows: those who read it on share one, one who is behind has another."""

    MOST = 4

    def __init__(self, client: Client, partition: Partition, seconds: float, rules: Rules) -> None:
        self.lock = threading.Lock()
        self.closed = False
        self._client, self._partition, self._rules = client, partition, rules
        self._pace = Pace(seconds)
        self._windows: list[Window] = []

    def __len__(self) -> int:
        return len(self._windows)

    def read(self, after: Position | None, max_bytes: int, upto: Position) -> Batch:
        """Return what follows a position; see Window.take."""
        with self.lock:
            begin = place(after)
            try:
                window = self._of(begin.sequence if begin else None)
                return window.take(after, max_bytes, upto, closed=self.closed)
            except RecordsTrimmed:
                self._windows.clear()
                raise

    def prefetch(self, moment: int) -> None:
        """Fetch what follows the newest window, where nobody has since a moment."""
        if not self.lock.acquire(blocking=False):
            return
        try:
            if self._windows and self._windows[-1].wants(moment):
                self._windows[-1].fetch()
        except (PinlakeError, Refused):
            pass  # it is told to who reads
        finally:
            self.lock.release()

    def _of(self, after: int | None) -> Window:
        """Return the window that a place is in; of two the one that was used last."""
        for window in reversed(self._windows):
            if window.covers(after):
                self._windows.remove(window)
                break
        else:
            window = Window(self._client, self._partition, after, self._pace, self._rules)
        self._windows = [*self._windows[-(self.MOST - 1) :], window]
        return window
