"""Running a stage: table after table, once to its end or for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol, Self

import msgspec

from pinlake.dataset import Dataset
from pinlake.errors import PinlakeError, TableMissing
from pinlake.lake.store import Lake
from pinlake.settings import Home
from pinlake.stage.start import (
    Crew,
    check_not_lost,
    log_url,
    open_crew,
    period,
    wait_for_log,
)
from pinlake.stage.worker import Planner, Work, Worker
from pinlake.telemetry import logger

FIRST_RETRY = 0.2
LAST_RETRY = 30.0


class Event(msgspec.Struct, frozen=True):
    """A plan that a stage carried out, or could not."""

    stage: str
    table: str
    work: Work | None = None
    error: str | None = None


class StageReport(msgspec.Struct, frozen=True):
    """What a stage did in all, by its commits (for the sink: objects) of this run."""

    stage: str
    steps: int = 0
    rows: int = 0
    duplicates: int = 0
    quarantined: int = 0
    objects: int = 0

    def __str__(self) -> str:
        """Return one line for people."""
        if self.stage == "sink":
            return f"sink: {self.rows:,} records in {self.objects:,} objects"
        return (
            f"{self.stage}: {self.rows:,} rows in {self.steps:,} commits, "
            f"{self.duplicates:,} duplicates left out, {self.quarantined:,} quarantined"
        )

    def plus(self, work: Work) -> StageReport:
        """Return the report with one more plan in it; what was found done counts nothing."""
        if work.found_done:
            return self
        return StageReport(
            self.stage,
            self.steps + 1,
            self.rows + work.rows,
            self.duplicates + work.duplicates,
            self.quarantined + work.quarantined,
            self.objects + work.objects,
        )


Report = Callable[[Event], None]


class Keeper(Protocol):
    """Keeps the tables that a stage's workers hold."""

    def look(self, stage: str, name: str, *, behind: bool) -> None:
        """Take note that a table's writer ended a turn; ``behind``: it has more to do at once."""
        ...

    def settle(self, stage: str, name: str) -> None:
        """Do all that is due of a writer's tables now."""
        ...

    def finish(self) -> None:
        """Return once nothing is being done to any table."""
        ...


def run_stage(
    stage: str,
    home: Home,
    dataset: Dataset,
    *,
    table: str | None = None,
    once: bool,
    stop: threading.Event,
    report: Report = lambda _event: None,
    accept_loss: bool = False,
) -> StageReport:
    """Run a stage over its tables (or one): once to what is there now, or until ``stop``.

    For ever, it waits for the log, finds tables as they come, and a table that
    fails is tried again with growing pauses while the others go on. Once, the
    others are finished first, then the first table's error is raised; a table that is
    neither declared nor there is TableMissing. With ``accept_loss`` it goes on behind
    records that the log forgot unread.
    """
    url = log_url(stage, home)
    if url and not wait_for_log(url, stop, once=once):
        if once:
            check_not_lost(stage, home, url)
        return StageReport(stage)
    with (
        open_crew(stage, home, dataset, table, accept_loss=accept_loss) as (lake, crew),
        Loop(stage, lake, report, _keeper(lake, home, dataset)) as loop,
    ):
        if once:
            _check_known(table, dataset, crew, lake)
            loop.drain(crew, stop)
        else:
            loop.follow(crew, stop, period(stage, home.settings))
        return loop.report


def _check_known(table: str | None, dataset: Dataset, crew: Crew, lake: Lake) -> None:
    """Raise TableMissing where the one table asked for is neither declared nor arrived."""
    if table is None or table in dataset.tables or crew.planners():
        return
    raise TableMissing(table=table, lake=lake.url, known=", ".join(dataset.tables))


def _keeper(lake: Lake, home: Home, dataset: Dataset) -> Keeper:
    from pinlake.stage.upkeep import WriterKeeper, rules

    return WriterKeeper(lake, rules(home.settings), dataset.tables)


class Loop:
    """The workers of a stage's tables, and what came of them."""

    def __init__(self, stage: str, lake: Lake, tell: Report, keeper: Keeper | None = None) -> None:
        self.report = StageReport(stage)
        self._stage, self._lake, self._tell = stage, lake, tell
        self._keeper = keeper
        self._turns: dict[str, Turn] = {}
        self._said = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._keeper:
            self._keeper.finish()
        for turn in self._turns.values():
            turn.worker.close()

    def drain(self, crew: Crew, stop: threading.Event) -> None:
        """Bring every table to what is there at the start; raise the first error at the end."""
        planners = crew.planners()
        for planner in planners:
            planner.fix_end()
        errors = [error for each in planners if (error := self._finish(each, stop))]
        if errors:
            raise errors[0]
        if self._keeper:
            for planner in planners:
                self._keeper.settle(self._stage, planner.name)

    def follow(self, crew: Crew, stop: threading.Event, seconds: float) -> None:
        """Give every table its turn each period, until told to stop."""
        while not stop.is_set():
            due = time.monotonic() + seconds
            self._round(self._discovered(crew), stop)
            stop.wait(max(0.0, due - time.monotonic()))

    def _round(self, planners: Sequence[Planner], stop: threading.Event) -> None:
        for planner in planners:
            turn = self._turn(planner)
            if time.monotonic() >= turn.due:
                error = self._finish(planner, stop, whole=False)
                turn.ended(error)

    def _discovered(self, crew: Crew) -> Sequence[Planner]:
        """Return the planners; where looking for tables fails, those that are known.

        One error is told once, however long it stays.
        """
        try:
            found = crew.planners()
        except (PinlakeError, OSError) as error:
            if str(error) != self._said:
                logger("stage").error("discovery_failed", stage=self._stage, error=str(error))
            self._said = str(error)
            return [turn.worker.planner for turn in self._turns.values()]
        self._said = ""
        return found

    def _turn(self, planner: Planner) -> Turn:
        if planner.name not in self._turns:
            self._turns[planner.name] = Turn(Worker(self._lake, planner))
        return self._turns[planner.name]

    def _finish(
        self, planner: Planner, stop: threading.Event, *, whole: bool = True
    ) -> Exception | None:
        """Let a table work until nothing is due, and return its error.

        Not ``whole``: until a plan is not a full one, since records keep coming.
        """
        worker = self._turn(planner).worker
        try:
            more = True
            while more and not stop.is_set():
                work, more = worker.advance()
                more = more or (whole and work is not None)
                self._note(planner, work)
                if self._keeper and not whole:
                    self._keeper.look(self._stage, planner.name, behind=more)
        except Exception as error:  # noqa: BLE001 - one table's error must not stop the others
            if self._keeper:
                self._keeper.finish()  # it works under the worker's claim
            worker.close()
            logger("stage").error(
                "table_failed", stage=self._stage, table=planner.name, error=repr(error)
            )
            self._tell(Event(self._stage, planner.name, error=str(error)))
            return error
        return None

    def _note(self, planner: Planner, work: Work | None) -> None:
        if work is None:
            return
        self.report = self.report.plus(work)
        logger("stage").info(
            "plan_done", stage=self._stage, table=planner.name, **msgspec.structs.asdict(work)
        )
        self._tell(Event(self._stage, planner.name, work))


class Turn:
    """A table's worker, and when it may try again after an error."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.due = 0.0
        self._failures = 0

    def ended(self, error: Exception | None) -> None:
        """Note how the turn ended: the pause doubles with each error in a row."""
        if error is None:
            self._failures = 0
            return
        pause = min(LAST_RETRY, FIRST_RETRY * 2.0 ** min(self._failures, 20))
        self._failures += 1
        self.due = time.monotonic() + pause
