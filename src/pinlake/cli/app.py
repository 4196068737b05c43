"""The application: the options that commands share, and what each begins with."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pinlake.dataset import Dataset
    from pinlake.settings import Home

app = typer.Typer(
    name="pinlake",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", help="The folder that holds everything. [default: .pinlake]", metavar="DIR"
    ),
]
DatasetOption = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        help="A shipped data set or a folder. [default: the home's, else pinterest]",
        metavar="NAME|PATH",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object a line, for programs.")
]
OnceOption = Annotated[
    bool, typer.Option("--once", help="Drain to the end as it is now, say what was done, and exit.")
]


def opened(home: Path | None, dataset: str | None, *, create: bool) -> tuple[Home, Dataset]:
    """Open the home that a command works on, with its data set and its way of logging."""
    from pinlake.home import open_home
    from pinlake.telemetry import configure

    at, held = open_home(home, dataset, create=create)
    configure(at.settings.log_level)
    return at, held


def stop_on_signals() -> threading.Event:
    """Return an event that SIGTERM and Ctrl-C set; a second Ctrl-C ends at once."""
    stop = threading.Event()

    def ask(number: int, _frame: Any) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    return stop
