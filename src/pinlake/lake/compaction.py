"""Many small files of a table into few large ones."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

import duckdb
import msgspec
from deltalake.exceptions import DeltaError

from pinlake.lake import rewriting, tables
from pinlake.lake.handle import LiveFile, handle_of
from pinlake.lake.store import Lake

WIDTH = 32
"""Files of one class differ by this factor at most, so that a row is rewritten once a class."""
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "memory_limit": "512MB",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


class Compacted(msgspec.Struct, frozen=True):
    """How many files became how many."""

    files: int = 0
    into: int = 0


def compact(lake: Lake, table: str, *, target_bytes: int, least: int) -> Compacted:
    """Rewrite small files into files of about ``target_bytes``, without a change of rows.

    Files of a size class are taken once there are ``least`` of them, or once they
    make a whole file. One commit a file made; readers of older versions keep
    their files. A table that is no plain one stays as it is.
    """
    done = Compacted()
    for files in _due(lake, table, target_bytes, least):
        if _rewrite(lake, table, files):
            done = Compacted(done.files + len(files), done.into + 1)
    return done


def groups(
    live: Mapping[str, LiveFile], target_bytes: int, least: int
) -> Iterator[tuple[str, ...]]:
    """Yield the files, by their paths, that are to become one."""
    small = [(path, file.size) for path, file in live.items() if file.size <= target_bytes // 2]
    classes: dict[int, list[tuple[str, int]]] = {}
    for path, size in small:
        classes.setdefault(_class(size) if least > 2 else 0, []).append((path, size))
    for members in classes.values():
        for group in _filled(members, target_bytes):
            whole = sum(size for _, size in group) > target_bytes // 2
            if len(group) >= least or (whole and len(group) > 1):
                yield tuple(path for path, _ in group)


def _due(lake: Lake, table: str, target_bytes: int, least: int) -> list[tuple[str, ...]]:
    handle = handle_of(lake, table)
    with handle.lock:
        if handle.newest() is None or not handle.is_plain:
            return []
        return list(groups(handle.live, target_bytes, max(2, least)))


def _class(size: int) -> int:
    return int(math.log(max(1, size), WIDTH))


def _filled(
    members: Sequence[tuple[str, int]], target_bytes: int
) -> Iterator[list[tuple[str, int]]]:
    """Cut files, in their order, into groups of about the target at most."""
    totals = itertools.accumulate(size for _, size in members)
    numbered = zip(members, (int(total // target_bytes) for total in totals), strict=True)
    for _, group in itertools.groupby(numbered, key=lambda each: each[1]):
        yield [member for member, _ in group]


def _rewrite(lake: Lake, table: str, files: Sequence[str]) -> bool:
    snapshot = tables.snapshot(lake, table)
    if snapshot is None:
        return False
    some = tuple(str(lake.path(f"{table}/{file}")) for file in files)
    chosen = msgspec.structs.replace(snapshot, files=some)
    with duckdb.connect(":memory:", config=_SETTINGS) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            rows = tables.read(connection, chosen)
            done = rewriting.replace(lake, table, files, rows, {"compacted": len(files)})
        except (duckdb.Error, DeltaError, OSError) as error:
            raise tables.damaged(connection, chosen) or error from error
    return done is not None
