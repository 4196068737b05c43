"""What a cluster tells of itself, and whether that is enough for us."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

NEEDED: Mapping[str, int] = {"Produce": 3, "ListOffsets": 2, "Metadata": 10, "InitProducerId": 0}
"""The version of each API that we cannot do without. Metadata's tells a topic's id (Kafka 2.8)."""


class TopicFacts(msgspec.Struct, frozen=True):
    """A topic as the cluster tells of it. ``settings`` are None where we may not see them.

    ``replicas`` is what the partition with the fewest has; ``rights`` are the
    operations that we may do with it, such as READ.
    """

    name: str
    replicas: int
    rights: frozenset[str]
    settings: Mapping[str, str] | None

    def setting(self, name: str) -> str:
        """Return a setting; empty where it cannot be told."""
        return (self.settings or {}).get(name, "")


class ClusterFacts(msgspec.Struct, frozen=True):
    """A cluster as it tells of itself. ``versions`` is each API's highest."""

    brokers: int
    versions: Mapping[str, int]
    topics: tuple[TopicFacts, ...]
    may_create: bool


def too_old(versions: Mapping[str, int]) -> list[str]:
    """Return what of the protocol brokers cannot do, for people; nothing where they told nothing.

    An API that is missing is too old.
    """
    return [
        f"{api} {lowest} (they have {versions.get(api, 'none')})"
        for api, lowest in NEEDED.items()
        if versions and versions.get(api, -1) < lowest
    ]
