"""The stages as commands: sink, load, clean, stream."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pinlake.cli.app import (
    DatasetOption,
    HomeOption,
    JsonOption,
    OnceOption,
    opened,
    stop_on_signals,
)

if TYPE_CHECKING:
    from pinlake.settings import Home

commands = typer.Typer()


TableArgument = Annotated[str | None, typer.Argument(help="One table only.")]


ConnectorOption = Annotated[
    Path | None,
    typer.Option(
        help="An S3 sink connector's properties or JSON. [default: the setting sink.connector]",
        metavar="PATH",
    ),
]


LossOption = Annotated[
    bool,
    typer.Option(
        "--accept-loss",
        help="With --once: go on behind records that the log has forgotten unread.",
    ),
]


@commands.command()
def sink(
    connector: ConnectorOption = None,
    once: OnceOption = False,
    accept_loss: LossOption = False,
    home: HomeOption = None,
    dataset: DatasetOption = None,
    json: JsonOption = False,
) -> None:
    """Write the log's topics as objects, one JSON value a line.

    Example: `pinlake sink --once`
    """
    _stage("sink", home, dataset, None, once, json, connector, accept_loss=accept_loss)


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
    accept_loss: LossOption = False,
    home: HomeOption = None,
    dataset: DatasetOption = None,
    json: JsonOption = False,
) -> None:
    """Take the log's streams into the stream Delta tables, cleaned, in under a second.

    Example: `pinlake stream`
    """
    _stage("stream", home, dataset, None, once, json, accept_loss=accept_loss)


def _stage(
    name: str,
    home: Path | None,
    dataset: str | None,
    table: str | None,
    once: bool,
    json: bool,
    connector: Path | None = None,
    *,
    accept_loss: bool = False,
) -> None:
    from pinlake.run.present import Presenter
    from pinlake.stage.loop import run_stage

    if accept_loss and not once:
        raise typer.BadParameter("--accept-loss is for one run: add --once")
    at, held = opened(home, dataset, create=True)
    if connector is not None:
        at = at.with_connector(connector)
    if name == "sink":
        _tell_of_keys(at)
    presenter = Presenter(json=json)
    report = run_stage(
        name,
        at,
        held,
        table=table,
        once=once,
        stop=stop_on_signals(),
        report=presenter.event,
        accept_loss=accept_loss,
    )
    presenter.report(report)


def _tell_of_keys(home: Home) -> None:
    """Say of each key of the connector's configuration that is not honoured that it is not."""
    if not home.settings.sink.connector:
        return
    from pinlake.stage.connector.configuration import read_connector

    for notice in read_connector(Path(home.settings.sink.connector)).notices:
        typer.echo(f"pinlake: {notice}", err=True)
