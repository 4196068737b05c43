"""What child processes of the lake's and stages' tests run."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from deltalake import Field, Schema
from deltalake.schema import PrimitiveType

from pinlake.lake.file import FileLake
from pinlake.lake.progress import Plans

SCHEMA = Schema(
    [
        Field("writer", PrimitiveType("string"), nullable=False),
        Field("number", PrimitiveType("long"), nullable=False),
    ]
)


class KillingLake(FileLake):
    """A lake whose process is killed before or after its n-th step on the disk."""

    def __init__(self, folder: str, steps: int) -> None:
        self.steps = steps
        super().__init__(Path(folder).as_uri())

    def _count(self) -> None:
        self.steps -= 1
        if self.steps == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _counted(name):
    def call(self, *arguments):
        self._count()
        result = getattr(FileLake, name)(self, *arguments)
        self._count()
        return result

    return call


for _name in ("put", "create", "move", "delete", "make_folder", "sync", "sync_names"):
    setattr(KillingLake, _name, _counted(_name))


def hold_claim(place, holding):
    with Plans(place.open(), "load", "pin").claim():
        holding.set()
        time.sleep(60)


def rows_of(writer, number, count=10):
    import duckdb

    return duckdb.sql(
        f"SELECT '{writer}' AS writer, {number}::BIGINT AS number FROM range({count})"
    )


def race(place, writer, app_id, start, found, numbers):
    """Commit every number as ``app_id``, and report which commits were this process's own."""
    from pinlake.lake import tables

    lake = place.open()
    start.wait()
    own = []
    for number in range(1, numbers + 1):
        commit = tables.commit(
            lake,
            "raw/race",
            SCHEMA,
            rows_of(writer, number),
            app_id=app_id,
            number=number,
            counts={"rows": 10},
        )
        if not commit.found_done:
            own.append(number)
    found.put((writer, own))


def commit_until_killed(folder, steps, numbers):
    """Commit numbers one after another; die at a step on the disk."""
    from pinlake.lake import tables

    lake = KillingLake(folder, steps)
    for number in range(1, numbers + 1):
        tables.commit(
            lake,
            "raw/race",
            SCHEMA,
            rows_of("a", number),
            app_id="load/race",
            number=number,
            counts={"rows": 10},
        )


def run_stage_until_killed(folder, stage, steps, connector=""):
    """Run a stage once over the home of ``stage_homes``; die at a step on the disk."""
    import stage_homes
    from pinlake.stage import start

    home, dataset = stage_homes.open_home(Path(folder))
    home = home.with_connector(Path(connector)) if connector else home
    start.open_lake = lambda _home: KillingLake(folder + "/home/lake", steps)
    stage_homes.once(stage, home, dataset)


def run_stage_over_s3_until_killed(folder, stage, steps, place):
    """Run a stage once over a lake in S3; die before or after its n-th write."""
    import stage_homes
    from pinlake.stage import start

    home, dataset = stage_homes.open_home(Path(folder))
    lake, left = place.open(), [steps]

    def counted(call):
        def count():
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        def run(*arguments):
            count()
            result = call(*arguments)
            count()
            return result

        return run

    for name in ("put", "create", "adopt", "delete", "_put"):
        setattr(lake, name, counted(getattr(lake, name)))
    start.open_lake = lambda _home: lake
    stage_homes.once(stage, home, dataset)


def keep_until_killed(folder, steps):
    """Compact a table, let go of its past and sweep it; die at a step on the disk."""
    from pinlake.lake import tables, upkeep
    from pinlake.lake.history import Keeping

    tables.CHECKPOINT_EVERY = 5
    lake, now = KillingLake(folder, steps), time.time()
    rules = upkeep.Rules(10, keeping=Keeping(36_000.0, 3600.0, 8))
    for later in (0.0, 7200.0, 43_200.0):
        upkeep.keep(lake, "raw/race", rules, needed=None, now=now + later)
        upkeep.sweep(lake, "raw/race", rules, now + later)
