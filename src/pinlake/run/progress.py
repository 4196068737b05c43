"""The demo as it runs: bars on a terminal, a sentence a step elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

Advance = Callable[[int], None]
"""Called with how many are done so far."""


class FlowProgress:
    """Shows steps with bars that fill side by side; ``clock`` is monotonic seconds.

    Not for several threads, but an Advance may be called from any.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.console, self.clock = console, clock

    @contextmanager
    def step(self, text: str) -> Iterator[Bars]:
        """Show one step with the bars that the block adds, and what it took when it is done."""
        began = self.clock()
        columns = (TextColumn("  {task.description:<24}"), Bar(bar_width=40), Count())
        self.console.print(f"[bold]{text}[/bold]")
        with Progress(*columns, console=self.console) as progress:
            yield Bars(progress)
        self.console.print(f"  [dim]{self.clock() - began:.1f} s[/dim]")


class Bars:
    """The bars of one step."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def add(self, name: str, total: int | None = None) -> Advance:
        """Add a bar (a bare count where nobody knows the total), and return what moves it."""
        task: TaskID = self._progress.add_task(name, total=total)
        return lambda done: self._progress.update(task, completed=done)


class Bar(BarColumn):
    """A bar, and nothing where nobody knows the total."""

    def render(self, task: Task) -> Any:
        """Return the bar of a task."""
        return Text(" " * 40) if task.total is None else super().render(task)


class Count(ProgressColumn):
    """How many are done, and of how many where that is known."""

    def render(self, task: Task) -> Text:
        """Return ``12/500`` or ``12``."""
        total = "" if task.total is None else f"/{task.total:,.0f}"
        return Text(f"{task.completed:,.0f}{total}")
