"""``pinlake erase``: the records of one key, out of everything that a home holds of them."""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec

from pinlake.dataset import Dataset, Table
from pinlake.engine.duckdb import DuckdbEngine
from pinlake.engine.erasure import Finder
from pinlake.errors import KeyMissing, KinesisCannot, LogCannot, TableMissing
from pinlake.lake import objects
from pinlake.lake.open import open_lake
from pinlake.lake.progress import Plans, names
from pinlake.lake.store import Lake
from pinlake.log.erase import Eraser, opened
from pinlake.log.open import open_reader
from pinlake.settings import Home
from pinlake.stage.erase_records import erase_log, erase_objects
from pinlake.stage.erase_tables import STAGES, TableEraser
from pinlake.stage.loop import run_stage

DERIVED = ("cache", "report.html")
"""What a home makes anew, and what may quote a row."""


class Erased(msgspec.Struct, frozen=True):
    """What was erased of a key: records of the log and of objects, rows of the tables.

    ``unreadable`` counts the rows of quarantine that are no JSON: whose they are cannot be told.
    """

    table: str
    log: int = 0
    objects: int = 0
    raw: int = 0
    clean: int = 0
    stream: int = 0
    quarantine: int = 0
    unreadable: int = 0

    def __str__(self) -> str:
        """Return one line for people."""
        text = (
            f"{self.table}: erased {self.log:,} records of the log, {self.objects:,} of objects, "
            f"{self.raw:,} raw rows, {self.clean:,} clean, {self.stream:,} stream, "
            f"{self.quarantine:,} of quarantine, and every old version"
        )
        if self.unreadable:
            text += (
                f"; {self.unreadable:,} quarantined values are no JSON, so nobody can tell whose "
                "they are: look at quarantine/ yourself"
            )
        return text


def run_erase(home: Home, dataset: Dataset, name: str, key: str) -> Erased:
    """Erase every record of one key of a table: log, objects, tables, quarantine, old versions.

    Nobody else may write meanwhile: the table's stages first take what the log
    holds to its end, here. Done again after a crash, it goes on where it stopped,
    for each store finds for itself what it holds. Raises TableMissing, KeyMissing,
    LogInUse, WriterBusy, and what the stages raise.
    """
    lake = open_lake(home)
    table = _table(lake, dataset, name)
    _check_erasable(home)
    with ExitStack() as held:
        eraser = _held_log(home, held)
        _drain(home, dataset, name, with_log=eraser is not None)
        _claim(lake, dataset, name, held)
        _sweep(lake, dataset, name)
        engine = held.enter_context(closing(DuckdbEngine(lake, None, dataset.functions_sql)))
        finder = Finder(engine.connection, table, key)
        erased = msgspec.structs.replace(
            _of_tables(TableEraser(engine.connection, lake, finder)),
            # Upstream last: until then what tells the records is there.
            objects=erase_objects(finder, dataset, lake),
            log=_from_log(home, dataset, finder, eraser),
        )
    for derived in (lake.spill, *(home.path / name for name in DERIVED)):
        _remove(derived)
    return erased


def _table(lake: Lake, dataset: Dataset, name: str) -> Table:
    table = dataset.tables.get(name)
    if table is None:
        raise TableMissing(table=name, lake=lake.url, known=", ".join(dataset.tables))
    if not table.key:
        raise KeyMissing(table=name)
    return table


def _check_erasable(home: Home) -> None:
    """Raise LogCannot where records are in Kafka or Kinesis, which let go of them by time alone."""
    if home.streams_url != home.log_url:
        do = (
            "let the streams' retention pass them there; nothing was erased from the lake either, "
            "for it would be filled again"
        )
        raise KinesisCannot(what="erase single records", do=do)
    if home.topics_url != home.log_url:
        do = (
            "let the topics' retention.ms pass them there, or write a tombstone where they are "
            "compacted; nothing was erased from the lake either, for it would be filled again"
        )
        raise LogCannot(what="erase single records", do=do)


def _held_log(home: Home, held: ExitStack) -> Eraser | None:
    """Keep the gateway from starting; None where there is no log (any more)."""
    path = Path(home.log_url.removeprefix("sqlite:///"))
    return held.enter_context(opened(path)) if path.exists() else None


def _drain(home: Home, dataset: Dataset, name: str, *, with_log: bool) -> None:
    """Have every stage settle its newest plan and take what is there, so that none is behind."""
    for stage in ("sink", *STAGES):
        if with_log or stage in {"load", "clean"}:
            run_stage(stage, home, dataset, table=name, once=True, stop=threading.Event())


def _claim(lake: Lake, dataset: Dataset, name: str, held: ExitStack) -> None:
    """Be the one writer of the table in every stage until it is done."""
    for stage in STAGES:
        held.enter_context(Plans(lake, stage, name).claim())
    for topic in dataset.topics_of(name, names(lake, "sink")):
        held.enter_context(Plans(lake, "sink", topic).claim())


def _sweep(lake: Lake, dataset: Dataset, name: str) -> None:
    """Delete what killed writers left unfinished of objects; they have no other writer now."""
    for topic in dataset.topics_of(name, objects.topics(lake)):
        for root in objects.roots(lake):
            lake.sweep_drafts(f"{root}/{topic}", time.time())


def _of_tables(tables: TableEraser) -> Erased:
    erased = Erased(
        tables.finder.table.name,
        quarantine=sum([tables.refused(stage) for stage in STAGES]),
        raw=tables.raw(),
        clean=tables.cleaned("clean"),
        stream=tables.cleaned("stream"),
        unreadable=tables.unreadable,
    )
    tables.forget_past()
    return erased


def _from_log(home: Home, dataset: Dataset, finder: Finder, eraser: Eraser | None) -> int:
    if eraser is None:
        return 0
    with closing(open_reader(home.log_url)) as log:
        return erase_log(finder, dataset, log, eraser)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
