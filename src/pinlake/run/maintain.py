"""``pinlake maintain``: what the writers of the tables would do, for all of them now."""

from __future__ import annotations

import time

import duckdb
import msgspec
from deltalake.exceptions import DeltaError

from pinlake.dataset import Dataset
from pinlake.errors import PinlakeError, WriterBusy
from pinlake.lake import progress, tables
from pinlake.lake.open import open_lake
from pinlake.lake.progress import Plans
from pinlake.lake.store import Lake
from pinlake.lake.upkeep import Rules
from pinlake.run.present import Presenter
from pinlake.settings import Home
from pinlake.stage import upkeep

DRAFT_SECONDS = 3600.0
"""A draft lives for milliseconds: one of this age is nobody's."""


class Maintained(msgspec.Struct, frozen=True):
    """What was done for a table; ``error``: nothing, and why."""

    table: str
    compacted: int = 0
    into: int = 0
    versions: int = 0
    deleted: int = 0
    swept: int = 0
    busy: bool = False
    error: str | None = None


def maintain(home: Home, dataset: Dataset, *, json: bool) -> bool:
    """Keep every table that no writer holds, print what was done, and tell whether all went well.

    A table of a running stage is left to that stage, which does the same.
    """
    lake, presenter = open_lake(home), Presenter(json=json)
    rules = msgspec.structs.replace(upkeep.rules(home.settings), compact_after=2)
    going_well = True
    for table in tables.names(lake):
        text, done = _maintained(lake, table, rules, dataset)
        presenter.say(f"{table}: {text}", **msgspec.structs.asdict(done))
        going_well = going_well and done.error is None
    for stage in lake.children(progress.ROOT):
        for name in progress.names(lake, stage):
            Plans(lake, stage, name).prune()
    if swept := lake.sweep_drafts("", time.time() - DRAFT_SECONDS):
        presenter.say(f"{swept} files deleted that killed writers left unfinished", drafts=swept)
    return going_well


def _maintained(lake: Lake, table: str, rules: Rules, dataset: Dataset) -> tuple[str, Maintained]:
    stage, name = upkeep.writer_of(table)
    try:
        with Plans(lake, stage, name).claim():
            kept = upkeep.keep(lake, table, rules, dataset.tables, swept=True)
    except WriterBusy:
        return f"left to its writer, {stage} {name}, which runs", Maintained(table, busy=True)
    except (PinlakeError, OSError, duckdb.Error, DeltaError) as error:
        return str(error), Maintained(table, error=str(error))
    return str(kept), Maintained(table, **msgspec.structs.asdict(kept))
