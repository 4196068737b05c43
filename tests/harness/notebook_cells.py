"""A notebook in source form, run in this process over a session that others use too."""

import contextlib
import io
from pathlib import Path
from typing import NamedTuple

from harness import notebook_process

NOTEBOOKS = Path(__file__).parents[2] / "deploy" / "databricks" / "notebooks"


class Shown(NamedTuple):
    """What a notebook printed, and the frames that it displayed."""

    text: str
    frames: list


def run(name, spark, **given):
    """Run a notebook by its name with some widgets set."""
    shown, printed = [], io.StringIO()
    with contextlib.redirect_stdout(printed):
        notebook_process.run(NOTEBOOKS / f"{name}.py", given, spark, shown.append)
    return Shown(printed.getvalue(), shown)
