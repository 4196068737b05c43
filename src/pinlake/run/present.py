"""What a command shows: progress bars on a terminal, JSON lines for programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

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
        self.say(str(report), **msgspec.to_builtins(report, enc_hook=str))

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
