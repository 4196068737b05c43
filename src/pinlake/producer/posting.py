"""Posts on their way: table after table, each answer counted and noted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from pinlake.dataset import Table
from pinlake.producer.client import Client, Outcome
from pinlake.producer.progress import Progress, ProgressFile
from pinlake.source.base import Row

Post = Mapping[str, Row]
"""One draw's row of each table, by the table's name."""


class Counts(msgspec.Struct, frozen=True):
    """Whole posts, records acknowledged, records refused and the first refusal's message."""

    posts: int = 0
    sent: int = 0
    refused: int = 0
    first_refusal: str = ""


class Posting:
    """Sends posts and keeps the place behind the last answer.

    ``place`` moves only when a request was answered, so a stop anywhere leaves out nothing.
    """

    def __init__(
        self, tables: Sequence[Table], client: Client, file: ProgressFile, place: Progress
    ) -> None:
        self.place, self.counts = place, Counts()
        self._tables, self._client, self._file = tables, client, file

    def size(self, batch: int) -> int:
        """Return how many posts go together next: a group that was begun keeps its size."""
        return self.place.batch if self.place.tables else batch

    def send(self, posts: Sequence[Post]) -> None:
        """Send the rows of a group of posts, from the table that is not answered yet.

        Raises GatewayUnreachable and ProducerStateUnusable.
        """
        for done in range(self.place.tables, len(self._tables)):
            table = self._tables[done]
            outcome = self._client.send(table, [post[table.name] for post in posts])
            self._count(outcome)
            self._note(done + 1, len(posts))
        self.counts = replace(self.counts, posts=self.counts.posts + len(posts))

    def close(self) -> None:
        """Make the noted place durable."""
        self._file.close()

    def _count(self, outcome: Outcome) -> None:
        self.counts = replace(
            self.counts,
            sent=self.counts.sent + outcome.sent,
            refused=self.counts.refused + outcome.refused,
            first_refusal=self.counts.first_refusal or outcome.refusal,
        )

    def _note(self, tables: int, posts: int) -> None:
        if tables == len(self._tables):
            self.place = replace(self.place, posts=self.place.posts + posts, tables=0, batch=1)
        else:
            self.place = replace(self.place, tables=tables, batch=posts)
        self._file.write(self.place)
