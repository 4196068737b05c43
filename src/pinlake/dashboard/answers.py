"""The report's answers: a card for each question, with its chart, table and SQL."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import NamedTuple

from pinlake.dashboard import charts
from pinlake.dashboard.shape import shape_of
from pinlake.dataset import Question
from pinlake.errors import PinlakeError
from pinlake.query.answer import Answer, Row
from pinlake.query.format import html_table
from pinlake.query.lake import OpenLake

SHOWN = 500
FRAME = 180


class Cards(NamedTuple):
    """Every question's card as HTML, and the names of the questions that had no answer."""

    html: str
    unanswered: tuple[str, ...]


def cards(lake: OpenLake) -> Cards:
    """Return every question's card, in the data set's order, in two columns of like height."""
    columns: tuple[list[str], list[str]] = ([], [])
    heights = [0, 0]
    unanswered = []
    for question in lake.questions().values():
        content, height, answered = _content(lake, question)
        shorter = heights.index(min(heights))
        columns[shorter].append(_card(question, content))
        heights[shorter] += FRAME + height
        if not answered:
            unanswered.append(question.name)
    stacks = "".join(f'<div class="stack">{"".join(column)}</div>' for column in columns)
    return Cards(f'<div class="grid">{stacks}</div>', tuple(unanswered))


def _content(lake: OpenLake, question: Question) -> tuple[str, int, bool]:
    """Return what a card shows, about how high that is in pixels, and whether it is an answer."""
    try:
        return *_answer(lake, question), True
    except PinlakeError as error:
        return f'<p class="empty">{html.escape(str(error))}</p>', 0, False


def _card(question: Question, content: str) -> str:
    return (
        f'<article class="card answer" id="{html.escape(question.name)}">'
        f"<h3>{html.escape(question.title)}</h3>"
        f'<p class="asked"><code>{html.escape(question.name)}</code></p>'
        f"{content}{_sql(question)}</article>"
    )


def _answer(lake: OpenLake, question: Question) -> tuple[str, int]:
    answer = lake.ask(question.name)
    rows = answer.rows()
    if not rows:
        return '<p class="empty">No rows.</p>', 0
    shape = shape_of(answer.columns, rows)
    chart = charts.draw(shape, question.title)
    return chart + _table(question, answer, rows, opened=not chart), charts.height(shape)


def _table(question: Question, answer: Answer, rows: Sequence[Row], *, opened: bool) -> str:
    count = f"{len(rows):,} row{'' if len(rows) == 1 else 's'}"
    more = f'<p class="note">The first {SHOWN:,}.</p>' if len(rows) > SHOWN else ""
    return (
        f"<details{' open' * opened}><summary>Table, {count}</summary>"
        f'<div class="rows" tabindex="0" role="region" aria-label="{html.escape(question.title)}">'
        f"{html_table(answer.columns, rows[:SHOWN])}</div>{more}</details>"
    )


def _sql(question: Question) -> str:
    sql = html.escape(question.sql.strip())
    return f"<details><summary>SQL</summary><pre><code>{sql}</code></pre></details>"
