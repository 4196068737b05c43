"""Plans: what a stage will read for commit number n, written before it writes anything."""

from __future__ import annotations

import msgspec

from pinlake.lake.store import Lake


class Range(msgspec.Struct, frozen=True):
    """after < position <= upto of one partition of one log (after None: from the beginning)."""

    log: str
    after: int | None
    upto: int


class Plan(msgspec.Struct, frozen=True):
    """Plan number n of a stage for a table (for the sink: a topic). Numbers start at 1.

    ``ranges`` is keyed ``<topic or stream>/<partition>`` and is cumulative: it
    names every partition ever planned, with after == upto where nothing is new,
    so that the newest plan alone tells how far the stage has come. Load adds
    its ``objects``; clean has the raw table's id and versions instead of ranges.
    """

    number: int
    ranges: dict[str, Range] = {}
    objects: tuple[str, ...] = ()
    table_id: str | None = None
    after: int | None = None
    upto: int | None = None


class Plans:
    """The plans of one stage for one name: ``progress/<stage>/<name>/<n, 20 digits>.json``."""

    def __init__(self, lake: Lake, stage: str, name: str) -> None:
        self.lake, self.stage, self.name = lake, stage, name

    def latest(self) -> Plan | None:
        """Return the plan with the highest number, or None."""
        raise NotImplementedError

    def put(self, plan: Plan) -> bool:
        """Write a plan durably if its number is free; tell whether it was (atomic between writers)."""
        raise NotImplementedError
