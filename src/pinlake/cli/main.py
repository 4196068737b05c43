"""What the shell calls: every command, and an error of ours as one line."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from pinlake.cli import asking, flow, keeping, stages
from pinlake.cli.app import app
from pinlake.errors import PinlakeError

for room in (flow, stages, asking, keeping):  # in the order of the help
    app.add_typer(room.commands)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"pinlake {version('pinlake')}")
        raise typer.Exit


@app.callback()
def _before(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=_show_version,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """Take events in over HTTP and keep clean, queryable Delta tables of them."""


def main() -> None:
    """Run the command line; print an error of ours as one line and exit with 1.

    It returns where all went well: Databricks calls it as a wheel's entry point, and takes
    any SystemExit for a failure.
    """
    parent = os.environ.get("PINLAKE_PARENT")
    if parent:
        from pinlake.run.parent import end_with_parent

        end_with_parent(int(parent))
    try:
        app()
    except PinlakeError as error:
        typer.echo(f"pinlake: {error}", err=True)
        sys.exit(1)
    except SystemExit as ended:
        if ended.code:
            raise
