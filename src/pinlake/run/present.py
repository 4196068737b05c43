"""What a command shows: progress bars on a terminal, JSON lines for programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from pinlake.stage.loop import Event

Advance = Callable[[int], None]
"""Called with how many are done so far."""


class Presenter:
    """Shows a command's progress and result: text for people, one JSON object a line for programs.

    Results go to standard output, progress to standard error and only on a terminal.
    """

    def __init__(self, *, json: bool = False) -> None:
        self.json = json

    def say(self, text: str, **values: Any) -> None:
        """Print a sentence, or its values as JSON."""
        line = msgspec.json.encode(values, enc_hook=str).decode() if self.json else text
        print(line, flush=True)  # noqa: T201

    def report(self, report: Any) -> None:
        """Print a report: its text, or its fields as JSON."""
        self.say(str(report), **_fields(report))

    def event(self, event: Event) -> None:
        """Print what a stage did with one plan; what was found done is not worth a line."""
        if event.error is not None:
            self.say(f"{event.stage} {event.table}: {event.error}", **_fields(event))
        elif event.work is not None and not event.work.found_done:
            work = event.work
            text = f"{event.stage} {event.table} {work.number}: {work.rows:,} rows"
            if work.duplicates:
                text += f", {work.duplicates:,} duplicates"
            if work.quarantined:
                text += f", {work.quarantined:,} quarantined"
            self.say(text, **_fields(event))

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Advance]:
        """Show how many of ``total`` are done while the block runs."""
        if self.json or not sys.stderr.isatty():
            yield lambda _done: None
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.update(task, completed=done)


def _fields(report: Any) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(report, enc_hook=str)
    return fields
