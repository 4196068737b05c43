"""A notebook in source form, run in this process as a workspace runs it."""

import contextlib
import io
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

NOTEBOOKS = Path(__file__).parents[2] / "deploy" / "databricks" / "notebooks"


class Shown(NamedTuple):
    """What a notebook printed, and the frames that it displayed."""

    text: str
    frames: list


class Widgets:
    def __init__(self, given):
        self._given, self._defaults = given, {}

    def text(self, name, default, label=None):
        self._defaults[name] = default

    def get(self, name):
        return (self._defaults | self._given)[name]


def run(name, spark, **given):
    """Run a notebook by its name with some widgets set."""
    lines = (NOTEBOOKS / f"{name}.py").read_text("utf-8").splitlines()
    assert lines[0] == "# Databricks notebook source"
    code = "\n".join("" if line.startswith("# MAGIC") else line for line in lines)
    shown, printed = [], io.StringIO()
    names = {
        "spark": spark,
        "dbutils": SimpleNamespace(widgets=Widgets(given)),
        "display": shown.append,
    }
    with contextlib.redirect_stdout(printed):
        for cell in code.split("# COMMAND ----------"):
            exec(compile(cell, f"{name}.py", "exec"), names)
    return Shown(printed.getvalue(), shown)
