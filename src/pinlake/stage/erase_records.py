"""Erasing the records of one key from the log, and from the objects that the sink made of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from pinlake.dataset import Dataset
from pinlake.engine import inputs, records, routing
from pinlake.engine.base import LogRange
from pinlake.engine.erasure import Finder, Place, without
from pinlake.engine.routes import Feed, routes
from pinlake.engine.values import Part
from pinlake.lake import objects
from pinlake.lake.store import Lake
from pinlake.log.base import LogReader
from pinlake.log.erase import Eraser
from pinlake.record import Kind, Partition, topic

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
    name = finder.table.name
    feeds = [Feed(topic(each)) for each in log.names(Kind.TOPIC) if _claims(dataset, each, name)]
    for each in routes(dataset, log.names(Kind.STREAM)):
        feeds += each.feeds if each.table.name == name else ()
    for feed in feeds:
        for state in log.describe(feed.log_name).partitions:
            if state.end > state.beginning:
                partition = Partition(feed.log_name, state.number)
                yield LogRange(partition, None, state.end - 1, feed.takes, feed.rivals)


def _claims(dataset: Dataset, topic_name: str, table: str) -> bool:
    claiming = dataset.table_of_topic(topic_name)
    return claiming is not None and claiming.name == table


def _objects(finder: Finder, dataset: Dataset, lake: Lake) -> Iterator[str]:
    for name in objects.topics(lake):
        if _claims(dataset, name, finder.table.name):
            yield from map(str, objects.listing(lake, name))


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
