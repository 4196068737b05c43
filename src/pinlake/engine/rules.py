"""By which rules a step was begun: a data set may change between a crash and the restart."""

from __future__ import annotations

import zlib

import msgspec

from pinlake.engine.base import Step
from pinlake.errors import RulesChanged
from pinlake.lake import commits, tables
from pinlake.lake.store import Lake
from pinlake.table import Table

COUNT = "rules"
"""The name under which a quarantine commit carries the digest."""


def digest(table: Table, functions_sql: str) -> int:
    """Return a number that tells a table's columns, keys and SQL from others (CRC-32)."""
    rules = (table.columns, table.key, table.clean_sql, functions_sql)
    return zlib.crc32(msgspec.json.encode(rules))


def check(lake: Lake, step: Step, rules: int) -> None:
    """Raise RulesChanged where a step's quarantine was committed by other rules.

    It stands for what these made of the step's records: by others a record might
    be in it and in the table, or in neither.
    """
    done = tables.committed(lake, step.quarantine, step.app_id)
    if done == step.number and _committed_by(lake, step) not in {None, str(rules)}:
        raise RulesChanged(stage=step.stage, name=step.table.name, number=step.number)


def _committed_by(lake: Lake, step: Step) -> str | None:
    """Return the digest of the step's quarantine commit; None where none was written down."""
    head = tables.head(lake, step.quarantine)
    for version in range(head.version if head else -1, -1, -1):
        if not lake.exists(commits.path(step.quarantine, version)):
            return None
        record = commits.read(lake, step.quarantine, version)
        if record.committed.get(step.app_id) == step.number:
            return record.facts.get(COUNT)
    return None
