"""A log takes another one's place: it begins where that one ends, and the plans go on there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from pinlake.errors import MoveRefused, TopicUnknown
from pinlake.lake import progress
from pinlake.lake.progress import Plan, Plans, Range
from pinlake.lake.store import Lake
from pinlake.log.base import Log, LogReader, PartitionSpec, Position, TopicState, is_untold
from pinlake.log.open import embedded, log_of_kind
from pinlake.record import Kind, LogName, Partition, named, topic
from pinlake.stage.floor import Floor

READERS = ("sink", "stream")
"""The stages whose plans tell positions of a log."""


class Successor(msgspec.Struct, frozen=True):
    """A topic or stream, the identity of the log that held it, and of the one that holds it.

    ``places`` are, by partition, the positions to read on from.
    """

    name: LogName
    before: str
    after: str
    places: Mapping[int, Position]


def check_drained(floor: Floor, log: LogReader) -> None:
    """Raise MoveRefused where a log holds a record that a stage which takes it has not passed."""
    for kind in Kind:
        for name in (LogName(kind, each) for each in log.names(kind)):
            for each in log.describe(name).partitions:
                _check_passed(floor, log, Partition(name, each.number))


def _check_passed(floor: Floor, log: LogReader, partition: Partition) -> None:
    for each in floor.passed(partition, log.log_id(partition.log_name)):
        if len(log.read(partition, each.position, 1)):
            reason = f"{each.stage} {each.name} has not taken all of {partition}"
            raise MoveRefused(reason=f"{reason}; run `pinlake {each.stage} --once` and see why")


def continued(before: Log, after: Mapping[Kind, Log], names: Iterable[LogName]) -> list[Successor]:
    """Have logs begin where another one ends, name by name; those that do already stay.

    ``after`` are the logs that are new, by kind. Raises LogNotEmpty where records are in the
    way, and MoveRefused where a topic has fewer partitions than it had.
    """
    return [
        _continued(before.describe(name), before, after[name.kind])
        for name in names
        if name.kind in after
    ]


def names_to_continue(lake: Lake, log: Log) -> list[LogName]:
    """Return what goes on elsewhere: all of the embedded log, of others what a stage has read."""
    read = {
        log_name(stage, key)
        for stage, _, plan in progress.newest(lake, *READERS)
        for key in plan.ranges
    }
    found = [LogName(kind, name) for kind in Kind for name in log.names(kind)]
    return [each for each in found if each in read or embedded(log_of_kind(log, each.kind))]


def succeed(lake: Lake, successors: Sequence[Successor]) -> None:
    """Put, for each stage that read one of the topics, a plan that goes on in the new log.

    It takes no records: it says how far the stage is, by the new log's identity.
    """
    logs = {each.name: each for each in successors}
    for stage, name, latest in progress.newest(lake, *READERS):
        ranges = {
            key: _succeeded(each, logs.get(log_name(stage, key)), int(key.rpartition("/")[2]))
            for key, each in latest.ranges.items()
        }
        if any(each.log != latest.ranges[key].log for key, each in ranges.items()):
            Plans(lake, stage, name).put(Plan(latest.number + 1, ranges))


def _continued(state: TopicState, before: Log, after: Log) -> Successor:
    name = state.name
    if any(is_untold(each.end) for each in state.partitions):
        raise MoveRefused(reason=f"its log does not tell where {name} ends, so it stays there")
    try:
        found = after.describe(name)
    except TopicUnknown:
        found = after.create(name, (PartitionSpec(),) * len(state.partitions))
    if len(found.partitions) < len(state.partitions):
        reason = f"{name} has {len(state.partitions)} partitions, and the one there has fewer"
        raise MoveRefused(reason=reason)
    places = {
        each.number: after.skip(Partition(name, each.number), each.end) for each in state.partitions
    }
    return Successor(name, before.log_id(name), after.log_id(name), places)


def _succeeded(planned: Range, successor: Successor | None, number: int) -> Range:
    """Return how far a stage is in the log that holds the topic now."""
    if successor is None or planned.log != successor.before:
        return replace(planned, after=planned.upto)
    at = successor.places.get(number, planned.upto)
    return Range(successor.after, at, at)


def log_name(stage: str, key: str) -> LogName:
    """Return the topic or stream that a plan's range is of."""
    name = key.rpartition("/")[0]
    return topic(name) if stage == "sink" else named(name)
