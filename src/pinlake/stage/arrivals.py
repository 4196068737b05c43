"""Which objects load has not taken: of this home's sink, and those that were copied in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from pinlake.lake import objects
from pinlake.lake.naming import ObjectKey
from pinlake.lake.progress import Plan, Plans, Range
from pinlake.lake.store import Lake


class _Taken(msgspec.Struct, frozen=True):
    """The copied objects that load's plans up to a number hold."""

    number: int
    keys: tuple[str, ...]


class Arrivals:
    """The objects of a table's topics that no plan of load has, in order.

    The sink writes a partition's objects in order of their first offset, so of
    a partition that its plans know the last one taken tells all. Its newest
    plan is read before the listing: objects before that plan are all there, and
    of its own those up to the last that exists. Of any other partition the
    objects were copied in, in whatever order, and each that was taken is kept
    in ``progress/load/<table>/copied.json``.
    """

    def __init__(self, lake: Lake, table: str) -> None:
        self._lake = lake
        self._file = f"{Plans(lake, 'load', table).folder}/copied.json"
        self._taken: _Taken | None = None
        self._sinks: dict[str, Plans] = {}

    def after(self, latest: Plan | None, topics: Iterable[str]) -> list[ObjectKey]:
        """Return the objects that no plan has up to the newest, ``latest``."""
        return [key for topic in sorted(topics) for key in self._of_topic(latest, topic)]

    def of_sink(self, latest: Plan | None, key: ObjectKey) -> bool:
        """Tell whether an object is one of a partition that this home's sink writes."""
        partition = f"{key.topic}/{key.partition}"
        planned = self._plans(key.topic).latest()
        ours = planned is not None and partition in planned.ranges
        return ours or last(latest, partition) is not None

    def settle(self, latest: Plan | None) -> None:
        """Keep durably which copied objects the newest plan holds, before there is another."""
        known = self._known(latest)
        if latest is None or known.number >= latest.number:
            return
        copied = _copied(latest)
        self._taken = _Taken(latest.number, known.keys + copied)
        if copied:
            self._lake.put(self._file, msgspec.json.encode(self._taken) + b"\n")

    def _of_topic(self, latest: Plan | None, topic: str) -> list[ObjectKey]:
        planned = self._plans(topic).latest()
        listing = objects.listing(self._lake, topic, _done(latest, topic))
        ends = self._ends(planned) if planned else {}
        taken = {*self._known(latest).keys, *(_copied(latest) if latest else ())}
        return [key for key in listing if _is_new(latest, key, ends, taken)]

    def _plans(self, topic: str) -> Plans:
        return self._sinks.setdefault(topic, Plans(self._lake, "sink", topic))

    def _ends(self, planned: Plan) -> dict[int, int | None]:
        """Return up to which first offset all objects of a partition are there."""
        ends: dict[int, int | None] = {
            int(name.rpartition("/")[2]): each.after if each.after != each.upto else each.upto
            for name, each in planned.ranges.items()
        }
        keys = [key for key in map(objects.parse, planned.objects) if key is not None]
        whole = False
        for key in reversed(keys):
            whole = whole or self._lake.exists(str(key))
            if whole:
                ends[key.partition] = max(ends[key.partition] or 0, key.start)
        return ends

    def _known(self, latest: Plan | None) -> _Taken:
        if latest is None:
            return _Taken(0, ())
        if self._taken is None or self._taken.number > latest.number:
            content = self._lake.get(self._file)
            found = msgspec.json.decode(content, type=_Taken) if content else _Taken(0, ())
            self._taken = found
        return self._taken


def following(
    latest: Plan | None, taken: Iterable[ObjectKey], sunk: Callable[[ObjectKey], bool]
) -> Plan:
    """Return the plan of these objects; its ranges tell the last of those that a sink wrote."""
    ranges = {
        key: Range(each.log, each.upto, each.upto)
        for key, each in (latest.ranges.items() if latest else ())
    }
    keys = list(taken)
    for key in filter(sunk, keys):
        partition = f"{key.topic}/{key.partition}"
        ranges[partition] = Range("", last(latest, partition), key.start)
    number = latest.number + 1 if latest else 1
    return Plan(number, ranges, objects=tuple(str(key) for key in keys))


def last(latest: Plan | None, partition: str) -> int | None:
    """Return the first offset of the last object taken of a partition, ``<topic>/<p>``."""
    done = latest.ranges.get(partition) if latest else None
    return done.upto if done else None


def _done(latest: Plan | None, topic: str) -> dict[int, int]:
    """Return the first offset of the last object taken of each partition that a sink writes."""
    ranges = latest.ranges if latest else {}
    return {
        int(partition.rpartition("/")[2]): each.upto
        for partition, each in ranges.items()
        if partition.rpartition("/")[0] == topic
    }


def _is_new(
    latest: Plan | None, key: ObjectKey, ends: Mapping[int, int | None], taken: Collection[str]
) -> bool:
    done = last(latest, f"{key.topic}/{key.partition}")
    if key.partition in ends:
        end = ends[key.partition]
        return end is not None and key.start <= end and (done is None or key.start > done)
    return key.start > done if done is not None else str(key) not in taken


def _copied(plan: Plan) -> tuple[str, ...]:
    """Return the plan's objects that its ranges do not tell."""
    keys = [key for key in map(objects.parse, plan.objects) if key is not None]
    return tuple(str(key) for key in keys if f"{key.topic}/{key.partition}" not in plan.ranges)
