"""``pinlake move``: take a home to other logs and another lake, without a gap or a double."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import duckdb
import msgspec
from msgspec.structs import replace

from pinlake.dataset import Dataset, load
from pinlake.errors import HomeMissing, MoveRefused
from pinlake.home import HomeRecord, note, recorded
from pinlake.lake import moving, progress
from pinlake.lake.open import open_lake
from pinlake.lake.progress import Plans
from pinlake.lake.store import Lake
from pinlake.log.base import Log
from pinlake.log.open import log_of, log_of_kind, open_kind, url_of
from pinlake.record import Kind
from pinlake.run.present import Presenter
from pinlake.settings import Home, Places
from pinlake.stage import succession
from pinlake.stage.connector.configuration import connector_of
from pinlake.stage.floor import floor_of
from pinlake.stage.loop import run_stage
from pinlake.stage.succession import Successor

STAGES = ("sink", "load", "clean", "stream")
THERE = (
    "the settings name that place already, and a move needs both: leave the settings as they "
    "were, name the new place by --topics, --streams or --lake, and change them afterwards"
)


class Moved(msgspec.Struct, frozen=True):
    """What a move came to, and the places that the settings have to name now."""

    tables: int
    files: int
    topics: int
    streams: int
    places: Places

    def __str__(self) -> str:
        """Return one line for people."""
        named = msgspec.structs.asdict(self.places).items()
        wanted = ", ".join(f'{name} = "{text}"' for name, text in named if text)
        return (
            f"moved: {self.tables:,} tables equal in {self.files:,} files, {self.topics:,} topics "
            f"and {self.streams:,} streams go on where they stopped; set in pinlake.toml now: "
            f"{wanted or 'nothing'}"
        )


def run_move(
    home: Home, topics: str | None, streams: str | None, lake: str | None, *, json: bool = False
) -> Moved:
    """Move a home to where the three settings point; None leaves one as it is.

    Nobody else may write meanwhile: the log is held, and the stages are drained here. Up to
    the switch nothing changes for the place that is left. A move that was interrupted is run
    again, with the same places or none, and goes on. Raises MoveRefused, LogInUse,
    WriterBusy, LakeTaken, LakeDiffers, LogNotEmpty, and what the stages raise.
    """
    record = recorded(home)
    if record is None:
        raise HomeMissing(home=home.path)
    old = home.at(record.moving_from) if record.moving_from else _settled(home, record)
    wanted = _wanted(old.places, topics, streams, lake)
    if record.moving_from is None:
        if wanted == old.places:
            raise MoveRefused(reason=THERE)
    elif record.places is not None:
        given = _wanted(record.places, topics, streams, lake)
        if given != record.places:
            raise MoveRefused(reason="another move of it is not done yet")
        wanted = record.places
    return _Move(old, home.at(wanted), record, Presenter(json=json)).run()


def _settled(home: Home, record: HomeRecord) -> Home:
    """Return the home where it is: by its own record, or by the settings."""
    return home.at(record.places) if record.places else home


def _wanted(places: Places, topics: str | None, streams: str | None, lake: str | None) -> Places:
    given = {"topics": topics, "streams": streams, "lake": lake}
    return replace(places, **{name: text for name, text in given.items() if text is not None})


class _Move:
    """One move, step by step; each step finds what an earlier attempt did of it."""

    def __init__(self, old: Home, new: Home, record: HomeRecord, presenter: Presenter) -> None:
        self._old, self._new, self._record, self._presenter = old, new, record, presenter
        self._source, self._target = open_lake(old), open_lake(new)
        self._dataset: Dataset = load(record.dataset)

    def run(self) -> Moved:
        """Drain, have the new logs begin where the old ones end, copy, compare, switch."""
        with ExitStack() as held:
            before = held.enter_context(closing(log_of(self._old)))
            going_on = self._record.moving_from is not None
            if not going_on:
                self._drain(before, held)
            successors = self._continue(before, held)
            copied, count = (moving.Copied(), 0) if going_on else self._carry()
            if not going_on:
                note(self._old, self._switching)
            moving.begin(self._target, self._source.url)
            succession.succeed(self._target, successors)
            moving.finish(self._target)
            note(self._old, replace(self._switching, moving_from=None))
        kinds = [each.name.kind for each in successors]
        return Moved(
            tables=count,
            files=copied.files + copied.found,
            topics=kinds.count(Kind.TOPIC),
            streams=kinds.count(Kind.STREAM),
            places=self._new.places,
        )

    @property
    def _switching(self) -> HomeRecord:
        return replace(self._record, places=self._new.places, moving_from=self._old.places)

    def _drain(self, before: Log, held: ExitStack) -> None:
        """Have every stage take what there is, and be the one writer of everything after."""
        for stage in STAGES:
            report = run_stage(stage, self._old, self._dataset, once=True, stop=threading.Event())
            self._presenter.report(report)
        held.enter_context(_claimed(self._source))
        takes = connector_of(self._old.settings.sink).takes
        succession.check_drained(floor_of(self._old, self._dataset, takes), before)

    def _continue(self, before: Log, held: ExitStack) -> list[Successor]:
        names = succession.names_to_continue(self._source, before)
        return succession.continued(before, dict(self._successors(held, before)), names)

    def _carry(self) -> tuple[moving.Copied, int]:
        """Copy the lake, if it is to be elsewhere, and compare; mark it until all is done."""
        if self._source.url == self._target.url:
            return moving.Copied(), 0
        moving.begin(self._target, self._source.url)
        copied = moving.copy(self._source, self._target)
        text = f"copied {copied.files:,} files to {self._target.url}, {copied.found:,} were there"
        self._presenter.say(text, copied=copied.files, found=copied.found)
        with duckdb.connect(":memory:") as connection:
            connection.execute("SET TimeZone = 'UTC'")
            count = moving.compare(self._source, self._target, connection)
        self._presenter.say(f"compared {count:,} tables and every plan: equal", tables=count)
        return copied, count

    def _successors(self, opened: ExitStack, before: Log) -> Iterator[tuple[Kind, Log]]:
        """Yield the log of each kind that is elsewhere now; what is held already is not opened."""
        held = {url_of(self._old, kind): log_of_kind(before, kind) for kind in Kind}
        for kind in Kind:
            url = url_of(self._new, kind)
            if url != url_of(self._old, kind):
                if url not in held:
                    held[url] = opened.enter_context(closing(open_kind(self._new, kind)))
                yield kind, held[url]


@contextmanager
def _claimed(lake: Lake) -> Iterator[None]:
    """Be the one writer of everything that has plans, until it is done."""
    with ExitStack() as held:
        for stage, name, _ in progress.newest(lake):
            held.enter_context(Plans(lake, stage, name).claim())
        yield
