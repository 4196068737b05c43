"""Commits of 1,000 rows to one table, 1,000 times: how long each takes as the table grows.

Run: python benchmarks/lake.py [COMMITS [ROWS]]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from deltalake import Field, Schema
from deltalake.schema import PrimitiveType

from pinlake.lake import tables
from pinlake.lake.file import FileLake
from pinlake.lake.store import Lake

TEXTS = 8
SCHEMA = Schema(
    [Field(f"text{place}", PrimitiveType("string")) for place in range(TEXTS)]
    + [Field("number", PrimitiveType("long"))]
)


def main(commits: int = 1000, rows: int = 1000) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lake = FileLake(Path(folder).as_uri())
        seconds = [one(lake, number, rows) for number in range(1, commits + 1)]
        print("commits | p50 ms | p90 ms | most ms")
        for first in range(0, commits, commits // 5):
            told(first, seconds[first : first + commits // 5])
        started = time.perf_counter()
        snapshot = tables.snapshot(lake, "clean/bench")
        milliseconds = 1e3 * (time.perf_counter() - started)
        print(f"snapshot of {len(snapshot.files)} files: {milliseconds:.0f} ms")


def one(lake: Lake, number: int, rows: int) -> float:
    texts = ", ".join(f"'text {place} of ' || i AS text{place}" for place in range(TEXTS))
    relation = duckdb.sql(f"SELECT {texts}, i::BIGINT AS number FROM range({rows}) AS r(i)")
    started = time.perf_counter()
    tables.commit(
        lake,
        "clean/bench",
        SCHEMA,
        relation,
        app_id="clean/bench",
        number=number,
        counts={"rows": rows},
    )
    return time.perf_counter() - started


def told(first: int, seconds: list[float]) -> None:
    tenths = statistics.quantiles(seconds, n=10)
    print(
        f"{first + 1:>5}-{first + len(seconds)} | {1e3 * statistics.median(seconds):.1f}"
        f" | {1e3 * tenths[-1]:.1f} | {1e3 * max(seconds):.0f}"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
