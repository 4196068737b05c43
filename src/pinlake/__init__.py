"""Events in over HTTP, clean and queryable Delta tables out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    from pinlake.query.lake import OpenLake

__version__ = "0.1.0"

__all__ = ["__version__", "open"]


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
