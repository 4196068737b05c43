"""``pinlake status``: how far each stage has come, and what the tables hold."""

from __future__ import annotations

import threading

import msgspec
from rich.console import Console
from rich.live import Live
from rich.table import Table

from pinlake.dataset import Dataset
from pinlake.errors import LogUnusable
from pinlake.log.base import LogReader
from pinlake.log.open import reader_of
from pinlake.run.present import Presenter
from pinlake.settings import Home
from pinlake.stage.status import StageStatus, status

WATCH_SECONDS = 1.0


def show_status(
    home: Home, dataset: Dataset, *, watch: bool, json: bool, stop: threading.Event
) -> None:
    """Print a row a stage and table; with ``watch`` again every second until ``stop``."""
    log = _reader(home)
    if json:
        _print_json(home, dataset, log, watch=watch, stop=stop)
        return
    console = Console()
    if not watch:
        console.print(_table(status(home, dataset, log)))
        return
    with Live(console=console, auto_refresh=False) as live:
        while True:
            log = log or _reader(home)
            live.update(_table(status(home, dataset, log)), refresh=True)
            if stop.wait(WATCH_SECONDS):
                return


def _print_json(
    home: Home, dataset: Dataset, log: LogReader | None, *, watch: bool, stop: threading.Event
) -> None:
    while True:
        stages = [msgspec.to_builtins(each) for each in status(home, dataset, log)]
        Presenter(json=True).say("", stages=stages)
        if not watch or stop.wait(WATCH_SECONDS):
            return


def _reader(home: Home) -> LogReader | None:
    """Return the log if there is one yet."""
    try:
        return reader_of(home)
    except LogUnusable:
        return None


def _table(stages: list[StageStatus]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("stage", "table", "running"):
        table.add_column(heading)
    for heading in ("behind", "commits", "rows", "version", "quarantined"):
        table.add_column(heading, justify="right")
    for each in stages:
        table.add_row(
            each.stage,
            each.table,
            "yes" if each.running else "no",
            "?" if each.lag is None else f"{each.lag:,} {each.unit}",
            _number(each.plan),
            _number(each.rows),
            _number(each.version),
            f"{each.quarantined:,}",
        )
    return table


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"
