"""What the demo tells when it is done: the answers, whether the routes agree, what to try."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pinlake.dataset import Question
from pinlake.query.lake import OpenLake
from pinlake.run.demo import DemoResult
from pinlake.settings import Home

MOST_ROWS = 6


def tell(console: Console, home: Home, lake: OpenLake, result: DemoResult) -> None:
    """Print the ten answers, the check that batch and stream agree, and what to try next."""
    for question in lake.questions().values():
        _tell_answer(console, lake, question)
    _tell_agreement(console, result)
    console.print(f"\nReport: {home.report_path}   ({result.seconds:.1f} s from nothing to here)")
    _tell_next(console, home, lake.questions())


def summary(home: Home, lake: OpenLake, result: DemoResult) -> dict[str, Any]:
    """Return the same for programs."""
    return {
        "seconds": round(result.seconds, 3),
        "sent": result.sent,
        "flow": result.flow,
        "agreed": result.agreed,
        "differences": result.differences,
        "answers": {name: _objects(lake, name) for name in lake.questions()},
        "report": str(home.report_path),
    }


def _objects(lake: OpenLake, name: str) -> list[dict[str, Any]]:
    answer = lake.ask(name)
    names = [column.name for column in answer.columns]
    return [dict(zip(names, row, strict=True)) for row in answer.rows()]


def _tell_answer(console: Console, lake: OpenLake, question: Question) -> None:
    answer = lake.ask(question.name)
    rows = answer.rows()
    table = Table(title=question.name, title_justify="left", title_style="bold", caption=None)
    for column in answer.columns:
        table.add_column(column.name, justify="right" if "INT" in column.type else "left")
    for row in rows[:MOST_ROWS]:
        table.add_row(*("NULL" if value is None else str(value) for value in row))
    console.print()
    console.print(f"[dim]{question.title}[/dim]")
    console.print(table)
    if len(rows) > MOST_ROWS:
        console.print(f"  [dim]... and {len(rows) - MOST_ROWS} more rows[/dim]")


def _tell_agreement(console: Console, result: DemoResult) -> None:
    console.print("\n[bold]Do batch and stream agree?[/bold]")
    for each in result.differences:
        verdict = "the same rows" if each.equal else "they differ"
        rows = f"clean {each.clean_rows:>7,}   stream {each.stream_rows:>7,}"
        console.print(f"  {each.table:8} {rows}   {verdict}")


def _tell_next(console: Console, home: Home, questions: Mapping[str, Question]) -> None:
    first, command = next(iter(questions)), _command()
    at = "" if home.path == Path.cwd() / ".pinlake" else f" --home {home.path}"
    console.print("\n[bold]What to try next[/bold]")
    for arguments, text in (
        (f"query {first} --from stream", "the same from the streaming tables"),
        ("up", "run it all for ever, on port 8082"),
        ("post --via kafka --posts 1000", "and post to it"),
        ("status", "see how far each stage is"),
    ):
        console.print(f"  [dim]{text}:[/dim] {command} {arguments}{at}", soft_wrap=True)


def _command() -> str:
    """Return what the user types to get this command."""
    if shutil.which("pinlake"):
        return "pinlake"
    return "python -m pinlake" if sys.argv[0].endswith("__main__.py") else sys.argv[0]


def quiet() -> Console:
    """Return a console that shows nothing, for programs."""
    return Console(file=io.StringIO())
