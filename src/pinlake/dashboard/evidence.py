"""The report's evidence: that the routes agree, what each table holds, what was set aside."""

from __future__ import annotations

import html
import shlex
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from pinlake.dashboard.flow import FlowCounts, TableCount
from pinlake.query.answer import Column
from pinlake.query.compare import Difference
from pinlake.query.format import html_table, text
from pinlake.query.lake import OpenLake, TableState

REASONS = Path(__file__).with_name("reasons.sql")
EXAMPLES = 3
ASK = "pinlake query {} --from stream"
SAMPLE = 'pinlake query --format json --sql "SELECT * FROM {} LIMIT 10"'
SAMPLED = "Ask anything, in Spark's SQL."
NEXT = (
    ("pinlake up", "Run the gateway and every stage for as long as you like."),
    ("pinlake post --via kafka --posts 1000", "Send more; --via kinesis takes the stream."),
    ("pinlake status", "See how far each stage has come."),
)


def agreement(each: Sequence[Difference]) -> str:
    """Return a line for each table that both routes have written."""
    if not each:
        return '<p class="card empty">No table has been written by both routes yet.</p>'
    rows = "".join(_agreement_row(difference) for difference in each)
    return (
        '<div class="card wide"><table class="list"><thead><tr>'
        f"{_head('table', '')}{_head('rows by batch', 'number', 'batch')}"
        f"{_head('rows by stream', 'number', 'stream')}{_head('only in one', 'number')}"
        f"{_head('verdict', 'number')}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def schemas(lake: OpenLake, flow: FlowCounts) -> str:
    """Return a card for each table of the data set: raw and cleaned side by side."""
    there = set(lake.tables())
    each = "".join(_schema_card(lake, name, there) for name in lake.dataset.tables)
    return f'<div class="stack">{each}{_unclaimed(lake, flow)}</div>'


def quarantine(lake: OpenLake, flow: FlowCounts) -> str:
    """Return how many records were set aside where and why, with a few of each table."""
    held = [count for count in flow.tables if count.name.startswith("quarantine/") and count.rows]
    if not held:
        return '<p class="card empty">Nothing was set aside.</p>'
    rows = "".join(_reasons(lake, count) for count in held)
    examples = "".join(_examples(lake, count) for count in held)
    return (
        '<div class="card"><div class="wide"><table class="list"><thead><tr>'
        f"{_head('table', '')}{_head('reason', '')}{_head('records', 'number')}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>{examples}</div>"
    )


def commands(lake: OpenLake) -> str:
    """Return commands that go on from here, each with what it does."""
    each = [("pinlake query", "List the questions.")]
    each += [(ASK.format(name), "Ask the stream's tables.") for name in list(lake.questions())[:1]]
    each += [(SAMPLE.format(name), SAMPLED) for name in list(lake.dataset.tables)[:1]]
    each += NEXT
    home = (
        "" if lake.home.path.name == ".pinlake" else f" --home {shlex.quote(str(lake.home.path))}"
    )
    rows = "".join(
        f"<dt><code>{html.escape(command + home)}</code></dt><dd>{html.escape(does)}</dd>"
        for command, does in each
    )
    return f'<div class="card"><dl class="commands">{rows}</dl></div>'


def _head(name: str, kind: str, route: str = "") -> str:
    dot = f'<span class="dot {route}"></span>' if route else ""
    return f'<th scope="col" class="{kind}">{dot}{name}</th>'


def _agreement_row(difference: Difference) -> str:
    only = difference.only_clean + difference.only_stream
    verdict = (
        '<span class="yes">\N{CHECK MARK} equal</span>'
        if difference.equal
        else f'<span class="no">\N{BALLOT X} differ</span>{_only_in_one(difference)}'
    )
    return (
        f'<tr><th scope="row">{html.escape(difference.table)}</th>'
        f'<td class="number">{difference.clean_rows:,}</td>'
        f'<td class="number">{difference.stream_rows:,}</td>'
        f'<td class="number">{only:,}</td><td class="number">{verdict}</td></tr>'
    )


def _only_in_one(difference: Difference) -> str:
    sides = (("clean", difference.clean_examples), ("stream", difference.stream_examples))
    rows = "".join(
        f"<li>only in {side}: <code>{html.escape(text(row))}</code></li>"
        for side, examples in sides
        for row in examples
    )
    return f"<ul>{rows}</ul>"


def _schema_card(lake: OpenLake, name: str, there: set[str]) -> str:
    sides = "".join(
        _side(lake.describe(f"{folder}/{name}"), title)
        if f"{folder}/{name}" in there
        else f"<div><h4>{title}</h4><p class='note'>Not written yet.</p></div>"
        for folder, title in (("raw", "Raw"), ("clean", "Cleaned"))
    )
    return f'<div class="card"><h3>{html.escape(name)}</h3><div class="pair">{sides}</div></div>'


def _side(state: TableState, title: str) -> str:
    return (
        f"<div><h4>{title}</h4><p class='note'><code>{html.escape(state.name)}</code>, "
        f"version {state.version}, {state.rows:,} rows</p>{_columns(state.columns)}</div>"
    )


def _columns(columns: Sequence[Column]) -> str:
    """List the columns; those of our own, which say where a row came from, in one line."""
    items = "".join(
        f"<li>{html.escape(column.name)} <span>{html.escape(column.type)}</span></li>"
        for column in columns
        if not column.name.startswith("_")
    )
    ours = ", ".join(html.escape(each.name) for each in columns if each.name.startswith("_"))
    return f"<ul>{items}</ul>" + (f'<p class="note">and {ours}</p>' if ours else "")


def _unclaimed(lake: OpenLake, flow: FlowCounts) -> str:
    """Return a line about raw tables of topics that the data set does not claim."""
    names = [
        count
        for folder in ("raw", "stream")
        for count in flow.in_folder(folder)
        if count.name.partition("/")[2] not in lake.dataset.tables
    ]
    if not names:
        return ""
    items = ", ".join(f"<code>{html.escape(count.name)}</code> ({count.rows:,})" for count in names)
    return f'<p class="note">Also there, as they came: {items}</p>'


def _reasons(lake: OpenLake, count: TableCount) -> str:
    answer = lake.select(REASONS.read_text("utf-8"), {"quarantined": count.name}, count.name)
    return "".join(
        f'<tr><th scope="row"><code>{html.escape(count.name)}</code></th>'
        f'<td>{html.escape(text(reason))}</td><td class="number">{records:,}</td></tr>'
        for reason, records in answer.iterate()
    )


def _examples(lake: OpenLake, count: TableCount) -> str:
    answer = lake.table(count.name)
    name = html.escape(count.name)
    return (
        f"<details><summary>Examples of <code>{name}</code></summary>"
        f'<div class="rows" tabindex="0" role="region" aria-label="{name}">'
        f"{html_table(answer.columns, islice(answer.iterate(), EXAMPLES))}</div></details>"
    )
