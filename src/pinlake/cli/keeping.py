"""Commands that keep a home in order: check."""

from __future__ import annotations

from typing import Annotated

import typer

from pinlake.cli.app import JsonOption

commands = typer.Typer()


@commands.command()
def check(
    path: Annotated[str, typer.Argument(help="A data set's folder, or the name of a shipped one.")],
    json: JsonOption = False,
) -> None:
    """Find the mistakes in a data set before it runs, each with its file and line.

    Example: `pinlake check ./my-dataset`
    """
    from pinlake import dataset as datasets
    from pinlake.engine.check import check_dataset
    from pinlake.run.present import Presenter

    faults = check_dataset(datasets.load(path))
    presenter = Presenter(json=json)
    for fault in faults:
        presenter.say(str(fault), **vars(fault))
    if faults:
        raise typer.Exit(1)
    presenter.say(f"{path}: nothing to mend", faults=0)
