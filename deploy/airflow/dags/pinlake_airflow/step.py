"""The steps of the pipeline: as arguments of the ``pinlake`` command, and as notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Step:
    """One task of a DAG, whichever way it runs."""

    name: str
    arguments: tuple[str, ...]
    notebook: str
    parameters: Mapping[str, str] = field(default_factory=dict)


LOAD = Step("load", ("load", "--once", "--json"), "load")
REPORT = Step("report", ("report", "--json"), "questions")
MAINTAIN = Step("maintain", ("maintain", "--json"), "maintain")
QUALITY = Step("quality", ("quality", "--json"), "quality")


def clean(table: str) -> Step:
    """Return the step that cleans one table."""
    return Step(f"clean_{table}", ("clean", table, "--once", "--json"), "clean", {"table": table})
