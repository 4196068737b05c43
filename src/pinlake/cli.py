"""The ``pinlake`` command: every room's front door, imported as late as possible."""

from __future__ import annotations

import os
import signal
import sys
import threading
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from pinlake.errors import PinlakeError

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


class Route(StrEnum):
    """The protocol that a producer posts by."""

    KAFKA = "kafka"
    KINESIS = "kinesis"


class Tables(StrEnum):
    """Which cleaned tables a question is asked of."""

    CLEAN = "clean"
    STREAM = "stream"


class Format(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@app.command()
def demo(
    posts: Annotated[int, typer.Option(min=1, help="Posts to send by each route.")] = 500,
    home: HomeOption = None,
    dataset: DatasetOption = None,
    json: JsonOption = False,
) -> None:
    """Run the whole pipeline once: posts by both routes, ten answers, a report.

    Example: `pinlake demo --posts 2000`
    """
    from rich.console import Console

    from pinlake.query.lake import OpenLake
    from pinlake.run.demo import run_demo
    from pinlake.run.present import Presenter
    from pinlake.run.progress import FlowProgress
    from pinlake.run.tell import quiet, summary, tell

    opened, held = _open(home, dataset, create=True)
    console = quiet() if json else Console()
    result = run_demo(opened, held, posts=posts, progress=FlowProgress(console))
    lake = OpenLake(opened, held)
    if json:
        Presenter(json=True).say("", **summary(opened, lake, result))
    else:
        tell(console, opened, lake, result)
    if not result.agreed:
        raise typer.Exit(1)


@app.command()
def up(home: HomeOption = None, dataset: DatasetOption = None) -> None:
    """Run the gateway and every stage for ever; restart what fails; stop on Ctrl-C.

    Example: `pinlake up`, then in another terminal `pinlake post --via kafka --posts 100`
    """
    from pinlake.run.up import run_up

    run_up(*_open(home, dataset, create=True), stop=_stop_on_signals())


@app.command()
def sample(
    rows: Annotated[
        int | None, typer.Option(min=1, help="Rows of each table. [default: the data set's]")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            help="An SQLAlchemy URL without a password. [default: the setting `source`]",
            metavar="URL",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed makes other rows.")] = 0,
    home: HomeOption = None,
    dataset: DatasetOption = None,
    json: JsonOption = False,
) -> None:
    """Make the source database from a seeded generator.

    Example: `pinlake sample --rows 1000000`
    """
    from pinlake.run.present import Presenter
    from pinlake.source.sample import write_sample

    opened, held = _open(home, dataset, create=True)
    total = rows or held.rows
    with Presenter(json=json).progress("rows", total) as advance:
        report = write_sample(held, _source_url(opened, to), total, seed=seed, progress=advance)
    Presenter(json=json).report(report)


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="The address to bind. [default: 127.0.0.1]")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="The port; 0 takes a free one. [default: 8082]"),
    ] = None,
    user_id: Annotated[
        str | None,
        typer.Option(
            help="Make the data set's topics and streams for this id (12 hex digits) at start."
        ),
    ] = None,
    insecure: Annotated[bool, typer.Option(help="Bind any address without keys or TLS.")] = False,
    home: HomeOption = None,
    dataset: DatasetOption = None,
    json: JsonOption = False,
) -> None:
    """Run the gateway: Kafka REST and Kinesis in, an acknowledged record is on the disk.

    Example: `pinlake serve --port 8082 --user-id 0abc12345678`
    """
    from pinlake.gateway.serve import serve as run
    from pinlake.run.present import Presenter

    opened, held = _open(home, dataset, create=True)
    run(
        opened,
        host=host or opened.settings.gateway.host,
        port=opened.settings.gateway.port if port is None else port,
        insecure=insecure,
        create=held.log_names(user_id) if user_id else (),
        announce=lambda url: Presenter(json=json).say(f"Listening on {url}", url=url),
    )


