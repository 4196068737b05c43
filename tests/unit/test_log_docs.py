"""docs/log.md tells what is there, and its example runs."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from pinlake.log import file
from pinlake.log.batches import POSITION_BITS
from pinlake.log.statements import schema

PAGE = (Path(__file__).parents[2] / "docs" / "log.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def columns():
    database = sqlite3.connect(":memory:")
    for statement in schema():
        database.execute(statement)
    tables = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    found = [
        (table, row[1])
        for (table,) in tables
        for row in database.execute(f"PRAGMA table_info({table})")
    ]
    database.close()
    return found


@pytest.mark.parametrize(("table", "column"), columns())
def test_every_column_of_the_log_is_explained(table, column):
    assert f"`{table}`" in PAGE
    assert f"`{column}`" in PAGE


def test_the_marks_of_the_format_are_those_of_the_code():
    assert f"0x{file.APPLICATION_ID:X}" in PAGE
    assert f"`PRAGMA user_version` is {file.FORMAT}." in PAGE
    assert f"2^{POSITION_BITS}" in PAGE


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_run(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "docs/log.md", "exec"), {})
    assert (tmp_path / "log.db").exists()
