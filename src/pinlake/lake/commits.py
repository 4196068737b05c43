"""The commits in a table's log: what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec

from pinlake.errors import TableBroken
from pinlake.lake.store import Identity, Lake

if TYPE_CHECKING:
    from deltalake import DeltaTable

LOG = "_delta_log"
TORN = ".torn"
CHECKPOINT = ".checkpoint.parquet"
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
    """A ``remove`` action; without ``data_change`` its rows are in files added beside it."""

    path: str
    data_change: bool


class CommitRecord(msgspec.Struct, frozen=True):
    """A commit as its file says.

    ``facts`` is its ``commitInfo`` (operation, counts, time), ``committed`` its
    ``txn`` actions; ``changes_table``: it brings another schema or protocol.
    """

    version: int
    files: tuple[AddedFile, ...]
    removed: tuple[RemovedFile, ...]
    facts: dict[str, Any]
    committed: dict[str, int]
    changes_table: bool

    @property
    def added(self) -> tuple[AddedFile, ...]:
        """The files of rows that are new to the table."""
        if self.facts.get("operation") in REWRITES:
            return ()
        return tuple(file for file in self.files if file.data_change)

    @property
    def seconds(self) -> float:
        """When it was made, seconds since 1970; 0 where it does not say."""
        return float(self.facts.get("timestamp", 0)) / 1000


def path(table: str, version: int) -> str:
    """Return the key of a commit's file."""
    return f"{table}/{LOG}/{version:020}.json"


def checkpoint(table: str, version: int) -> str:
    """Return the key of a checkpoint."""
    return f"{table}/{LOG}/{version:020}{CHECKPOINT}"


def pointer(table: str) -> str:
    """Return the key of the file that names the newest checkpoint."""
    return f"{table}/{LOG}/_last_checkpoint"


def sync_checkpoint(lake: Lake, table: str, version: int) -> None:
    """Make a checkpoint durable, its pointer too."""
    lake.sync([checkpoint(table, version), pointer(table)])


def checkpoints(lake: Lake, table: str) -> list[int]:
    """Return the versions that have a checkpoint of one file, ascending."""
    return [
        int(name[:20])
        for name in lake.children(f"{table}/{LOG}")
        if name[:20].isdecimal() and name[20:] == CHECKPOINT
    ]


def identity(lake: Lake, table: str, version: int) -> Identity | None:
    """Return what tells a commit from one of a table rebuilt in its place; None: there is none."""
    return lake.identity(path(table, version))


def versions(lake: Lake, table: str) -> list[int]:
    """Return the versions that the table's log has a file of, ascending."""
    return [
        int(name[:20])
        for name in lake.children(f"{table}/{LOG}")
        if len(name) == 25 and name[:20].isdecimal() and name.endswith(".json")
    ]


def newest(lake: Lake, table: str, known: int | None = None) -> int | None:
    """Return the highest version that the table's log has a file of, or None.

    Looked for from a ``known`` one on, or from the newest checkpoint, which costs the
    same however long the log is.
    """
    version = _newest_since(lake, table, known)
    if version is None:
        version = _newest_since(lake, table, _pointed(lake, table))
    if version is None:
        found = versions(lake, table)
        return found[-1] if found else None
    return version


def exists(lake: Lake, table: str) -> bool:
    """Tell whether a folder is a table: its log has a commit."""
    return lake.exists(path(table, 0)) or newest(lake, table) is not None


def read(lake: Lake, table: str, version: int) -> CommitRecord:
    """Return a commit; TableBroken where it is gone or damaged."""
    content = lake.get(path(table, version))
    if content is None:
        raise TableBroken(
            table=table,
            reason=f"the commit of version {version} is gone; rebuild the table from upstream",
        )
    try:
        return parse(version, content)
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        reason = (
            f"{path(table, version)}, the commit of version {version}, is torn ({error}); put a"
            " copy of it back, or rebuild the table from upstream"
        )
        raise TableBroken(table=table, reason=reason) from error


def is_plain(delta: DeltaTable) -> bool:
    """Tell whether the live files' rows are the table's rows, and an append is just one more."""
    protocol = delta.protocol()
    lowest = protocol.min_reader_version == 1 and protocol.min_writer_version <= 2
    return lowest and not delta.metadata().partition_columns


def _newest_since(lake: Lake, table: str, version: int | None) -> int | None:
    """Return the last version of those that follow a version, if the log has a file of that."""
    found = [] if version is None else lake.numbered(f"{table}/{LOG}", version)
    return found[-1].number if found else None


def _pointed(lake: Lake, table: str) -> int | None:
    """Return the version of the newest checkpoint, where its pointer tells."""
    try:
        return int(msgspec.json.decode(lake.get(pointer(table)) or b"")["version"])
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError):
        return None


def parse(version: int, content: bytes) -> CommitRecord:
    """Return what the content of a commit says; DecodeError, KeyError... where it is damaged."""
    actions = [msgspec.json.decode(line) for line in content.splitlines() if line]
    if not actions:
        raise msgspec.DecodeError("nothing in it")
    facts: dict[str, Any] = next(
        (each["commitInfo"] for each in actions if "commitInfo" in each), {}
    )
    return CommitRecord(
        version,
        files=tuple(_added(each["add"]) for each in actions if "add" in each),
        removed=tuple(_removed(each["remove"]) for each in actions if "remove" in each),
        facts=facts,
        committed={
            each["txn"]["appId"]: each["txn"]["version"] for each in actions if "txn" in each
        },
        changes_table=any("metaData" in each or "protocol" in each for each in actions),
    )


def _added(add: dict[str, Any]) -> AddedFile:
    return AddedFile(unquote(add["path"]), add["size"], add["dataChange"], add.get("stats"))


def _removed(remove: dict[str, Any]) -> RemovedFile:
    return RemovedFile(unquote(remove["path"]), remove["dataChange"])
