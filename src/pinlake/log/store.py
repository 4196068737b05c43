"""The embedded log's one writing connection, used by one thread: the committer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pinlake.errors import TopicExists
from pinlake.log import file, ledger
from pinlake.log.base import Attributes, PartitionSpec, Position, TopicState
from pinlake.log.batches import NewBatch, encode, position_of, row_id
from pinlake.log.clock import Clock
from pinlake.log.reader import load_topic
from pinlake.log.room import Room
from pinlake.log.segments import SegmentLimits
from pinlake.log.statements import SQL
from pinlake.log.topics import HeldPartition, HeldTopic, Topics
from pinlake.record import Kind, LogName, Partition, Record

CHECKPOINT_BYTES = 8 * 1024 * 1024
"""After this much in the write-ahead log, it is copied into the database."""

RESTART_PAGES = 16 * 1024
"""A write-ahead log of so many pages (64 MiB) is begun anew, though readers have to be awaited."""

RESTART_SECONDS = 0.25

COMMIT_BYTES = 12 * 1024
"""What a commit writes beside its values: the pages of the batch's row, of its index, of ends."""

_TRIM_ROWS = 1000


class Store:
    """Turns decisions into transactions, and keeps in memory what they made of the topics.

    Every method returns after the sync, or raises and leaves all as it was.
    """

    def __init__(self, path: Path, clock: Clock, limits: SegmentLimits, room: Room) -> None:
        self._clock, self._limits, self._room = clock, limits, room
        self._connection = file.open_writer(path)
        self._uncopied = 0
        self._swept: list[tuple[int, int]] = self._connection.execute(SQL["beginnings"]).fetchall()
        self.topics = Topics()
        for kind, name in self._connection.execute(SQL["all_names"]).fetchall():
            self._reload(LogName(Kind(kind), name))

    def append(self, records: Mapping[HeldPartition, Sequence[Record]]) -> None:
        """Store records at the end of each partition; none at all tells whether there is room."""
        self._room.check()
        if not any(records.values()):
            return
        now = self._clock()
        batches = {
            held: encode(row_id(held.id, held.end), some, now, held.latest)
            for held, some in records.items()
            if some
        }
        ends = {held: _end(made[-1]) for held, made in batches.items()}
        grown = {
            held: ledger.grown(held, made, now, self._limits) for held, made in batches.items()
        }
        closed = {held: each.closed[len(held.segments.closed) :] for held, each in grown.items()}
        with file.transaction(self._connection):
            for made in batches.values():
                self._connection.executemany(SQL["add_batch"], made)
            self._connection.executemany(
                SQL["move_end"], [(*reached, held.id) for held, reached in ends.items()]
            )
            ledger.write(self._connection, closed)
        for held, (end, latest) in ends.items():
            held.end, held.latest, held.segments = end, latest, grown[held]
            self._uncopied += sum(len(batch.data) for batch in batches[held]) + COMMIT_BYTES

    def create(
        self, name: LogName, partitions: Sequence[PartitionSpec], attributes: Attributes
    ) -> TopicState:
        """Create a topic, or raise TopicExists."""
        if name in self.topics:
            raise TopicExists(kind=name.kind.value, name=name.name)
        self._room.check()
        key = (name.kind.value, name.name)
        with file.transaction(self._connection):
            values = (*key, self._clock(), json.dumps(dict(attributes)))
            self._connection.execute(SQL["create_topic"], values)
            self._add(name, 0, partitions)
        return self._reload(name).state()

    def delete(self, name: LogName) -> None:
        """Delete a topic, or raise TopicUnknown. Its records are for ``sweep``."""
        partitions = self.topics[name].partitions.values()
        with file.transaction(self._connection):
            self._connection.execute(SQL["delete_topic"], (name.kind.value, name.name))
            for held in partitions:
                self._connection.execute(SQL["delete_partition"], (held.id,))
                self._delete_segments(held.id, held.end)
        self._swept += [(held.id, held.end) for held in partitions]
        del self.topics[name]

    def sweep(self) -> bool:
        """Delete some of what deleted topics, or a crash, left; tell if more may be left."""
        if not self._swept:
            return False
        number, stop = self._swept[-1]
        span = {"partition": row_id(number, 0), "stop": row_id(number, stop), "count": _TRIM_ROWS}
        with file.transaction(self._connection):
            deleted = self._connection.execute(SQL["sweep"], span).rowcount
        if deleted < _TRIM_ROWS:
            self._swept.pop()
        return True

    def alter(
        self,
        name: LogName,
        attributes: Attributes | None,
        close: Sequence[int],
        add: Sequence[PartitionSpec],
    ) -> TopicState:
        """Replace a topic's attributes, close partitions and add new ones, as one."""
        topic = self.topics[name]
        closing = [self.topics.partition(Partition(name, number)).id for number in close]
        with file.transaction(self._connection):
            if attributes is not None:
                values = (json.dumps(dict(attributes)), name.kind.value, name.name)
                self._connection.execute(SQL["set_attributes"], values)
            self._connection.executemany(SQL["close_partition"], [(row,) for row in closing])
            self._add(name, len(topic.partitions), add)
        return self._reload(name).state()

    def trim(self, partition: Partition, before: Position) -> bool:
        """Delete some of the stored batches that end before a position; tell if more are left."""
        held = self.topics.partition(partition)
        stop, more = self._trim_stop(held, before)
        if stop <= held.beginning:
            return False
        with file.transaction(self._connection):
            span = (row_id(held.id, 0), row_id(held.id, stop))
            self._connection.execute(SQL["delete_batches"], span)
            self._connection.execute(SQL["move_beginning"], (stop, held.id))
            self._delete_segments(held.id, stop)
        held.beginning, held.segments = stop, held.segments.behind(stop)
        return more

    def skip(self, partition: Partition, before: Position) -> None:
        """Begin an empty partition at a position at least, or raise LogNotEmpty."""
        held = self.topics.partition(partition)
        if not held.may_skip(partition, before):
            return
        with file.transaction(self._connection):
            self._connection.execute(SQL["skip"], (before, before, before, held.id))
        self._reload(partition.log_name)

    def limit(self, max_bytes: int) -> None:
        """Let the database grow to so many bytes; what does not fit fails."""
        page_size = self._connection.execute("PRAGMA page_size").fetchone()[0]
        self._connection.execute(f"PRAGMA max_page_count = {max(1, max_bytes // page_size)}")

    def checkpoint(self) -> None:
        """Copy the write-ahead log into the database when enough has gathered.

        Readers that follow one another without a pause keep it from being begun
        anew: once it is large, appends wait a moment for those that read now.
        """
        if self._uncopied < CHECKPOINT_BYTES:
            return
        self._uncopied = 0
        _, pages, _ = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if pages >= RESTART_PAGES:
            with file.patience(self._connection, RESTART_SECONDS):
                self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _add(self, name: LogName, first: int, specs: Sequence[PartitionSpec]) -> None:
        key = (name.kind.value, name.name)
        rows = [
            (*key, number, json.dumps(dict(spec.attributes)))
            for number, spec in enumerate(specs, first)
        ]
        self._connection.executemany(SQL["create_partition"], rows)

    def _reload(self, name: LogName) -> HeldTopic:
        topic = load_topic(self._connection, name)
        now = self._clock()
        for held in topic.partitions.values():
            held.segments = ledger.recovered(self._connection, held, now, self._limits)
        self.topics[name] = topic
        return topic

    def _delete_segments(self, number: int, stop: Position) -> None:
        values = (row_id(number, 0), row_id(number + 1, 0), stop)
        self._connection.execute(SQL["delete_segments"], values)

    def _trim_stop(self, held: HeldPartition, before: Position) -> tuple[Position, bool]:
        values = {
            "partition": row_id(held.id, 0),
            "position": row_id(held.id, before),
            "count": _TRIM_ROWS,
        }
        if found := self._connection.execute(SQL["batch_after"], values).fetchone():
            return position_of(found[0]), True
        if before >= held.end:
            return held.end, False
        row = self._connection.execute(SQL["batch_at"], values).fetchone()
        return (position_of(row[0]) if row else held.beginning), False


def _end(batch: NewBatch) -> tuple[Position, int]:
    return position_of(batch.id) + batch.records, batch.latest
