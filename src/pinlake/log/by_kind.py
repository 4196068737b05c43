"""Two logs as one: topics in one of them, streams in the other."""

from __future__ import annotations

from collections.abc import Sequence

from pinlake.errors import LogCannot
from pinlake.log import waiting
from pinlake.log.base import (
    Append,
    Attributes,
    Batch,
    Done,
    Log,
    LogReader,
    PartitionSpec,
    Position,
    Segment,
    TopicState,
)
from pinlake.record import Kind, LogName, Partition, Record


class ReaderByKind:
    """Reads topics from one log and streams from another; both are closed with it."""

    def __init__(self, topics: LogReader, streams: LogReader) -> None:
        self.readers = {Kind.TOPIC: topics, Kind.STREAM: streams}

    def log_id(self, name: LogName) -> str:
        """Return the identity of the log that holds the name's kind."""
        return self.readers[name.kind].log_id(name)

    def names(self, kind: str) -> list[str]:
        """Return the names of all topics or all streams, sorted."""
        return self.readers[Kind(kind)].names(kind)

    def describe(self, name: LogName) -> TopicState:
        """Return the state of a topic or stream, or raise TopicUnknown."""
        return self.readers[name.kind].describe(name)

    def read(
        self,
        partition: Partition,
        after: Position | None,
        max_bytes: int,
        upto: Position | None = None,
    ) -> Batch:
        """Return records as the log of the partition's kind does."""
        return self.readers[partition.log_name.kind].read(partition, after, max_bytes, upto)

    def find_time(self, partition: Partition, time: int) -> Position:
        """Return the position of the first record at or after a time, or the end."""
        return self.readers[partition.log_name.kind].find_time(partition, time)

    def close(self) -> None:
        """Close both. Idempotent."""
        for each in self.readers.values():
            each.close()


class LogByKind(ReaderByKind):
    """Appends topics to one log and streams to another."""

    def __init__(self, topics: Log, streams: Log) -> None:
        super().__init__(topics, streams)
        self.logs = {Kind.TOPIC: topics, Kind.STREAM: streams}

    def create(
        self,
        name: LogName,
        partitions: Sequence[PartitionSpec] = (PartitionSpec(),),
        attributes: Attributes = {},
    ) -> TopicState:
        """Create a topic or stream, durably; raise TopicExists where there is one."""
        return self.logs[name.kind].create(name, partitions, attributes)

    def delete(self, name: LogName) -> None:
        """Delete a topic or stream and its records; raise TopicUnknown."""
        self.logs[name.kind].delete(name)

    def alter(
        self,
        name: LogName,
        *,
        attributes: Attributes | None = None,
        close: Sequence[int] = (),
        add: Sequence[PartitionSpec] = (),
    ) -> TopicState:
        """Change a topic or stream as its own log can."""
        return self.logs[name.kind].alter(name, attributes=attributes, close=close, add=add)

    def trim(self, partition: Partition, before: Position) -> None:
        """Forget records below a position where the partition's log can."""
        self.logs[partition.log_name.kind].trim(partition, before)

    def skip(self, partition: Partition, before: Position) -> Position:
        """Have a partition's log begin at a position at least."""
        return self.logs[partition.log_name.kind].skip(partition, before)

    def segments(self, partition: Partition) -> Sequence[Segment]:
        """Return what a partition holds in pieces, where its log can tell."""
        return self.logs[partition.log_name.kind].segments(partition)

    def submit(self, appends: Sequence[Append], done: Done) -> None:
        """Append to one of the logs; no appends at all ask both whether they take any."""
        kinds = {each.partition.log_name.kind for each in appends}
        if not kinds:
            self.logs[Kind.STREAM].submit((), self._then_topics(done))
        elif len(kinds) == 1:
            self.logs[kinds.pop()].submit(appends, done)
        else:
            what = "append to topics and streams as one, for they are in two logs"
            done(None, LogCannot(what=what, do="append to each of them"))

    def append(self, partition: Partition, records: Sequence[Record]) -> list[Position]:
        """Submit, wait, and return the position of each record."""
        return waiting.append(self.submit, partition, records)

    def _then_topics(self, done: Done) -> Done:
        def streams_answered(firsts: list[Position] | None, error: Exception | None) -> None:
            if error is None:
                self.logs[Kind.TOPIC].submit((), done)
            else:
                done(firsts, error)

        return streams_answered
