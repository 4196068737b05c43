"""Reading streams of a Kinesis: shards are partitions, sequence numbers positions."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from pinlake.errors import LogClosed
from pinlake.log.base import UNTOLD, Batch, PartitionState, Position, TopicState, is_untold
from pinlake.log.batches import empty
from pinlake.log.kinesis.answers import Records, Shard, shard_id
from pinlake.log.kinesis.client import Client, Refused
from pinlake.log.kinesis.connection import Connection
from pinlake.log.kinesis.position import place, position
from pinlake.log.kinesis.streams import Stream, Streams
from pinlake.log.kinesis.window import Rules, ShardReader
from pinlake.log.topics import unknown
from pinlake.record import Kind, LogName, Partition

FETCHERS = 8
SECONDS = 1000


class KinesisLogReader:
    """Reads the streams of an account and region. Safe to use from any thread.

    Kinesis does not tell where a shard ends: every end is untold, and a read up to
    it fetches until the tip was met. What was fetched is held, within
    ``kinesis.buffer_bytes``, for the next who reads it. Raises StreamsUnreachable
    where Kinesis does not answer, RecordsTrimmed where it forgot what was not read.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.client = Client(connection)
        self.streams = Streams(self.client, connection.settings.only)
        self._shards: dict[tuple[str, Partition], ShardReader] = {}
        self._changing = threading.Lock()
        self._fetchers = ThreadPoolExecutor(FETCHERS, "kinesis-fetching")
        self._ended = False

    def log_id(self, name: LogName) -> str:
        """Return ``kinesis:<stream ARN>:<creation time>``; raise TopicUnknown."""
        return self._stream(name).log_id

    def names(self, kind: str) -> list[str]:
        """Return the names of the streams that ``kinesis.only`` allows, sorted; no topics."""
        self._check_open()
        return self.streams.names() if Kind(kind) is Kind.STREAM else []

    def describe(self, name: LogName) -> TopicState:
        """Return the state of a stream, or raise TopicUnknown; fetches in the background."""
        stream, now = self._stream(name), time.monotonic_ns()
        self._prefetch(stream, now)
        states = [_state(each, stream, now) for each in stream.shards.values()]
        return TopicState(name, stream.created, tuple(states))

    def read(
        self,
        partition: Partition,
        after: Position | None,
        max_bytes: int,
        upto: Position | None = None,
    ) -> Batch:
        """Return records with after < position <= upto, at most max_bytes but one at least.

        A position's count goes on from ``after``'s.
        """
        if after is not None and is_untold(after):
            return empty(partition)
        stream = self._stream(partition.log_name)
        if partition.number not in stream.shards:
            raise unknown(partition)
        reader = self._reader(stream, partition)
        reader.closed = stream.shards[partition.number].closed
        upto = UNTOLD + time.monotonic_ns() if upto is None else upto
        try:
            return reader.read(after, max_bytes, upto)
        except Refused as refused:
            self._forget(partition.log_name)
            raise self.streams.failure(refused, "GetRecords", partition.log_name) from None

    def find_time(self, partition: Partition, time: int) -> Position:
        """Return the position of the first record at or after a time, or the untold end."""
        stream = self._stream(partition.log_name)
        if partition.number not in stream.shards:
            raise unknown(partition)
        iterator: str | None = self._iterator(partition, "AT_TIMESTAMP", Timestamp=time / SECONDS)
        while iterator:
            found = self._records(partition.log_name, iterator)
            if found.records:
                return position(int(found.records[0].sequence_number), 0)
            if found.millis_behind_latest == 0:
                break
            iterator = found.next_shard_iterator
        return UNTOLD

    def behind(self, partition: Partition, after: Position | None) -> int:
        """Return by how many milliseconds what follows a position is behind the tip; 0 at it."""
        at = place(after)
        if at is None:
            iterator = self._iterator(partition, "TRIM_HORIZON")
        else:
            sequence = str(at.sequence)
            kind = "AFTER_SEQUENCE_NUMBER"
            iterator = self._iterator(partition, kind, StartingSequenceNumber=sequence)
        return self._records(partition.log_name, iterator).millis_behind_latest

    def try_read(self, name: LogName) -> str:
        """Read from a stream's tip, so that what is not allowed is told; return its status."""
        stream = self._stream(name)
        for shard in stream.shards.values():
            if not shard.closed:
                iterator = self._iterator(Partition(name, shard.number), "LATEST")
                self._records(name, iterator)
                break
        return stream.status

    def close(self) -> None:
        """Close the connections. Idempotent."""
        self._ended = True
        self._fetchers.shutdown(wait=True, cancel_futures=True)
        self._shards.clear()
        self.client.close()

    def _check_open(self) -> None:
        if self._ended:
            raise LogClosed

    def _stream(self, name: LogName) -> Stream:
        self._check_open()
        return self.streams.of(name)

    def _iterator(self, partition: Partition, kind: str, **start: object) -> str:
        name = partition.log_name
        with self.streams.asking("GetShardIterator", name) as client:
            return client.iterator(name.name, shard_id(partition.number), kind, **start)

    def _records(self, name: LogName, iterator: str) -> Records:
        """Return what a look at an iterator finds: one record at most."""
        with self.streams.asking("GetRecords", name) as client:
            return client.records(iterator, 1)

    def _prefetch(self, stream: Stream, moment: int) -> None:
        """Have what follows the records that were read fetched, shard beside shard."""
        for number in stream.shards:
            reader = self._shards.get((stream.log_id, Partition(stream.name, number)))
            if reader is not None:
                self._fetchers.submit(reader.prefetch, moment)

    def _reader(self, stream: Stream, partition: Partition) -> ShardReader:
        """Return the shard's reader; those of an earlier stream of the name are dropped."""
        key = stream.log_id, partition
        with self._changing:
            if key not in self._shards:
                stale = [k for k in self._shards if k[1] == partition]
                for each in stale:
                    del self._shards[each]
                rules = Rules(
                    self._room,
                    self.connection.settings.trimmed == "skip",
                    lambda: stream.retention_hours,
                )
                seconds = self.connection.settings.fetch_seconds
                self._shards[key] = ShardReader(self.client, partition, seconds, rules)
            return self._shards[key]

    def _room(self) -> int:
        """Return the bytes that each window may hold."""
        windows = sum(map(len, list(self._shards.values())))
        return self.connection.settings.buffer_bytes // max(1, windows)

    def _forget(self, name: LogName) -> None:
        self.streams.forget(name)
        with self._changing:
            for key in [each for each in self._shards if each[1].log_name == name]:
                del self._shards[key]


def _state(shard: Shard, stream: Stream, now: int) -> PartitionState:
    """Return a shard as a partition whose end is untold, as of a moment."""
    hash_keys = shard.hash_key_range
    return PartitionState(
        shard.number,
        0,
        UNTOLD + now,
        closed=shard.closed,
        attributes={
            "first_hash": hash_keys.starting_hash_key,
            "last_hash": hash_keys.ending_hash_key,
        },
        parents=tuple(each for each in shard.parents if each in stream.shards),
    )
