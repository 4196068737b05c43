"""Commands that keep a home in order: check, doctor, maintain, erase."""

from __future__ import annotations

from typing import Annotated

import typer

from pinlake.cli.app import DatasetOption, HomeOption, JsonOption, opened

commands = typer.Typer()


@commands.command()
def check(
    path: Annotated[str, typer.Argument(help="A data set's folder, or the name of a shipped one.")],
    json: JsonOption = False,
) -> None:
    """Find the mistakes in a data set before it runs, each with its file and line.

    Example: `pinlake check ./my-dataset`
    """
    from pinlake.run.check import faults_of
    from pinlake.run.present import Presenter

    faults = faults_of(path)
    presenter = Presenter(json=json)
    for fault in faults:
        presenter.say(str(fault), file=fault.file, line=fault.line, reason=fault.reason)
    if faults:
        raise typer.Exit(1)
    presenter.say(f"{path}: nothing to mend", faults=0)


@commands.command()
def maintain(
    home: HomeOption = None, dataset: DatasetOption = None, json: JsonOption = False
) -> None:
    """Compact the tables' files, let go of old versions and sweep left-over files; for cron.

    A table whose stage runs is left to that stage, which does the same by itself.

    Example: `pinlake maintain`
    """
    from pinlake.run.maintain import maintain as maintain_home

    if not maintain_home(*opened(home, dataset, create=False), json=json):
        raise typer.Exit(1)


@commands.command()
def move(
    topics: Annotated[
        str | None, typer.Option(help="Where topics go on: the setting `topics`.", metavar="URL")
    ] = None,
    streams: Annotated[
        str | None, typer.Option(help="Where streams go on: the setting `streams`.", metavar="URL")
    ] = None,
    lake: Annotated[
        str | None, typer.Option(help="Where the lake is copied to: `lake`.", metavar="URL")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Take a home to another log or lake: drain, copy, compare, switch. Empty: back to the home.

    The gateway and the stages must not run meanwhile. Interrupted, it goes on when run again.

    Example: `pinlake move --topics kafka://broker:9092 --lake s3://bucket/pins`
    """
    from pinlake.run.move import run_move
    from pinlake.run.present import Presenter
    from pinlake.settings import read
    from pinlake.telemetry import configure

    at = read(home)
    configure(at.settings.log_level)
    Presenter(json=json).report(run_move(at, topics, streams, lake, json=json))


@commands.command()
def erase(
    table: Annotated[str, typer.Argument(help="A table of the data set.")],
    key: Annotated[
        str, typer.Option(help="The key in the cleaned table, as it is printed.", metavar="K")
    ],
    home: HomeOption = None,
    dataset: DatasetOption = None,
    json: JsonOption = False,
) -> None:
    """Erase every record of one key: log, objects, tables, quarantine, old versions.

    The gateway and the stages must not run meanwhile. It can't be undone.

    Example: `pinlake erase user --key 7528`
    """
    from pinlake.run.erase import run_erase
    from pinlake.run.present import Presenter

    Presenter(json=json).report(run_erase(*opened(home, dataset, create=False), table, key))


@commands.command()
def doctor(
    deep: Annotated[
        bool, typer.Option("--deep", help="Read everything: objects and tables against the log.")
    ] = False,
    home: HomeOption = None,
    dataset: DatasetOption = None,
    json: JsonOption = False,
) -> None:
    """Say what is wrong with a home and what to do about it; exit with 1 on an error.

    Example: `pinlake doctor --deep`
    """
    from pinlake.run.doctor.examination import run_doctor

    if not run_doctor(home, dataset, deep=deep, json=json):
        raise typer.Exit(1)
