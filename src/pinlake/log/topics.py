"""What a log's writer knows of its topics without asking the disk."""

from __future__ import annotations

import msgspec

from pinlake.errors import LogNotEmpty, PartitionUnknown, TopicUnknown
from pinlake.log.base import Attributes, PartitionState, Position, TopicState
from pinlake.log.segments import Segments
from pinlake.record import Kind, LogName, Partition


class HeldPartition(msgspec.Struct, eq=False):
    """A partition that changes as records arrive; ``latest`` is the highest time so far.

    ``id`` is its number in the store and ``segments`` what is stored, for stores
    that have them.
    """

    number: int
    beginning: Position
    end: Position
    closed: bool = False
    attributes: Attributes = {}
    id: int = 0
    latest: int = 0
    origin: Position = 0
    segments: Segments = Segments()

    def may_skip(self, partition: Partition, before: Position) -> bool:
        """Tell whether a partition has to be moved to begin at a position; raise LogNotEmpty."""
        if self.end >= before:
            return False
        if self.end > self.beginning:
            raise LogNotEmpty(partition=partition, before=before)
        return True

    def state(self) -> PartitionState:
        """Return the partition as it stands now."""
        return PartitionState(
            self.number,
            self.beginning,
            self.end,
            self.closed,
            dict(self.attributes),
            self.origin,
        )


class HeldTopic(msgspec.Struct, eq=False):
    """A topic or stream and its partitions by number, ascending."""

    name: LogName
    created: int
    partitions: dict[int, HeldPartition]
    attributes: Attributes = {}

    def state(self) -> TopicState:
        """Return the topic as it stands now."""
        partitions = tuple(partition.state() for partition in self.partitions.values())
        return TopicState(self.name, self.created, partitions, dict(self.attributes))


class Topics(dict[LogName, HeldTopic]):
    """The topics of a log by name; looking up what is not there is an error of the log's."""

    def __missing__(self, name: LogName) -> HeldTopic:
        """Raise TopicUnknown."""
        raise TopicUnknown(kind=name.kind.value, name=name.name)

    def partition(self, partition: Partition) -> HeldPartition:
        """Return a partition, or raise TopicUnknown or PartitionUnknown."""
        found = self[partition.log_name].partitions.get(partition.number)
        if found is None:
            raise unknown(partition)
        return found

    def open_partition(self, partition: Partition) -> HeldPartition:
        """Return a partition that takes appends, or raise TopicUnknown or PartitionUnknown."""
        found = self.partition(partition)
        if found.closed:
            raise unknown(partition)
        return found

    def of_kind(self, kind: str) -> list[str]:
        """Return the names of a kind, sorted."""
        return sorted(name.name for name in list(self) if name.kind == Kind(kind))


def unknown(partition: Partition) -> PartitionUnknown:
    """Return the error for a partition that is not there, or closed."""
    name = partition.log_name
    return PartitionUnknown(kind=name.kind.value, name=name.name, number=partition.number)
