"""Opening a table's log: past a damaged checkpoint where the commits tell, or with what to do."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from pinlake.errors import TableBroken, VersionGone
from pinlake.lake import commits
from pinlake.lake.store import Lake
from pinlake.telemetry import logger


def load(lake: Lake, table: str, version: int) -> DeltaTable:
    """Return a table at a version.

    Raises VersionGone where the version is no longer kept or not there yet, and
    TableBroken, with the damaged file, where its log cannot be read.
    """
    try:
        return _load(lake, table, version)
    except DeltaError as error:
        raise _explained(lake, table, version, error) from error


def newest(lake: Lake, table: str, version: int) -> tuple[DeltaTable, bool]:
    """Return a table at its newest version.

    Where a damaged checkpoint stands before it: at the version before that, and
    True, since the commits from there on tell the rest.
    """
    try:
        return _load(lake, table, version), False
    except DeltaError as error:
        for checkpoint in reversed(commits.checkpoints(lake, table)):
            try:
                delta = _load(lake, table, checkpoint - 1)
            except DeltaError:
                continue
            damaged = commits.checkpoint(table, checkpoint)
            logger("lake").warning("checkpoint_damaged", file=damaged, error=str(error))
            return delta, True
        raise _explained(lake, table, version, error) from error


def files(delta: DeltaTable) -> frozenset[str]:
    """Return the live files of an open table, by their paths below it."""
    actions: Any = delta.get_add_actions(flatten=True)
    return frozenset(map(unquote, actions.column("path").to_pylist()))


def kept(lake: Lake, table: str) -> list[int]:
    """Return the versions that can still be read, ascending."""
    found: list[int] = []
    bases = {0, *commits.checkpoints(lake, table)}
    for version in commits.versions(lake, table):
        if version in bases or (found and found[-1] == version - 1):
            found.append(version)
    return found


def _load(lake: Lake, table: str, version: int) -> DeltaTable:
    url, options = lake.table_url(table), lake.storage_options
    try:
        return DeltaTable(url, version=version, storage_options=options)
    except OSError as error:
        raise lake.failure(error) from None


def _explained(lake: Lake, table: str, version: int, error: DeltaError) -> Exception:
    """Return what is wrong and what to do about it."""
    there = kept(lake, table)
    if version not in there:
        return VersionGone(table=table, version=version, kept=_ranges(there))
    base = max((each for each in commits.checkpoints(lake, table) if each <= version), default=0)
    for each in range(base + 1 if base else 0, version + 1):
        try:
            commits.read(lake, table, each)
        except TableBroken as broken:
            return broken
    reason = str(error).splitlines()[0]
    return TableBroken(
        table=table,
        reason=f"{commits.checkpoint(table, base)} is damaged ({reason}); put a copy of it back,"
        " or rebuild the table from upstream",
    )


def _ranges(versions: list[int]) -> str:
    """Return ascending versions as ``3, 7-9``."""
    runs: list[list[int]] = []
    for version in versions:
        if runs and runs[-1][-1] == version - 1:
            runs[-1][1:] = [version]
        else:
            runs.append([version])
    return ", ".join("-".join(map(str, run)) for run in runs) or "none"
