"""The report: one HTML file that shows a run from source to answers, and needs nothing else."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from string import Template

import msgspec

from pinlake.dashboard import answers, evidence, picture
from pinlake.dashboard.flow import FlowCounts
from pinlake.query.compare import Difference, differences
from pinlake.query.lake import OpenLake

FOLDER = Path(__file__).parent


class Run(msgspec.Struct, frozen=True):
    """What the report tells of: the command, when it began (UTC), how many seconds it took."""

    command: str
    started: datetime
    seconds: float


def write_report(path: Path, *, lake: OpenLake, flow: FlowCounts, run: Run) -> tuple[str, ...]:
    """Write the report of a run as one file, and return the questions that had no answer.

    It asks the lake every question of its data set, compares the two routes and
    shows what was set aside; where a table is not there yet, it says so. The
    file loads nothing from anywhere, and is replaced whole, so that a browser never
    sees half of one.
    """
    agreement, asked = compared(lake), answers.cards(lake)
    page = Template((FOLDER / "report.html").read_text("utf-8")).substitute(
        title=html.escape(f"pinlake: {lake.dataset.name}"),
        style=(FOLDER / "report.css").read_text("utf-8"),
        header=_header(lake, flow, run, agreement),
        main="\n".join(_sections(lake, flow, agreement, asked.html)),
        footer=_footer(),
    )
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(page, "utf-8")
    draft.replace(path)
    return asked.unanswered


def compared(lake: OpenLake) -> tuple[Difference, ...]:
    """Compare every table that both routes have written."""
    there = set(lake.tables())
    both = [name for name in lake.dataset.tables if {f"clean/{name}", f"stream/{name}"} <= there]
    return tuple(differences(lake, name) for name in both)


def section(title: str, lead: str, content: str) -> str:
    """Return a section of the page; the title and lead are plain text."""
    return (
        f"<section><h2>{html.escape(title)}</h2>"
        f'<p class="lead">{html.escape(lead)}</p>{content}</section>'
    )


def _header(lake: OpenLake, flow: FlowCounts, run: Run, agreement: Sequence[Difference]) -> str:
    started = run.started.astimezone(UTC)
    keys = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>"
        for name, value in _keys(flow, agreement)
    )
    return (
        f'<p class="eyebrow"><b>pinlake</b> &nbsp;{html.escape(lake.dataset.name)}</p>'
        f"<h1>{html.escape(_headline(flow, run))}</h1>"
        f'<p class="ran"><code>{html.escape(run.command)}</code> &nbsp;·&nbsp; '
        f'<time datetime="{started:%Y-%m-%dT%H:%M:%SZ}">{started:%d %B %Y, %H:%M} UTC</time></p>'
        f'<dl class="keys">{keys}</dl>'
    )


def _headline(flow: FlowCounts, run: Run) -> str:
    posts = sum(sent.posts for sent in flow.sent)
    if not posts:
        return "What the lake holds, and how it came there"
    return f"{posts:,} posts, {_routes(len(flow.sent))}, clean Delta tables {_after(run.seconds)}"


def _routes(count: int) -> str:
    return "two routes" if count == 2 else "one route"


def _after(seconds: float) -> str:
    return f"in {seconds:.1f} seconds" if seconds < 120 else f"in {seconds / 60:.0f} minutes"


def _keys(flow: FlowCounts, agreement: Sequence[Difference]) -> list[tuple[str, str]]:
    records = flow.records("batch") + flow.records("stream")
    equal = sum(difference.equal for difference in agreement)
    return [
        ("records in the log", f"{records:,}"),
        ("rows by batch", f"{flow.rows('clean'):,}"),
        ("rows by stream", f"{flow.rows('stream'):,}"),
        ("duplicates left out", f"{flow.duplicates('batch') + flow.duplicates('stream'):,}"),
        ("quarantined", f"{flow.quarantined('batch') + flow.quarantined('stream'):,}"),
        ("tables that agree", f"{equal} of {len(agreement)}"),
    ]


def _sections(
    lake: OpenLake, flow: FlowCounts, agreement: Sequence[Difference], cards: str
) -> list[str]:
    return [
        section(
            "The flow",
            "Every record takes one of two routes: blue in batches, by way of objects and raw "
            "tables; orange as a stream, straight into its table.",
            f'<div class="card">{picture.draw(flow)}</div>',
        ),
        section(
            "The answers",
            "Each is one SQL file over the cleaned tables, asked a moment ago.",
            cards,
        ),
        section(
            "Do batch and stream agree?",
            "The cleaned tables of the two routes, compared row by row, each row as often as it "
            "is there.",
            evidence.agreement(agreement),
        ),
        section(
            "Raw and cleaned",
            "What arrived and what it became: columns, rows and the version of each Delta table.",
            evidence.schemas(lake, flow),
        ),
        section(
            "Set aside",
            "A record that cannot be read is never dropped: it waits here with its reason and "
            "its bytes.",
            evidence.quarantine(lake, flow),
        ),
        section("What to try next", "In this folder, in a terminal.", evidence.commands(lake)),
    ]


def _footer() -> str:
    from pinlake import __version__

    return f"pinlake {html.escape(__version__)}. This file is complete: it loads nothing."
