"""Erasing the records of one key from the log, and from the objects that the sink made of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from pinlake.dataset import Dataset
from pinlake.engine import inputs, records, routing
from pinlake.engine.base import LogRange
from pinlake.engine.erasure import Finder, Place, without
from pinlake.engine.routes import ends, routes
from pinlake.engine.values import Part
from pinlake.lake import objects
from pinlake.lake.store import Lake
from pinlake.log.base import LogReader
from pinlake.log.erase import Eraser
from pinlake.record import Kind, Partition

Elements = Mapping[int, set[int]]
"""The elements to erase, by their record's position."""


def erase_log(finder: Finder, dataset: Dataset, log: LogReader, eraser: Eraser) -> int:
    """Erase a key's records from every topic and stream that feeds its table; return how many."""
    for given in _ranges(finder, dataset, log):
        for fetched in inputs.read_log(log, [given]):
            taken = routing.taken(finder.connection, [fetched])
            found = _by_position(finder.in_parts(taken, records.as_read))
            _erase(eraser, given.partition, fetched.part, found)
    return eraser.erased


def erase_objects(finder: Finder, dataset: Dataset, lake: Lake) -> int:
    """Erase a key's records from the objects of its table's topics; return how many."""
    erased = 0
    for key in _objects(finder, dataset, lake):
        (part,) = inputs.read_objects(lake, [key])
        if found := _by_position(finder.in_parts([part], records.of_line)):
            objects.put(lake, key, b"".join(_lines(part, found)))
            erased += len(found)
    return erased


def _ranges(finder: Finder, dataset: Dataset, log: LogReader) -> Iterator[LogRange]:
    """Yield every partition that feeds the table, whole."""
    for fed in routes(dataset, log.names(Kind.STREAM), log.names(Kind.TOPIC)):
        if fed.table.name == finder.table.name:
            for (feed, number), end in ends(log, fed.feeds).items():
                yield feed.range(number, None, end)


def _objects(finder: Finder, dataset: Dataset, lake: Lake) -> Iterator[str]:
    for topic in dataset.topics_of(finder.table.name, objects.topics(lake)):
        yield from map(str, objects.listing(lake, topic))


def _by_position(places: Iterable[Place]) -> Elements:
    found: dict[int, set[int]] = defaultdict(set)
    for place in places:
        found[place.position].add(place.element)
    return found


def _erase(eraser: Eraser, partition: Partition, part: Part, found: Elements) -> None:
    values = {
        position: without(content, found[position])
        for position, content in _values(part)
        if position in found
    }
    whole = frozenset(at for at, value in values.items() if value == b"null")
    eraser.erase(partition, values, whole)


def _lines(part: Part, found: Elements) -> Iterator[bytes]:
    for position, line in _values(part):
        if position in found:
            sent = records.of_line(line)
            yield objects.line(without(sent, found[position]))
        else:
            yield line


def _values(part: Part) -> Iterator[tuple[int, bytes]]:
    start = 0
    for position, length in zip(part.positions, part.lengths, strict=True):
        yield position, bytes(part.blob[start : start + length])
        start += length
