"""The stages as commands: sink, load, clean, stream."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pinlake.cli.app import (
    DatasetOption,
    HomeOption,
    JsonOption,
    OnceOption,
    opened,
    stop_on_signals,
)

commands = typer.Typer()


TableArgument = Annotated[str | None, typer.Argument(help="One table only.")]


@commands.command()
def sink(
    once: OnceOption = False,
    home: HomeOption = None,
    dataset: DatasetOption = None,
    json: JsonOption = False,
) -> None:
    """Write the log's topics as objects, one JSON value a line.

    Example: `pinlake sink --once`
    """
    _stage("sink", home, dataset, None, once, json)


@commands.command()
def load(
    table: TableArgument = None,
    once: OnceOption = False,
    home: HomeOption = None,
    dataset: DatasetOption = None,
    json: JsonOption = False,
) -> None:
    """Load new objects into the raw Delta tables.

    Example: `pinlake load --once`
    """
    _stage("load", home, dataset, table, once, json)


@commands.command()
def clean(
    table: TableArgument = None,
    once: OnceOption = False,
    home: HomeOption = None,
    dataset: DatasetOption = None,
    json: JsonOption = False,
) -> None:
    """Clean what is new in the raw tables into the clean Delta tables.

    Example: `pinlake clean pin --once`
    """
    _stage("clean", home, dataset, table, once, json)


@commands.command()
def stream(
    once: OnceOption = False,
    home: HomeOption = None,
    dataset: DatasetOption = None,
    json: JsonOption = False,
) -> None:
    """Take the log's streams into the stream Delta tables, cleaned, in under a second.

    Example: `pinlake stream`
    """
    _stage("stream", home, dataset, None, once, json)


def _stage(
    name: str, home: Path | None, dataset: str | None, table: str | None, once: bool, json: bool
) -> None:
    from pinlake.run.present import Presenter
    from pinlake.stage.loop import run_stage

    at, held = opened(home, dataset, create=True)
    presenter = Presenter(json=json)
    report = run_stage(
        name, at, held, table=table, once=once, stop=stop_on_signals(), report=presenter.event
    )
    presenter.report(report)
