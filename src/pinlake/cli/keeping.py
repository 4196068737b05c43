"""Commands that keep a home in order: check, erase."""

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
