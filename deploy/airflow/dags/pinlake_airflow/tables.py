"""Which tables of a data set are loaded and cleaned, read from its dataset.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from pinlake_airflow.errors import DatasetError

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
ORIGINS = ("topics", "from")
"""What load reads: topics' objects, and files or a database. Streams are not for it."""


def cleaned_tables(dataset: Path) -> tuple[str, ...]:
    """Return the tables that load fills and clean cleans, in the order of dataset.toml.

    Raises DatasetError with the file and, where TOML says it, the line.
    """
    path = dataset / "dataset.toml"
    tables = _parsed(path).get("tables")
    if not isinstance(tables, dict):
        raise DatasetError(f"{path} has no [tables.<name>]: {_check(dataset)}")
    found = tuple(name for name, table in tables.items() if _is_loaded(table))
    if not found:
        raise DatasetError(f"{path}: no table has {' or '.join(ORIGINS)}: {_check(dataset)}")
    for name in found:
        if not NAME.fullmatch(name):
            raise DatasetError(f"{path}: {name!r} is no table name: {_check(dataset)}")
    return found


def _is_loaded(table: Any) -> bool:
    return isinstance(table, dict) and any(table.get(key) for key in ORIGINS)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise DatasetError(f"{path}: {error}: {_check(path.parent)}") from None


def _check(dataset: Path) -> str:
    return f"`pinlake check {dataset}` says what to mend"
