"""A commit drafted aside: its files and actions are there before its table names them."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

import msgspec
from deltalake import (
    CommitProperties,
    DeltaTable,
    PostCommitHookProperties,
    Schema,
    Transaction,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import SchemaMismatchError

from pinlake.errors import ColumnsChanged
from pinlake.lake import commits, types
from pinlake.lake.store import ArrowStream, Lake

_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
_PARQUET = WriterProperties(compression="SNAPPY", max_row_group_size=131_072)
"""Readers work on row groups side by side: a file of one group is read by one core alone.

Properties without a compression mean none, other than no properties at all."""
CONFIGURATION = {"delta.enableExpiredLogCleanup": "false"}
"""The log of a table is cut by upkeep alone, which knows what its readers have passed."""
PREFIX = "_draft-"
_FOLDER = re.compile(rf"{PREFIX}(?P<process>\d+)-(?P<life>[0-9a-f]{{8}})-\d+\Z")
_life = uuid.uuid4().hex[:8]
"""Tells this process from a former one of the same number, as in a container."""
_numbers = itertools.count()


class Draft(msgspec.Struct, frozen=True):
    """The content of a commit, and the files that it adds, which lie in the table, durably."""

    content: bytes
    files: tuple[str, ...]


class Written(msgspec.Struct, frozen=True):
    """Files that lie in a table, durably, and that no commit names yet.

    ``adds`` are their ``add`` actions, each a line of JSON.
    """

    adds: tuple[bytes, ...]


class DraftTable:
    """An empty table on this machine, beside the real one, in which deltalake writes.

    deltalake's own commit costs more with every live file of the table (9 ms at
    one, 70 ms at a thousand), and syncs nothing. Here each commit is version 1 of
    an empty table; its file becomes the real table's next commit as it is.
    """

    def __init__(self, lake: Lake, table: str, schema: Schema) -> None:
        self._lake, self._table, self._schema = lake, table, schema
        name = f"{PREFIX}{os.getpid()}-{_life}-{next(_numbers)}"
        self._folder = lake.scratch(table) / name
        self._folder.mkdir()
        DeltaTable.create(self._folder.as_uri(), schema, configuration=CONFIGURATION)

    @property
    def first(self) -> bytes:
        """The commit that would make the table itself."""
        return self._file(0).read_bytes()

    def write(
        self,
        rows: ArrowStream | Written | None,
        app_id: str,
        number: int,
        counts: Mapping[str, int],
    ) -> Draft:
        """Write the rows' files and return the commit that would add them.

        Raises ColumnsChanged where the rows do not fit the schema.
        """
        self._file(1).unlink(missing_ok=True)
        if isinstance(rows, Written):
            self._commit(None, app_id, number, counts)
            lines = [self._file(1).read_bytes().removesuffix(b"\n"), *rows.adds]
            return self._draft(b"\n".join(lines))
        self._commit(rows, app_id, number, counts)
        draft = self._draft(self._file(1).read_bytes())
        self._adopt([name.removeprefix(f"{self._table}/") for name in draft.files])
        return draft

    def close(self) -> None:
        """Delete what is left. Idempotent."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _draft(self, content: bytes) -> Draft:
        files = commits.parse(1, content).files
        return Draft(content, tuple(f"{self._table}/{file.path}" for file in files))

    def _adopt(self, names: list[str]) -> None:
        """Give the files their places; where that fails nothing is left here for the next try."""
        try:
            self._lake.adopt(self._folder, names, self._table)
        except BaseException:
            for name in names:
                (self._folder / name).unlink(missing_ok=True)
            raise

    def _file(self, version: int) -> Path:
        return self._folder / commits.path(".", version)

    def _commit(
        self, rows: ArrowStream | None, app_id: str, number: int, counts: Mapping[str, int]
    ) -> None:
        properties = CommitProperties(
            app_transactions=[Transaction(app_id, number)],
            custom_metadata={name: str(count) for name, count in counts.items()},
            max_commit_retries=0,
        )
        delta = DeltaTable(self._folder.as_uri())
        if rows is None:
            delta.create_write_transaction(
                [],
                "append",
                self._schema,
                commit_properties=properties,
                post_commithook_properties=_HOOKS,
            )
            return
        try:
            write_deltalake(
                delta,
                rows,
                mode="append",
                commit_properties=properties,
                post_commithook_properties=_HOOKS,
                writer_properties=_PARQUET,
            )
        except SchemaMismatchError as error:
            wanted = types.columns(self._schema)
            raise ColumnsChanged(table=self._table, found=wanted, wanted=error) from error


def sweep(lake: Lake, table: str) -> None:
    """Delete the drafts of processes that have ended."""
    for folder in _drafts(lake, table):
        found = _FOLDER.match(folder.name)
        if found and _ended(int(found["process"]), found["life"]):
            shutil.rmtree(folder, ignore_errors=True)


def drop_all(lake: Lake, table: str) -> None:
    """Delete every draft of a table, as its one writer."""
    for folder in _drafts(lake, table):
        shutil.rmtree(folder)


def _drafts(lake: Lake, table: str) -> list[Path]:
    return list(lake.scratch(table).glob(f"{PREFIX}*"))


def _ended(process: int, life: str) -> bool:
    if process == os.getpid():
        return life != _life
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
