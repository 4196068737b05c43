"""A lake on its way to another place: copied, compared, and marked until it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from pinlake.errors import LakeDiffers, LakeMoving, LakeTaken
from pinlake.lake import progress, tables
from pinlake.lake.progress import Plans
from pinlake.lake.store import Lake

MARK = "moving.json"
"""Of a lake that no stage may work on yet: which lake it is made of."""
AT_ONCE = 8


class Mark(msgspec.Struct, frozen=True):
    """What stands in ``moving.json``: the URL of the lake that is copied to here."""

    source: str


class Copied(msgspec.Struct, frozen=True):
    """What a copy brought: files now, and those that an earlier attempt had brought."""

    files: int = 0
    found: int = 0


class Told(msgspec.Struct, frozen=True):
    """What two copies of a table must have in common; ``digest`` is over all values of all rows."""

    table_id: str
    version: int
    rows: int
    digest: str


def begin(target: Lake, source: str) -> None:
    """Mark a lake as being made of another one; raise LakeTaken where there is anything else."""
    known = _mark(target)
    if known is None and source != target.url and target.children(""):
        raise LakeTaken(lake=target.url, reason="it holds files already")
    if known is not None and known.source != source:
        raise LakeTaken(lake=target.url, reason=f"{known.source} is being copied to it")
    target.put(MARK, msgspec.json.encode(Mark(source)) + b"\n")


def finish(target: Lake) -> None:
    """Let the stages work on the lake."""
    target.delete(MARK)


def check_settled(lake: Lake) -> None:
    """Raise LakeMoving where a lake is not whole yet."""
    if (mark := _mark(lake)) is not None:
        raise LakeMoving(lake=lake.url, source=mark.source)


def copy(source: Lake, target: Lake) -> Copied:
    """Make a marked lake equal to another one that nobody writes to, however far it is.

    Parquet files have names that are never used again, so those that are there stay.
    All else is written again, and what the other lake does not have (any more) goes.
    """
    wanted, there = set(files(source)), set(files(target))
    for key in sorted(there - wanted):
        target.delete(key)
    kept = _kept(source, target, sorted(wanted & there))

    def carry(key: str) -> None:
        content = source.get(key)
        if content is None:
            raise LakeDiffers(what=key, found="nothing", expected="a file")
        target.put(key, content)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(carry, sorted(wanted - kept)))
    return Copied(len(wanted) - len(kept), len(kept))


def compare(source: Lake, target: Lake, connection: Any) -> int:
    """Return how many tables two lakes have, all equal: versions, rows and plans, read from each.

    Raises LakeDiffers. ``connection`` is DuckDB's. What the other lake's files hold is read
    as any reader does, so that it is known to be readable there.
    """
    there, wanted = set(files(target)), set(files(source))
    for key in sorted(there ^ wanted)[:1]:
        _equal(key, *(("there", "gone") if key in there else ("gone", "there")))
    names = tables.names(source)
    _equal("tables", tables.names(target), names)
    for name in names:
        tables.forget(target, name)
        _equal(name, told(target, name, connection), told(source, name, connection))
    for stage, name, expected in progress.newest(source):
        found = Plans(target, stage, name).latest()
        _equal(f"the newest plan of {stage} {name}", found, expected)
    return len(names)


def told(lake: Lake, name: str, connection: Any) -> Told:
    """Return a table's identity, version, and what its rows come to."""
    at = tables.snapshot(lake, name)
    assert at is not None
    rows = tables.read(connection, at)  # noqa: F841 DuckDB finds it by its name
    found = connection.sql("SELECT count(*), bit_xor(hash(rows)) FROM rows").fetchall()
    return Told(at.table_id, at.version, found[0][0], str(found[0][1]))


def files(lake: Lake) -> Iterator[str]:
    """Yield the keys of all files that make a lake: no claims, nothing that was spilled."""
    for folder in lake.children(""):
        if not folder.startswith("."):
            yield from (key for key in lake.files(folder) if not key.endswith(progress.LOCK))


def _kept(source: Lake, target: Lake, keys: list[str]) -> set[str]:
    """Return the Parquet files that are there already, by their sizes too."""
    known = [key for key in keys if key.endswith(".parquet")]
    sizes = zip(known, source.sizes(known), target.sizes(known), strict=True)
    return {key for key, there, here in sizes if there == here}


def _mark(lake: Lake) -> Mark | None:
    content = lake.get(MARK)
    return None if content is None else msgspec.json.decode(content, type=Mark)


def _equal(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise LakeDiffers(what=what, found=found, expected=expected)
