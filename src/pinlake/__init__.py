"""Events in over HTTP, clean and queryable Delta tables out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    from pinlake.query.lake import OpenLake
    from pinlake.stage.loop import StageReport

__version__ = "0.1.0"

__all__ = ["__version__", "clean", "load", "open"]


def open(  # noqa: A001 - `pinlake.open` reads like the built-in it is named after
    home: str | os.PathLike[str] | None = None, dataset: str | None = None
) -> OpenLake:
    """Return the lake of a home, ready to be asked.

    ``home`` None takes PINLAKE_HOME or ``.pinlake``; ``dataset`` None the one
    that the home holds. Raises HomeMissing where there is no home, HomeForeign
    where it holds another data set, and the errors of settings and data sets.
    """
    from pathlib import Path

    from pinlake.home import open_home
    from pinlake.query.lake import OpenLake

    return OpenLake(*open_home(None if home is None else Path(home), dataset))


def load(
    table: str | None = None,
    *,
    home: str | os.PathLike[str] | None = None,
    dataset: str | None = None,
) -> StageReport:
    """Load the objects that are there now into the raw tables (or one), and say what was done.

    It is ``pinlake load --once`` for notebooks: a home that is not there is made, and
    running it again adds nothing. Raises the errors of settings, data sets and the stage.
    """
    return _once("load", table, home, dataset)


def clean(
    table: str | None = None,
    *,
    home: str | os.PathLike[str] | None = None,
    dataset: str | None = None,
) -> StageReport:
    """Clean what is new in the raw tables (or one), and say what was done: as ``load`` does."""
    return _once("clean", table, home, dataset)


def _once(
    stage: str,
    table: str | None,
    home: str | os.PathLike[str] | None,
    dataset: str | None,
) -> StageReport:
    import threading
    from pathlib import Path

    from pinlake.home import open_home
    from pinlake.stage.loop import run_stage

    opened = open_home(None if home is None else Path(home), dataset, create=True)
    return run_stage(stage, *opened, table=table, once=True, stop=threading.Event())
