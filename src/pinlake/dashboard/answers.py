"""The report's answers: a card for each question, with its chart, table and SQL."""

from __future__ import annotations

import html

from pinlake.dashboard import charts
from pinlake.dashboard.shape import shape_of
from pinlake.dataset import Question
from pinlake.errors import PinlakeError
from pinlake.query.format import html_table
from pinlake.query.lake import OpenLake

SHOWN = 500


def cards(lake: OpenLake) -> str:
    """Return every question's card, in the data set's order."""
    each = "".join(_card(lake, question) for question in lake.questions().values())
    return f'<div class="grid">{each}</div>' if each else '<p class="empty">No questions.</p>'


def _card(lake: OpenLake, question: Question) -> str:
    try:
        content = _answer(lake, question)
    except PinlakeError as error:
        content = f'<p class="empty">{html.escape(str(error))}</p>'
    return (
        f'<article class="card answer" id="{html.escape(question.name)}">'
        f"<h3>{html.escape(question.title)}</h3>"
        f'<p class="asked"><code>{html.escape(question.name)}</code></p>'
        f"{content}{_sql(question)}</article>"
    )


def _answer(lake: OpenLake, question: Question) -> str:
    answer = lake.ask(question.name)
    rows = answer.rows()
    chart = charts.draw(shape_of(answer.columns, rows), question.title)
    if not rows:
        return '<p class="empty">No rows.</p>'
    count = f"{len(rows):,} row{'' if len(rows) == 1 else 's'}"
    more = f'<p class="note">The first {SHOWN:,}.</p>' if len(rows) > SHOWN else ""
    table = html_table(answer.columns, rows[:SHOWN])
    opened = "" if chart else " open"
    return (
        f"{chart}<details{opened}><summary>Table, {count}</summary>"
        f'<div class="rows" tabindex="0" role="region" aria-label="{html.escape(question.title)}">'
        f"{table}</div>{more}</details>"
    )


def _sql(question: Question) -> str:
    sql = html.escape(question.sql.strip())
    return f"<details><summary>SQL</summary><pre><code>{sql}</code></pre></details>"
