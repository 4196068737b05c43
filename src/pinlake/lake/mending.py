"""What a power cut may have torn: told to readers, mended by a table's writer alone."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from pinlake.errors import TableBroken
from pinlake.lake import commits
from pinlake.lake.commits import LOG
from pinlake.lake.file import sync_folder
from pinlake.lake.store import Lake
from pinlake.telemetry import logger

LOCK = ".mend.lock"
PARQUET = b"PAR1"


def is_torn(lake: Lake, table: str, version: int) -> bool:
    """Tell whether a newest commit, or a file that it adds, is not whole."""
    if not lake.may_tear:
        return False
    try:
        record = commits.read(lake, table, version)
    except TableBroken:
        return True
    return not all(_whole(lake, f"{table}/{file.path}", file.size) for file in record.files)


def mend(lake: Lake, table: str) -> bool:
    """Set aside a newest commit or checkpoint that a power cut tore; make a whole one durable.

    Tells whether something was set aside. The commit's plan is there still, so
    the stage commits it again with the same rows. An earlier commit cannot be
    torn: a writer syncs each before the next.
    """
    if not lake.may_tear or not lake.children(f"{table}/{LOG}"):
        return False
    with _alone(lake, table):
        torn = _torn_checkpoint(lake, table)
        version = commits.newest(lake, table)
        if version is not None and is_torn(lake, table, version):
            torn.append(commits.path(table, version))
        elif version is not None:
            lake.sync(_written(lake, table, version))
        for key in torn:
            _set_aside(lake, key)
    return bool(torn)


@contextmanager
def _alone(lake: Lake, table: str) -> Iterator[None]:
    """Keep others from mending, so that nobody sets aside what another has written anew."""
    descriptor = lake.open_lock(f"{table}/{LOG}/{LOCK}")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _whole(lake: Lake, key: str, size: int) -> bool:
    """Tell whether a Parquet file has its size and its end."""
    try:
        with lake.path(key).open("rb") as file:
            if file.seek(0, os.SEEK_END) != size or size < len(PARQUET):
                return False
            file.seek(-len(PARQUET), os.SEEK_END)
            return file.read() == PARQUET
    except FileNotFoundError:
        return False


def _torn_checkpoint(lake: Lake, table: str) -> list[str]:
    """Return the keys of the newest checkpoint and its pointer, where one of them is torn."""
    content = lake.get(commits.pointer(table))
    if content is None:
        return []
    try:
        pointer = msgspec.json.decode(content)
        key = commits.checkpoint(table, pointer["version"])
        whole = "parts" in pointer or _whole(lake, key, *lake.sizes([key]))
    except FileNotFoundError:
        return [commits.pointer(table)]
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return [commits.pointer(table)]
    return [] if whole else [commits.pointer(table), key]


def _written(lake: Lake, table: str, version: int) -> list[str]:
    record = commits.read(lake, table, version)
    return [*(f"{table}/{file.path}" for file in record.files), commits.path(table, version)]


def _set_aside(lake: Lake, key: str) -> None:
    """Take a torn file out of the table's sight, for whoever wants to look at it."""
    torn = lake.path(key)
    torn.rename(torn.with_name(f"{torn.name}{commits.TORN}"))
    sync_folder(torn.parent)
    logger("lake").warning("torn_file_set_aside", file=key)
