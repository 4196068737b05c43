"""Run by main's Python: one notebook in source form, as a Databricks job runs it on a cluster.

Arguments: the notebook, a JSON file of its parameters, the file for the outcome, and
``spark`` where a session is to be there. The outcome: ``{"result"}`` of
dbutils.notebook.exit, or ``{"error", "error_trace"}``.
"""

import json
import os
import sys
import traceback
from pathlib import Path
from types import SimpleNamespace

HEADER = "# Databricks notebook source"
CELL = "# COMMAND ----------"
MAGIC = "# MAGIC"


class NotebookExit(BaseException):
    """What ``dbutils.notebook.exit`` raises to end the notebook with a value."""


class Widgets:
    """``dbutils.widgets`` of a job's run: parameters come before defaults."""

    def __init__(self, parameters):
        self._parameters, self._defaults = parameters, {}

    def text(self, name, defaultValue="", label=None):  # noqa: N803 - Databricks' own name
        self._defaults[name] = defaultValue

    def get(self, name):
        if name not in self._parameters | self._defaults:
            raise ValueError(f"InputWidgetNotDefined: No input widget named {name} is defined")
        return (self._defaults | self._parameters)[name]


def cells(source):
    """Return each cell of Python as (number, its text); text cells are left out."""
    header, _, body = source.partition("\n")
    if header.strip() != HEADER:
        raise ValueError(f"the first line of a notebook is {HEADER!r}, not {header!r}")
    for number, cell in enumerate(body.split(CELL), start=1):
        lines = [line for line in cell.splitlines() if line.strip()]
        if lines and lines[0].startswith(f"{MAGIC} %md"):
            continue
        if any(line.startswith(MAGIC) for line in lines):
            raise NotImplementedError(f"cell {number}: only %md is emulated of the magics")
        yield number, cell


def display(shown):
    """Print a data frame, Spark's by its first rows, or anything else."""
    print(shown.limit(1000).toPandas() if hasattr(shown, "toPandas") else shown, flush=True)


def run(path, parameters, spark, display=display):
    """Run the notebook's cells in one namespace; return what it exits with, or an empty text."""

    def leave(value=""):
        raise NotebookExit(str(value))

    dbutils = SimpleNamespace(widgets=Widgets(parameters), notebook=SimpleNamespace(exit=leave))
    names = {"__name__": "__main__", "dbutils": dbutils, "display": display, "spark": spark}
    try:
        for number, cell in cells(path.read_text("utf-8")):
            exec(compile(cell, f"{path.name}, cell {number}", "exec"), names)
    except NotebookExit as left:
        return left.args[0]
    return ""


def main(path, parameters, outcome, *wanted):
    """Run it and write what came of it; exit with 1 where it failed."""
    try:
        spark = _session() if "spark" in wanted else None
        said = {"result": run(Path(path), json.loads(Path(parameters).read_text()), spark)}
    except Exception as error:  # noqa: BLE001 - whatever a notebook raises is its outcome
        said = {
            "error": f"{type(error).__name__}: {error}",
            "error_trace": traceback.format_exc(),
        }
    Path(outcome).write_text(json.dumps(said))
    return 1 if "error" in said else 0


def _session():
    """Return the session of a cluster that runs, where the environment names one, else a new one."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from harness import spark_cluster

    running = spark_cluster.ATTACHED[0] in os.environ
    return spark_cluster.attached() if running else spark_cluster.started()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
