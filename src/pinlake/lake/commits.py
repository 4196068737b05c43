"""The commits in a table's log: what they say, and mending what a power cut tore."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import msgspec
from deltalake import DeltaTable

from pinlake.errors import TableBroken
from pinlake.lake.store import Lake, sync_folder
from pinlake.telemetry import logger

LOG = "_delta_log"
LOCK = ".mend.lock"
TORN = ".torn"
PARQUET = b"PAR1"
REWRITES = frozenset({"DELETE", "UPDATE", "MERGE", "OPTIMIZE", "RESTORE", "ERASE"})
"""Operations that write rows anew which the table had already."""


class AddedFile(msgspec.Struct, frozen=True):
    """An ``add`` action: a file by its path below the table, its size in bytes and statistics."""

    path: str
    size: int
    data_change: bool
    stats: str | None

    @property
    def rows(self) -> int:
        """The rows in it, by its statistics."""
        return int(msgspec.json.decode(self.stats or "{}").get("numRecords", 0))


class RemovedFile(msgspec.Struct, frozen=True):
    """A ``remove`` action: a file by its path; without data change its rows live on elsewhere."""

    path: str
    data_change: bool


class CommitRecord(msgspec.Struct, frozen=True):
    """A commit as its file says.

    ``facts`` is its ``commitInfo`` (operation, counts, time), ``committed`` its
    ``txn`` actions; ``changes_table``: it brings another schema or protocol.
    """

    version: int
    files: tuple[AddedFile, ...]
    facts: dict[str, Any]
    committed: dict[str, int]
    changes_table: bool
    removed: tuple[RemovedFile, ...] = ()

    @property
    def added(self) -> tuple[AddedFile, ...]:
        """The files of rows that are new to the table."""
        if self.facts.get("operation") in REWRITES:
            return ()
        return tuple(file for file in self.files if file.data_change)


def path(table: str, version: int) -> str:
    """Return the key of a commit's file."""
    return f"{table}/{LOG}/{version:020}.json"


def birth(lake: Lake, table: str) -> tuple[int, int] | None:
    """Return what tells a table from one rebuilt in its place, or None where there is none."""
    try:
        status = lake.path(path(table, 0)).stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_ino, status.st_mtime_ns


def newest(lake: Lake, table: str) -> int | None:
    """Return the highest version that the table's log has a file of, or None."""
    versions = [
        name[:20]
        for name in lake.children(f"{table}/{LOG}")
        if len(name) == 25 and name[:20].isdecimal()
    ]
    return int(versions[-1]) if versions else None


def read(lake: Lake, table: str, version: int) -> CommitRecord:
    """Return a commit; TableBroken where it is gone or torn."""
    content = lake.get(path(table, version))
    if content is None:
        raise TableBroken(
            table=table, reason=f"the commit of version {version} is gone; rebuild it"
        )
    try:
        return _parse(version, content)
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise TableBroken(
            table=table, reason=f"the commit of version {version} is torn: {error}"
        ) from error


def is_plain(delta: DeltaTable) -> bool:
    """Tell whether the live files' rows are the table's rows, and an append is just one more."""
    protocol = delta.protocol()
    lowest = protocol.min_reader_version == 1 and protocol.min_writer_version <= 2
    return lowest and not delta.metadata().partition_columns


def mend(lake: Lake, table: str) -> bool:
    """Set aside a newest commit or checkpoint that a power cut tore; make a whole one durable.

    Tells whether the table is there then: its first commit may be the torn one.

    Its plan is there still, so the stage commits it again with the same rows. An
    earlier commit cannot be torn: a writer syncs each before the next.
    """
    if not os.access(lake.path(f"{table}/{LOG}"), os.W_OK):
        return True
    with _alone(lake, table):
        _mend_checkpoint(lake, table)
        version = newest(lake, table)
        if version is not None and _torn(lake, table, version):
            _set_aside(lake, path(table, version))
            version = newest(lake, table)
        elif version is not None:
            lake.sync(_written(lake, table, version))
    return version is not None


def sync_checkpoint(lake: Lake, table: str, version: int) -> None:
    """Make a checkpoint durable, its pointer too."""
    lake.sync([_checkpoint(table, version), _pointer(table)])


def _parse(version: int, content: bytes) -> CommitRecord:
    actions = [msgspec.json.decode(line) for line in content.splitlines() if line]
    if not actions:
        raise msgspec.DecodeError("nothing in it")
    facts: dict[str, Any] = next(
        (each["commitInfo"] for each in actions if "commitInfo" in each), {}
    )
    return CommitRecord(
        version,
        files=tuple(_added(each["add"]) for each in actions if "add" in each),
        facts=facts,
        committed={
            each["txn"]["appId"]: each["txn"]["version"] for each in actions if "txn" in each
        },
        changes_table=any("metaData" in each or "protocol" in each for each in actions),
        removed=tuple(_removed(each["remove"]) for each in actions if "remove" in each),
    )


def _added(add: dict[str, Any]) -> AddedFile:
    return AddedFile(unquote(add["path"]), add["size"], add["dataChange"], add.get("stats"))


def _removed(remove: dict[str, Any]) -> RemovedFile:
    return RemovedFile(unquote(remove["path"]), remove["dataChange"])


@contextmanager
def _alone(lake: Lake, table: str) -> Iterator[None]:
    """Keep others from mending, so that nobody sets aside what another has written anew."""
    descriptor = os.open(lake.path(f"{table}/{LOG}/{LOCK}"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _torn(lake: Lake, table: str, version: int) -> bool:
    try:
        record = read(lake, table, version)
    except TableBroken:
        return True
    return not all(_whole(lake, f"{table}/{file.path}", file.size) for file in record.files)


def _whole(lake: Lake, key: str, size: int) -> bool:
    """Tell whether a Parquet file has its size and its end."""
    try:
        with lake.path(key).open("rb") as file:
            if file.seek(0, os.SEEK_END) != size:
                return False
            file.seek(-len(PARQUET), os.SEEK_END)
            return file.read() == PARQUET
    except FileNotFoundError:
        return False


def _mend_checkpoint(lake: Lake, table: str) -> None:
    content = lake.get(_pointer(table))
    if content is None:
        return
    try:
        pointer = msgspec.json.decode(content)
        checkpoint = _checkpoint(table, pointer["version"])
        broken = "parts" not in pointer and not _whole(lake, checkpoint, lake.size(checkpoint))
    except (msgspec.DecodeError, KeyError, TypeError, OSError):
        broken = True
        checkpoint = ""
    if broken:
        _set_aside(lake, _pointer(table))
        if checkpoint:
            _set_aside(lake, checkpoint)


def _written(lake: Lake, table: str, version: int) -> list[str]:
    record = read(lake, table, version)
    return [*(f"{table}/{file.path}" for file in record.files), path(table, version)]


def _set_aside(lake: Lake, key: str) -> None:
    """Take a torn file out of the table's sight, for whoever wants to look at it."""
    torn = lake.path(key)
    torn.rename(torn.with_name(f"{torn.name}{TORN}"))
    sync_folder(torn.parent)
    logger("lake").warning("torn_file_set_aside", file=key)


def _checkpoint(table: str, version: int) -> str:
    return f"{table}/{LOG}/{version:020}.checkpoint.parquet"


def _pointer(table: str) -> str:
    return f"{table}/{LOG}/_last_checkpoint"
