"""Commands that make events and take them in: demo, up, sample, serve, post."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from pinlake.cli.app import DatasetOption, HomeOption, JsonOption, opened, stop_on_signals

if TYPE_CHECKING:
    from pinlake.settings import Home


commands = typer.Typer()


class Route(StrEnum):
    """The protocol that a producer posts by."""

    KAFKA = "kafka"
    KINESIS = "kinesis"


@commands.command()
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

    at, held = opened(home, dataset, create=True)
    console = quiet() if json else Console()
    result = run_demo(at, held, posts=posts, progress=FlowProgress(console))
    with OpenLake(at, held) as lake:
        if json:
            Presenter(json=True).say("", **summary(at, lake, result))
        else:
            tell(console, at, lake, result)
    if not result.agreed:
        raise typer.Exit(1)


@commands.command()
def up(home: HomeOption = None, dataset: DatasetOption = None) -> None:
    """Run the gateway and every stage for ever; restart what fails; stop on Ctrl-C.

    Example: `pinlake up`, then in another terminal `pinlake post --via kafka --posts 100`
    """
    from pinlake.run.up import run_up

    run_up(*opened(home, dataset, create=True), stop=stop_on_signals())


@commands.command()
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

    at, held = opened(home, dataset, create=True)
    total = rows or held.rows
    with Presenter(json=json).progress("rows", total) as advance:
        report = write_sample(held, _source_url(at, to), total, seed=seed, progress=advance)
    Presenter(json=json).report(report)


@commands.command()
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
    from pinlake.run.present import Presenter
    from pinlake.run.serve import run_serve

    at, held = opened(home, dataset, create=True)
    run_serve(
        at,
        held,
        host=host or at.settings.gateway.host,
        port=at.settings.gateway.port if port is None else port,
        insecure=insecure,
        user_id=user_id,
        announce=lambda url: Presenter(json=json).say(f"Listening on {url}", url=url),
    )


@commands.command()
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

    at, held = opened(home, dataset, create=True)
    state = at.producer_path / f"{via}-{user_id}.json"
    with (
        DatabaseSource(at.source_url) as source,
        Presenter(json=json).progress("posts", posts) as advance,
    ):
        report = run(
            held,
            source,
            url or f"http://{at.settings.gateway.host}:{at.settings.gateway.port}",
            via=via.value,
            posts=posts,
            user_id=user_id,
            seed=seed,
            rate=rate,
            state=state,
            progress=lambda at: advance(at.posts),
            api_key=at.settings.post.api_key,
        )
    Presenter(json=json).report(report)
    if report.refused:
        raise typer.Exit(1)


def _source_url(home: Home, to: str | None) -> str:
    """Return the source's URL; a password on the command line would stand in the process list."""
    if to is None:
        return home.source_url
    from pinlake.source.connection import has_password

    if has_password(to):
        raise typer.BadParameter(
            "a password on the command line can be read by everyone on this machine: "
            "set PINLAKE_SOURCE, or `source` in pinlake.toml, and leave --to away"
        )
    return to
