"""The classic producer: it draws row numbers for ever and posts each row of every table."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from pinlake.dataset import Dataset, Emulation, Table
from pinlake.errors import NothingToPost, SettingInvalid
from pinlake.producer.client import CLIENTS, KINESIS_BATCH, Client
from pinlake.producer.connection import PATIENT, Connection, Patience
from pinlake.producer.posting import Posting
from pinlake.producer.progress import ProgressFile, start_of
from pinlake.source.base import Row, Source

PREFETCH = 256
"""Draws whose rows are read at once; they are known ahead."""

Pace = float | Literal["drawn"] | None
"""Posts a second, the seconds that are drawn, or flat out."""


class PostProgress(msgspec.Struct, frozen=True):
    """How far a run came: posts done of the posts wanted, and its records."""

    posts: int
    wanted: int
    sent: int
    retried: int
    refused: int


class PostReport(msgspec.Struct, frozen=True):
    """What a run did: whole posts, records acknowledged and refused, requests sent again.

    ``draws`` is where in the sequence of draws the next run begins.
    """

    url: str
    via: str
    posts: int
    sent: int
    retried: int
    refused: int
    first_refusal: str
    draws: int

    def __str__(self) -> str:
        text = (
            f"{self.posts} posts to {self.url} by {self.via}: {self.sent} records sent, "
            f"{self.retried} requests sent again, {self.refused} records refused"
        )
        return f"{text}, the first with: {self.first_refusal}" if self.refused else text


class Draw(NamedTuple):
    """One turn of the classic loop: how long it sleeps, and the row number that it posts."""

    sleep: int
    number: int


class Drawn(NamedTuple):
    """A draw and its row of each table."""

    draw: Draw
    rows: dict[str, Row]


def draws(emulation: Emulation) -> Iterator[Draw]:
    """Yield the classic producer's draws, for ever.

    The classic loop is ``sleep(random.randrange(0, 2))``, then ``random.randint(0,
    11000)``. The first takes chance from the second, so it is drawn even where
    nobody sleeps. Seed 100 gives 7528, 2863, 5730, 8304, 8731.
    """
    rng = random.Random(emulation.seed)  # noqa: S311
    sleeps = emulation.sleep_seconds or (0,)
    while True:
        sleep = sleeps[rng.randrange(len(sleeps))]
        yield Draw(sleep, rng.randint(emulation.first, emulation.last))


def post(
    dataset: Dataset,
    source: Source,
    url: str,
    *,
    via: str,
    posts: int,
    user_id: str,
    seed: int | None,
    rate: Pace,
    state: Path,
    progress: Callable[[PostProgress], None] | None = None,
    batch: int = 1,
    patience: Patience = PATIENT,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    rng: random.Random | None = None,
    api_key: str = "",
) -> PostReport:
    """Post ``posts`` more draws, from where the run before stopped, and say what was done.

    Each draw is its row of every table in the data set's order, a request a
    record; with ``batch`` n, a request takes n draws' rows of one table. A run that
    stopped in the middle of a draw (or batch) goes on with the table that was not
    answered, and that draw counts as one of ``posts``. Another seed begins its own
    sequence. ``via`` is kafka or kinesis, ``rate`` posts a second; ``api_key`` lets in.

    Nothing is left out; what was sent and not yet noted when the process was
    killed is sent again. A refused record (4xx) is counted and passed over.
    Raises GatewayUnreachable after ``patience``, SourceFailed, SettingInvalid,
    NothingToPost and ProducerStateUnusable; the next run goes on from there.
    """
    emulation = dataset.producer if seed is None else replace(dataset.producer, seed=seed)
    if not emulation.order:
        raise NothingToPost(dataset=dataset.name)
    tables = [dataset.tables[name] for name in emulation.order]
    file, start = ProgressFile(state), start_of(emulation)
    jitter = rng or random.Random()  # noqa: S311
    made = Connection(url, sleep=sleep, rng=jitter, patience=patience, api_key=api_key)
    with closing(made) as connection:
        client = _client(via, connection, user_id, batch)
        for table in tables:
            client.route(table)
        with closing(Posting(tables, client, file, file.read(start))) as posting:
            coming = islice(draws(emulation), posting.place.posts, None)
            drawn = _with_rows(coming, posts, source, tables)
            pace = _Pace(rate, clock, sleep)
            while group := list(islice(drawn, posting.size(batch))):
                pace.wait([each.draw for each in group])
                posting.send([each.rows for each in group])
                if progress is not None:
                    progress(_progress(posting, connection, posts))
        return _report(posting, connection, via)


def _client(via: str, connection: Connection, user_id: str, batch: int) -> Client:
    if via not in CLIENTS:
        reason = f"use one of {', '.join(CLIENTS)}"
        raise SettingInvalid(where="post", name="via", value=via, reason=reason)
    if not 1 <= batch <= KINESIS_BATCH:
        reason = f"a request takes 1 to {KINESIS_BATCH} records"
        raise SettingInvalid(where="post", name="batch", value=batch, reason=reason)
    return CLIENTS[via](connection, user_id)


def _progress(posting: Posting, connection: Connection, wanted: int) -> PostProgress:
    counts = posting.counts
    return PostProgress(counts.posts, wanted, counts.sent, connection.retried, counts.refused)


def _report(posting: Posting, connection: Connection, via: str) -> PostReport:
    counts = posting.counts
    return PostReport(
        url=connection.url,
        via=via,
        posts=counts.posts,
        sent=counts.sent,
        retried=connection.retried,
        refused=counts.refused,
        first_refusal=counts.first_refusal,
        draws=posting.place.posts,
    )


def _with_rows(
    coming: Iterator[Draw], posts: int, source: Source, tables: Sequence[Table]
) -> Iterator[Drawn]:
    """Yield draws with their rows, reading ahead."""
    while posts > 0 and (some := list(islice(coming, min(posts, PREFETCH)))):
        numbers = [draw.number for draw in some]
        rows = [source.rows_at(table.source_table or table.name, numbers) for table in tables]
        for draw, *each in zip(some, *rows, strict=True):
            yield Drawn(draw, dict(zip((table.name for table in tables), each, strict=True)))
        posts -= len(some)


class _Pace:
    """Waits before a post, so that posts keep to a rate, or to the sleeps that were drawn."""

    def __init__(
        self, rate: Pace, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._rate, self._clock, self._sleep = rate, clock, sleep
        self._start = clock()
        self._posts = 0

    def wait(self, group: Sequence[Draw]) -> None:
        """Wait until the next group of draws is due."""
        if self._rate == "drawn":
            self._rest(sum(draw.sleep for draw in group))
        elif self._rate is not None:
            self._rest(self._start + self._posts / self._rate - self._clock())
        self._posts += len(group)

    def _rest(self, seconds: float) -> None:
        if seconds > 0:
            self._sleep(seconds)
