"""Records on their way to Kinesis: batched across requests, in order a shard, retried, bounded."""

from __future__ import annotations

import contextlib
import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import msgspec

from pinlake.errors import LogClosed, PinlakeError, StreamsBusy
from pinlake.log.kinesis.answers import Placed, PlacedAll, shard_number
from pinlake.log.kinesis.client import Away, Client, Refused, pause
from pinlake.log.kinesis.streams import Stream, Streams
from pinlake.record import LogName

MOST_RECORDS = 500
MOST_BYTES = 5 * 1024 * 1024
SENDERS = 16
PASSING = frozenset({"ProvisionedThroughputExceededException", "InternalFailure"})
BUSY = Placed(
    error_code="ProvisionedThroughputExceededException",
    error_message="Kinesis took it not in time; send it again.",
)


class Entry(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """A record of PutRecords."""

    data: bytes
    partition_key: str
    explicit_hash_key: str | None = None

    @property
    def size(self) -> int:
        """The bytes that count."""
        return len(self.data) + len(self.partition_key.encode())


Settled = Callable[[list[Placed] | None, Exception | None], None]
"""Called once, on any thread: what became of each record in order, or the error of all."""


class Ticket:
    """A request's records as Kinesis answers for them, one after another."""

    def __init__(self, count: int, done: Settled, due: float) -> None:
        self.due = due
        self._placed: list[Placed | None] = [None] * count
        self._left, self._done = count, done
        self._error: Exception | None = None
        self._changing = threading.Lock()

    def is_settled(self, index: int) -> bool:
        """Tell whether it is known what became of a record."""
        return self._placed[index] is not None

    def settle(self, index: int, placed: Placed, error: Exception | None = None) -> None:
        """Note what became of a record, once; the last one is the answer to the request."""
        with self._changing:
            self._placed[index] = placed
            self._error = self._error or error
            self._left -= 1
            whole = not self._left
        if whole:
            failed = self._error if self._none_taken() else None
            placed_all = [each for each in self._placed if each is not None]
            self._done(None if failed else placed_all, failed)

    def _none_taken(self) -> bool:
        return not any(each and each.sequence_number for each in self._placed)


class Item(NamedTuple):
    """A record that waits: its ticket, its place there, its bytes."""

    ticket: Ticket
    at: int
    entry: Entry
    size: int


class PutQueue:
    """Puts to every stream. Safe to use from any thread; never blocks who puts."""

    def __init__(self, client: Client, streams: Streams, seconds: float, most_bytes: int) -> None:
        self._client, self._streams, self._seconds = client, streams, seconds
        self._most, self._bytes = most_bytes, 0
        self._shares: dict[LogName, Shares] = {}
        self._lanes: dict[tuple[LogName, int], Lane] = {}
        self._changing = threading.Lock()
        self._senders = ThreadPoolExecutor(SENDERS, "kinesis-putting")
        self._closed = False

    def put(self, name: LogName, entries: Sequence[tuple[Entry, int]], done: Settled) -> None:
        """Put records, each with its hash key; raise LogClosed, or StreamsBusy: no room."""
        if self._closed:
            raise LogClosed
        shares = self._shares.get(name, Shares())
        sizes = [entry.size for entry, _ in entries]
        self._take(sum(sizes))
        ticket = Ticket(len(entries), done, time.monotonic() + self._seconds)
        by_lane: dict[int, list[Item]] = {}
        for at, ((entry, hash_key), size) in enumerate(zip(entries, sizes, strict=True)):
            lane = shares.of(hash_key)
            by_lane.setdefault(lane, []).append(Item(ticket, at, entry, size))
        for lane, items in by_lane.items():
            self._lane(name, lane).add(items)

    def give(self, size: int) -> None:
        """Count bytes out."""
        with self._changing:
            self._bytes -= size

    def learn(self, name: LogName, placed: Sequence[Placed]) -> None:
        """Ask for a stream's shards, where Kinesis put records into one that is not known."""
        numbers = {shard_number(each.shard_id) for each in placed if each.shard_id}
        if not numbers <= self._shares.get(name, Shares()).numbers:
            self._streams.forget(name)
            with contextlib.suppress(PinlakeError):
                self._shares[name] = Shares(self._streams.of(name))

    def gone(self, refused: Refused, name: LogName) -> PinlakeError:
        """Return the error for a stream that is not there, and know nothing of it any more."""
        self._shares.pop(name, None)
        self._streams.forget(name)
        return self._streams.failure(refused, "PutRecords", name)

    def close(self) -> None:
        """Wait for what was put, for as long as it is tried. Idempotent."""
        self._closed = True
        self._senders.shutdown(wait=True)

    def _take(self, size: int) -> None:
        with self._changing:
            if self._bytes + size > self._most:
                raise StreamsBusy(reason=f"{self._bytes:,} bytes wait for it")
            self._bytes += size

    def _lane(self, name: LogName, number: int) -> Lane:
        with self._changing:
            key = name, number
            if key not in self._lanes:
                self._lanes[key] = Lane(name, self, self._client, self._senders)
            return self._lanes[key]


class Shares:
    """Which shard a hash key is of, as of when the stream was described; of none, all are of 0.

    It tells which records go one after another, no more: Kinesis chooses the shard.
    """

    def __init__(self, stream: Stream | None = None) -> None:
        there = [each for each in stream.shards.values() if not each.closed] if stream else []
        by_start = sorted(there, key=lambda each: int(each.hash_key_range.starting_hash_key))
        self._starts = [int(each.hash_key_range.starting_hash_key) for each in by_start]
        self._numbers = [each.number for each in by_start]
        self.numbers = frozenset(self._numbers)

    def of(self, hash_key: int) -> int:
        """Return the number of the shard."""
        at = bisect_right(self._starts, hash_key) - 1
        return self._numbers[max(0, at)] if self._numbers else 0


class Lane:
    """The records of one shard, put by one request after another, those that failed first."""

    def __init__(
        self,
        name: LogName,
        queue: PutQueue,
        client: Client,
        senders: ThreadPoolExecutor,
    ) -> None:
        self._name, self._queue, self._client, self._senders = name, queue, client, senders
        self._waiting: deque[Item] = deque()
        self._sending = False
        self._changing = threading.Lock()

    def add(self, items: Sequence[Item]) -> None:
        """Add records at the end, and have them sent."""
        with self._changing:
            self._waiting.extend(items)
            if self._sending:
                return
            self._sending = True
        try:
            self._senders.submit(self._send_all)
        except RuntimeError:  # it was closed meanwhile
            self._fail(list(self._waiting), LogClosed())

    def _send_all(self) -> None:
        tries = 0
        while batch := self._next():
            try:
                left = self._send(batch)
            except Exception as error:  # noqa: BLE001 who put them waits for an answer
                self._fail(batch, self._client.unreachable(repr(error)))
                left = []
            tries = 0 if len(left) < len(batch) else tries + 1
            if left:
                with self._changing:
                    self._waiting.extendleft(reversed(left))
                time.sleep(pause(tries))

    def _next(self) -> list[Item]:
        """Return the records of the next request; an empty one ends the sending."""
        with self._changing:
            batch: list[Item] = []
            size = 0
            while self._waiting and len(batch) < MOST_RECORDS:
                size += self._waiting[0].size
                if batch and size > MOST_BYTES:
                    break
                batch.append(self._waiting.popleft())
            self._sending = bool(batch)
            return batch

    def _send(self, batch: Sequence[Item]) -> list[Item]:
        """Send records, and return those that are to be sent again."""
        asked = {"StreamName": self._name.name, "Records": [each.entry for each in batch]}
        try:
            content = msgspec.json.encode(asked)
            answer = self._client.once("PutRecords", content, PlacedAll)
        except Away as away:
            return self._again(batch, self._client.unreachable(away))
        except PinlakeError as error:
            return self._fail(batch, error)
        except Refused as refused:
            if refused.passing:
                return self._again(batch, StreamsBusy(reason=refused.message or refused.kind))
            return self._apart(batch, refused)
        failed = [
            (each, placed)
            for each, placed in zip(batch, answer.records, strict=True)
            if not self._settled(each, placed)
        ]
        self._queue.learn(self._name, answer.records)
        return self._again_placed(failed)

    def _settled(self, item: Item, placed: Placed) -> bool:
        if placed.error_code is not None and placed.error_code in PASSING:
            return False
        self._settle(item, placed)
        return True

    def _again_placed(self, failed: Sequence[tuple[Item, Placed]]) -> list[Item]:
        left = []
        for item, placed in failed:
            if time.monotonic() < item.ticket.due:
                left.append(item)
            else:
                reason = placed.error_message or str(placed.error_code)
                self._settle(item, placed, StreamsBusy(reason=reason))
        return left

    def _again(self, batch: Sequence[Item], error: PinlakeError) -> list[Item]:
        """Return the records that there is still time for; the others are answered."""
        now = time.monotonic()
        self._fail([each for each in batch if each.ticket.due <= now], error)
        return [each for each in batch if each.ticket.due > now]

    def _apart(self, batch: Sequence[Item], refused: Refused) -> list[Item]:
        """Fail records that Kinesis refuses; of several requests send each alone to see which."""
        tickets = list({id(each.ticket): each.ticket for each in batch}.values())
        gone = refused.kind == "ResourceNotFoundException"
        if len(tickets) > 1 and not gone:
            left = []
            for ticket in tickets:
                left += self._send([each for each in batch if each.ticket is ticket])
            return left
        if gone:
            return self._fail(batch, self._queue.gone(refused, self._name))
        return self._fail(batch, PutRefused(refused))

    def _fail(self, batch: Sequence[Item], error: Exception) -> list[Item]:
        for each in batch:
            self._settle(each, BUSY, error)
        return []

    def _settle(self, item: Item, placed: Placed, error: Exception | None = None) -> None:
        """Answer for a record, unless an answer that broke off in the middle has told of it."""
        if not item.ticket.is_settled(item.at):
            self._queue.give(item.size)
            item.ticket.settle(item.at, placed, error)


class PutRefused(Exception):  # noqa: N818 it is Kinesis's own answer, passed on
    """Kinesis refuses a put; ``refused`` says how."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(str(refused))
        self.refused = refused
