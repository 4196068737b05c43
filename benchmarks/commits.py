"""100,000 commits in one table under upkeep: commit time, open time and memory as they grow.

A real table at a made-up pace: a stream's 100,000 commits take 14 hours, so the hours
of [upkeep] shrink by as much as this runs faster than a commit every 500 ms.

Run: python benchmarks/commits.py [COMMITS [ROWS]]
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import duckdb
import msgspec
from deltalake import Field, Schema
from deltalake.schema import PrimitiveType

from pinlake import telemetry
from pinlake.lake import tables
from pinlake.lake.file import FileLake
from pinlake.lake.store import Lake
from pinlake.settings import Settings
from pinlake.stage import upkeep

TABLE = "stream/bench"
TRIGGER = 0.5
PACE = 0.01
TENTHS = 10
SCHEMA = Schema([Field("ind", PrimitiveType("long")), Field("title", PrimitiveType("string"))])
COLD = """
import sys, time
from pinlake.lake import tables
from pinlake.lake.file import FileLake
from pinlake.lake.store import Lake
lake = FileLake(sys.argv[1])
started = time.perf_counter()
snapshot = tables.snapshot(lake, sys.argv[2])
print(len(snapshot.files), 1e3 * (time.perf_counter() - started))
"""


class Numbers(msgspec.Struct):
    """Seconds of each commit since they were last told; processor seconds at that time."""

    commits: list[float] = []
    cpu: float = 0.0


def main(commits: int = 100_000, rows: int = 10) -> None:
    marks = sorted(
        {commits // 100, commits // 10, *range(commits // 10, commits + 1, commits // TENTHS)}
    )
    telemetry.configure()
    with tempfile.TemporaryDirectory() as folder:
        lake, numbers = FileLake(Path(folder).as_uri()), Numbers()
        keeper = upkeep.WriterKeeper(lake, scaled(), ())
        connection = duckdb.connect(":memory:")
        print(
            "commits | p50 ms | p99 ms | most ms | processor ms | open ms"
            " | files live, on disk, in log | RSS MB",
            flush=True,
        )
        for number in range(1, commits + 1):
            numbers.commits.append(one(connection, lake, number, rows))
            keeper.look("stream", "bench", behind=False)
            if number in marks:
                told(lake, number, numbers)
        keeper.finish()
        check(lake, commits * rows)


def scaled() -> upkeep.Rules:
    """Return the default rules at this pace: hours shrink by PACE / TRIGGER."""
    rules = upkeep.rules(Settings())
    keeping = rules.keeping
    shorter = {
        name: getattr(keeping, name) * PACE / TRIGGER
        for name in ("retention", "grace", "milestone")
    }
    return msgspec.structs.replace(rules, keeping=msgspec.structs.replace(keeping, **shorter))


def one(connection: duckdb.DuckDBPyConnection, lake: Lake, number: int, rows: int) -> float:
    relation = connection.sql(
        f"SELECT {number} * {rows} + i AS ind, 'title ' || i AS title FROM range({rows}) AS r(i)"
    )
    started = time.perf_counter()
    tables.commit(lake, TABLE, SCHEMA, relation, app_id=TABLE, number=number, counts={"rows": rows})
    return time.perf_counter() - started


def told(lake: Lake, number: int, numbers: Numbers) -> None:
    hundredths = statistics.quantiles(numbers.commits, n=100)
    cpu = time.process_time()
    live, opening = opened(lake)
    on_disk, in_log = (len(lake.children(key)) for key in (TABLE, f"{TABLE}/_delta_log"))
    print(
        f"{number:>7} | {1e3 * hundredths[49]:.1f} | {1e3 * hundredths[98]:.1f}"
        f" | {1e3 * max(numbers.commits):.0f}"
        f" | {1e3 * (cpu - numbers.cpu) / len(numbers.commits):.1f}"
        f" | {opening:.0f} | {live}, {on_disk}, {in_log} | {resident():.0f}",
        flush=True,
    )
    numbers.commits, numbers.cpu = [], cpu


def opened(lake: Lake) -> tuple[int, float]:
    """Return the live files, and the least of three times a fresh process took to open them."""
    found = [
        subprocess.run(
            [sys.executable, "-c", COLD, lake.url, TABLE], check=True, capture_output=True
        ).stdout.split()
        for _ in range(3)
    ]
    return int(found[-1][0]), min(float(milliseconds) for _, milliseconds in found)


def resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def check(lake: Lake, rows: int) -> None:
    tables.forget(lake, TABLE)
    found = tables.read(duckdb, tables.snapshot(lake, TABLE))
    counted = found.aggregate("count(*), count(DISTINCT ind)").fetchall()
    assert counted == [(rows, rows)], counted
    print(f"{rows:,} rows, each once; threads: {threading.active_count()}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