@app.command()
def post(
    via: Annotated[Route, typer.Option(help="The protocol to post by.")],
    posts: Annotated[int, typer.Option(min=1, help="How many more posts to send.")] = 500,
    url: Annotated[
        str | None, typer.Option(help="The gateway. [default: this machine's]", metavar="URL")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="The seed of the draw. [default: the data set's, 100]")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Posts a second. [default: flat out]")
    ] = None,
    user_id: Annotated[
        str, typer.Option(help="The id in the names of topics and streams.")
    ] = "0abc12345678",
    home: HomeOption = None,
    dataset: DatasetOption = None,
    json: JsonOption = False,
) -> None:
    """Draw rows as the classic producer does and post them; go on where it stopped.

    Example: `pinlake post --via kinesis --posts 1000 --rate 50`
    """
    from pinlake.producer.emulation import post as run
    from pinlake.run.present import Presenter
    from pinlake.source.database import DatabaseSource

    opened, held = _open(home, dataset, create=True)
    state = opened.producer_path / f"{via}-{user_id}.json"
    with (
        DatabaseSource(opened.source_url) as source,
        Presenter(json=json).progress("posts", posts) as advance,
    ):
        report = run(
            held,
            source,
            url or f"http://{opened.settings.gateway.host}:{opened.settings.gateway.port}",
            via=via.value,
            posts=posts,
            user_id=user_id,
            seed=seed,
            rate=rate,
            state=state,
            progress=lambda at: advance(at.posts),
        )
    Presenter(json=json).report(report)
    if report.refused:
        raise typer.Exit(1)


def _stage(
    name: str, home: Path | None, dataset: str | None, table: str | None, once: bool, json: bool
) -> None:
    from pinlake.run.present import Presenter
    from pinlake.stage.loop import run_stage

    opened, held = _open(home, dataset, create=True)
    presenter = Presenter(json=json)
    report = run_stage(
        name, opened, held, table=table, once=once, stop=_stop_on_signals(), report=presenter.event
    )
    presenter.report(report)


@app.command()
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


TableArgument = Annotated[str | None, typer.Argument(help="One table only.")]


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
def query(
    name: Annotated[
        str | None, typer.Argument(help="A named question; without one they are listed.")
    ] = None,
    sql: Annotated[
        str | None, typer.Option(help="One SELECT in Spark's dialect.", metavar="TEXT")
    ] = None,
    from_: Annotated[Tables, typer.Option("--from", help="The tables to ask.")] = Tables.CLEAN,
    format_: Annotated[
        Format, typer.Option("--format", help="How to print the answer.")
    ] = Format.TABLE,
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
        write(lake.ask(name or sql or "", source=from_.value), format_.value, sys.stdout)
        return
    for each in lake.questions().values():
        typer.echo(f"{each.name:50} {each.title}")


@app.command()
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
        *_open(home, dataset, create=False), watch=watch, json=json, stop=_stop_on_signals()
    )


@app.command()
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


@app.command()
def config(home: HomeOption = None, json: JsonOption = False) -> None:
    """Print every setting with its value and the variable that sets it; secrets are masked.

    Example: `PINLAKE_SINK_FLUSH_SIZE=100 pinlake config`
    """
    from pinlake.run.config import show_config

    show_config(home, json=json)


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


def main() -> NoReturn:
    """Run the command line; print an error of ours as one line and exit with 1."""
    parent = os.environ.get("PINLAKE_PARENT")
    if parent:
        from pinlake.run.parent import end_with_parent

        end_with_parent(int(parent))
    try:
        app()
    except PinlakeError as error:
        typer.echo(f"pinlake: {error}", err=True)
        sys.exit(1)
    sys.exit(0)


def _open(home: Path | None, dataset: str | None, *, create: bool) -> tuple[Home, Dataset]:
    from pinlake.home import open_home
    from pinlake.telemetry import configure

    opened, held = open_home(home, dataset, create=create)
    configure(opened.settings.log_level)
    return opened, held


def _source_url(home: Home, to: str | None) -> str:
    """Return the source's URL; a password on the command line would stand in the process list."""
    if to is None:
        return home.source_url
    from sqlalchemy import make_url

    if make_url(to).password is not None:
        raise typer.BadParameter(
            "a password on the command line can be read by everyone on this machine: "
            "set PINLAKE_SOURCE, or `source` in pinlake.toml, and leave --to away"
        )
    return to


def _stop_on_signals() -> threading.Event:
    """Return an event that SIGTERM and Ctrl-C set; a second Ctrl-C ends at once."""
    stop = threading.Event()

    def ask(number: int, _frame: Any) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    return stop
