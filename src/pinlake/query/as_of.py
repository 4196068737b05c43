"""Tables as they were: at a version of one table, or at a time of all of them."""

from __future__ import annotations

from datetime import UTC, datetime

from pinlake.errors import AsOfRefused, TableMissing
from pinlake.lake import commits, history, tables
from pinlake.lake.store import Lake
from pinlake.lake.tables import Snapshot

AsOf = int | str | datetime
"""A version of the one table that is asked for, or a time: ISO 8601, UTC where it says nothing."""


def meant(given: AsOf, tables: int) -> int | datetime:
    """Return the version, or the time with its zone; raise AsOfRefused where it is neither.

    ``tables`` is how many tables the question reads: a version is one table's own.
    """
    if isinstance(given, str):
        given = _parsed(given)
    if isinstance(given, datetime):
        return given if given.tzinfo else given.replace(tzinfo=UTC)
    if tables != 1:
        reason = f"a version is one table's and {tables} are asked for; give a time"
        raise AsOfRefused(as_of=f"version {given}", reason=reason)
    return given


def snapshot(lake: Lake, table: str, as_of: int | datetime, now: float) -> Snapshot:
    """Return a table as it was.

    Raises AsOfRefused for what is to come, is before the table, or is no longer
    kept, and VersionGone for a version that cannot be read.
    """
    version = as_of if isinstance(as_of, int) else _version_at(lake, table, as_of, now)
    found = tables.snapshot(lake, table, version)
    if found is None:
        known = ", ".join(tables.names(lake)) or "none"
        raise TableMissing(table=table, lake=lake.url, known=known)
    return found


def _parsed(text: str) -> int | datetime:
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        reason = "give a version, a whole number, or a time such as 2026-03-01T12:00:00Z"
        raise AsOfRefused(as_of=repr(text), reason=reason) from error


def _version_at(lake: Lake, table: str, time: datetime, now: float) -> int | None:
    shown = time.astimezone(UTC).isoformat()
    if time.timestamp() > now:
        raise AsOfRefused(as_of=shown, reason="that is still to come")
    kept = history.past(lake, table)
    if kept is None:
        return None
    version = history.version_at(lake, table, time.timestamp())
    if version is None:
        raise AsOfRefused(
            as_of=shown, reason=_too_early(lake, table, (*kept.milestones, kept.first)[0])
        )
    return version


def _too_early(lake: Lake, table: str, oldest: int) -> str:
    seconds = commits.read(lake, table, oldest).seconds
    since = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    if oldest == 0:
        return f"{table} was made at {since}"
    return f"of {table} what was before {since} is let go by the settings of [upkeep]"
