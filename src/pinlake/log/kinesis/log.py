"""The streams of a Kinesis as a log: puts in batches, shards that Kinesis alone changes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence

from pinlake.errors import (
    KinesisCannot,
    LogClosed,
    PinlakeError,
    StreamsBusy,
)
from pinlake.log import waiting
from pinlake.log.base import (
    Append,
    Attributes,
    Done,
    PartitionSpec,
    Position,
    Segment,
    TopicState,
)
from pinlake.log.kinesis.answers import Names, Placed
from pinlake.log.kinesis.connection import Connection
from pinlake.log.kinesis.position import position
from pinlake.log.kinesis.queue import Entry, PutQueue, Settled
from pinlake.log.kinesis.reader import KinesisLogReader
from pinlake.log.topics import unknown
from pinlake.record import Kind, LogName, Partition, Record

ACTIVE_SECONDS = 90.0
LOOK_SECONDS = 0.1
NO_KEY = "-"
"""The partition key of a record that has none: Kinesis wants one."""


class KinesisLog(KinesisLogReader):
    """Puts to an account's streams. Safe to use from any thread.

    ``done`` is called on a thread that puts: it must be quick. Kinesis's own limits
    of the seam's promises: a put over several records may be there in part when it
    fails, and was not acknowledged then; one whose answer was lost is put again, and
    may be there twice; positions of one put have those of others between them.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        held = connection.settings
        self._puts = PutQueue(self.client, self.streams, held.put_seconds, held.queue_bytes)

    def create(
        self,
        name: LogName,
        partitions: Sequence[PartitionSpec] = (PartitionSpec(),),
        attributes: Attributes = {},
    ) -> TopicState:
        """Create a stream of so many shards and return once it is ACTIVE; raise TopicExists.

        Kinesis shares out the hash keys itself, and keeps no attributes.
        """
        self._check_stream(name)
        asked = {"StreamName": name.name, "ShardCount": len(partitions)}
        self.streams.ask("CreateStream", asked, type(None), name)
        self._await(name, lambda: self._stream(name).status == "ACTIVE")
        return self.describe(name)

    def delete(self, name: LogName) -> None:
        """Delete a stream and its records; return once Kinesis does not know it any more."""
        self._check_stream(name)
        self.streams.ask("DeleteStream", {"StreamName": name.name}, type(None), name)
        self._await(name, lambda: not self.streams.is_held(name))

    def alter(
        self,
        name: LogName,
        *,
        attributes: Attributes | None = None,
        close: Sequence[int] = (),
        add: Sequence[PartitionSpec] = (),
    ) -> TopicState:
        """Refuse: shards are split and merged, and tags set, by Kinesis's own operations."""
        raise KinesisCannot(
            what="be altered as a log", do="call SplitShard, MergeShards or UpdateShardCount"
        )

    def trim(self, partition: Partition, before: Position) -> None:
        """Refuse: Kinesis forgets by its own retention."""
        raise KinesisCannot(what="trim by our progress", do="set the stream's retention there")

    def skip(self, partition: Partition, before: Position) -> Position:
        """Return the beginning of a shard, with so many records counted before it."""
        if partition.number not in self._stream(partition.log_name).shards:
            raise unknown(partition)
        return position(0, before)

    def segments(self, partition: Partition) -> Sequence[Segment]:
        """Refuse: Kinesis does not tell them."""
        raise KinesisCannot(what="tell its segments", do="set the stream's retention there")

    def submit(self, appends: Sequence[Append], done: Done) -> None:
        """Put each append into its shard; no appends ask whether Kinesis answers.

        ``done`` gets bounds as positions, as nobody counted yet; and StreamsBusy,
        StreamsUnreachable, TopicUnknown or PartitionUnknown.
        """
        try:
            self._fetchers.submit(self._submit, appends, done)
        except RuntimeError:
            done(None, LogClosed())

    def append(self, partition: Partition, records: Sequence[Record]) -> list[Position]:
        """Put records, wait for Kinesis, and return the position of each as a bound."""
        placed = self._put_all(partition, records)
        return [position(int(each.sequence_number or 0), 0) for each in placed]

    def put(self, name: LogName, entries: Sequence[Entry], done: Settled) -> None:
        """Put records into the shards of their hash keys; ``done`` gets what became of each.

        Records of a shard go in order, but for those that Kinesis took not at first.
        Raises StreamsBusy where they do not fit into what may wait, and LogClosed;
        ``done`` gets TopicUnknown, StreamsBusy, StreamsUnreachable or PutRefused. Never
        asks Kinesis itself.
        """
        self._puts.put(name, [(each, hash_key(each)) for each in entries], done)

    def close(self) -> None:
        """Wait for what was put, for as long as it is tried, and close the connections."""
        self._puts.close()
        super().close()

    def _submit(self, appends: Sequence[Append], done: Done) -> None:
        try:
            if not appends:
                self.streams.ask("ListStreams", {"Limit": 1}, Names)
            firsts = []
            for each in appends:
                placed = self._put_all(each.partition, each.records)
                firsts.append(position(int(placed[0].sequence_number or 0), 0) if placed else 0)
        except PinlakeError as error:
            waiting.tell(done, None, error)
        except Exception as error:  # noqa: BLE001 the caller waits for an answer
            waiting.tell(done, None, self.client.unreachable(repr(error)))
        else:
            waiting.tell(done, firsts, None)

    def _put_all(self, partition: Partition, records: Sequence[Record]) -> list[Placed]:
        """Put records into one shard, in order; raise where Kinesis takes not all of them."""
        from concurrent.futures import Future

        shard = self._stream(partition.log_name).shards.get(partition.number)
        if shard is None or shard.closed:
            raise unknown(partition)
        if not records:
            return []
        explicit = shard.hash_key_range.starting_hash_key
        entries = [
            Entry(each.value or b"", (each.key or b"").decode() or NO_KEY, explicit)
            for each in records
        ]
        future: Future[list[Placed]] = Future()

        def done(placed: list[Placed] | None, error: Exception | None) -> None:
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(placed or [])

        self.put(partition.log_name, entries, done)
        placed = future.result()
        refused = next((each for each in placed if each.error_code), None)
        if refused is not None:
            raise StreamsBusy(reason=refused.error_message or refused.error_code)
        return placed

    def _await(self, name: LogName, is_done: Callable[[], bool]) -> None:
        due = time.monotonic() + ACTIVE_SECONDS
        while True:
            self.streams.forget(name)
            if is_done():
                return
            if time.monotonic() > due:
                raise self.client.unreachable(f"{name} is not changed yet")
            time.sleep(LOOK_SECONDS)

    def _check_stream(self, name: LogName) -> None:
        self._check_open()
        if name.kind is not Kind.STREAM:
            raise KinesisCannot(what="hold a topic", do="leave the setting `topics` empty")


def hash_key(entry: Entry) -> int:
    """Return a record's place in 0 .. 2^128 - 1, as Kinesis takes it."""
    if entry.explicit_hash_key is not None:
        return int(entry.explicit_hash_key)
    digest = hashlib.md5(entry.partition_key.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest, "big")
