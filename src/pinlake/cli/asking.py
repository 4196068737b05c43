"""Commands that look and change no table: query, report, quality, status, config."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pinlake.cli.app import DatasetOption, HomeOption, JsonOption, opened, stop_on_signals

if TYPE_CHECKING:
    from pinlake.query.lake import Source

commands = typer.Typer()


class Tables(StrEnum):
    """Which cleaned tables a question is asked of."""

    CLEAN = "clean"
    STREAM = "stream"


class Format(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@commands.command()
def query(
    name: Annotated[
        str | None, typer.Argument(help="A named question; without one they are listed.")
    ] = None,
    sql: Annotated[
        str | None, typer.Option(help="One SELECT in Spark's dialect.", metavar="TEXT")
    ] = None,
    from_: Annotated[
        Tables | None,
        typer.Option("--from", help="The tables to ask. [default: clean; stream with --fresh]"),
    ] = None,
    format_: Annotated[
        Format, typer.Option("--format", help="How to print the answer.")
    ] = Format.TABLE,
    fresh: Annotated[
        bool, typer.Option(help="Include what the log holds beyond the stream tables.")
    ] = False,
    as_of: Annotated[
        str | None,
        typer.Option(help="A version of the one table asked, or a time.", metavar="VERSION|TIME"),
    ] = None,
    home: HomeOption = None,
    dataset: DatasetOption = None,
) -> None:
    """Answer a named question, or any SQL, from the Delta tables.

    Example: `pinlake query --sql "SELECT country, count(*) FROM geo GROUP BY country" --format csv`
    """
    import pinlake
    from pinlake.query.format import write

    lake = pinlake.open(home, dataset)
    if name and sql:
        raise typer.BadParameter("give a question's name or --sql, not both")
    if name or sql:
        source: Source | None = from_.value if from_ else None
        with lake:
            answer = lake.ask(name or sql or "", source, fresh=fresh, as_of=as_of)
            write(answer, format_.value, sys.stdout)
        return
    for each in lake.questions().values():
        typer.echo(f"{each.name:50} {each.title}")


@commands.command()
def report(
    to: Annotated[
        Path | None,
        typer.Option(help="The file to write. [default: report.html in the home]", metavar="FILE"),
    ] = None,
    home: HomeOption = None,
    dataset: DatasetOption = None,
    json: JsonOption = False,
) -> None:
    """Write one HTML file: what the lake holds, the answer to every question, what was set aside.

    It exits with 1 where a question has no answer; the file says why.

    Example: `pinlake report --to /srv/www/posts.html`
    """
    from pinlake.run.present import Presenter
    from pinlake.run.report import run_report

    at, held = opened(home, dataset, create=False)
    path = to or at.report_path
    if not path.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {path.parent}; make it first")
    unanswered = run_report(at, held, path, began=datetime.now(UTC))
    Presenter(json=json).say(
        f"Report: {path}", report=path, questions=len(held.questions), unanswered=unanswered
    )
    if unanswered:
        names = ", ".join(unanswered)
        typer.echo(f"pinlake: no answer to {names}; the report says why", err=True)
        raise typer.Exit(1)


@commands.command()
def quality(
    table: Annotated[str | None, typer.Argument(help="One table of the data set only.")] = None,
    from_: Annotated[Tables, typer.Option("--from", help="The tables to look at.")] = Tables.CLEAN,
    home: HomeOption = None,
    dataset: DatasetOption = None,
    json: JsonOption = False,
) -> None:
    """Hold the data set's expectations against its tables; exit with 1 where one fails.

    Example: `pinlake quality pin --from stream`
    """
    from pinlake.run.quality import run_quality

    at, held = opened(home, dataset, create=False)
    if not run_quality(at, held, table, from_.value, json=json):
        raise typer.Exit(1)


@commands.command()
def status(
    watch: Annotated[bool, typer.Option(help="Print it again every second until Ctrl-C.")] = False,
    home: HomeOption = None,
    dataset: DatasetOption = None,
    json: JsonOption = False,
) -> None:
    """Say how far each stage has come and what the tables hold.

    Example: `pinlake status --watch`
    """
    from pinlake.run.status import show_status

    show_status(
        *opened(home, dataset, create=False), watch=watch, json=json, stop=stop_on_signals()
    )


@commands.command()
def config(home: HomeOption = None, json: JsonOption = False) -> None:
    """Print every setting with its value and the variable that sets it; secrets are masked.

    Example: `PINLAKE_SINK_FLUSH_SIZE=100 pinlake config`
    """
    from pinlake.run.config import show_config

    show_config(home, json=json)
