"""A log that stores nothing and answers at once: the yardstick of benchmarks/gateway.py.

The gateway over it does all but storing: sockets, HTTP, JSON, the answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from pinlake.log.base import Append, Done, PartitionState, TopicState
from pinlake.record import LogName


class NoLog:
    """Takes everything and keeps nothing but the next position."""

    end = 0

    def describe(self, name: LogName) -> TopicState:
        """Return a topic of one empty partition, whatever its name."""
        return TopicState(name, 0, (PartitionState(0, 0, self.end),))

    def submit(self, appends: Sequence[Append], done: Done) -> None:
        """Answer with the next positions, before it returns."""
        firsts = []
        for append in appends:
            firsts.append(self.end)
            self.end += len(append.records)
        done(firsts, None)

    def names(self, _kind: str) -> list[str]:
        """Return none, so that nothing is looked after."""
        return []

    def close(self) -> None:
        """Do nothing."""
