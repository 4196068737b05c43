"""Time equal batches into tables of 100,000 and of 10,000,000 keys, through the engine's steps.

.venv/bin/python benchmarks/growth.py [--small 100000] [--large 10000000] [--stage load ...]

Keys lie scattered over the whole range of INT, so that no file's statistics rule it out. Each
stage and size is a process of its own, and the first batches, which read the keys and store
them, are told apart. A tenth of a batch are keys that the table has.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import msgspec

from pinlake import dataset
from pinlake.engine.base import LogRange, LogRanges, Objects, Outcome, Step, Versions
from pinlake.engine.duckdb import DuckdbEngine
from pinlake.lake import objects, tables
from pinlake.lake.file import FileLake
from pinlake.lake.objects import ObjectKey
from pinlake.log.memory import MemoryLog
from pinlake.record import Partition, Record, stream
from pinlake.source.sample import generate

TABLE = "pin"
RECORDS = {"load": 100_000, "clean": 100_000, "stream": 1_000}
FIRST = {"load": 2, "clean": 2, "stream": 220}
"""Batches that are told apart: 10,000,000 keys are stored with the first 200 of a stream."""
MEASURED = {"load": 7, "clean": 7, "stream": 100}
COMMIT = 500_000
TOPIC, STREAM = f"0123456789ab.{TABLE}", f"streaming-0123456789ab-{TABLE}"


class Growth:
    """A lake whose table of one stage is filled by commits, then grown by batches."""

    def __init__(self, folder: str, stage: str) -> None:
        self.lake, self.log, self.stage = FileLake(Path(folder).as_uri()), MemoryLog(), stage
        pinterest = dataset.load("pinterest")
        self.table = pinterest.tables[TABLE]
        self.rows = list(itertools.islice(generate(pinterest, TABLE, 0, 2_000), 2_000))
        self.engine = DuckdbEngine(self.lake, self.log, pinterest.functions_sql)
        self.log.create(stream(STREAM))
        self.number = self.raw = self.position = 0
        self.after: int | None = None
        self.rng = random.Random(1)

    def fill(self, keys: int) -> None:
        """Bring the table to this many keys by commits of COMMIT rows, as the next plans."""
        output = self.batch(1_000, 0, keys)[0].output
        snapshot = tables.snapshot(self.lake, output)
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            tables.read(connection, snapshot).create("rows")
            key = "index" if output.startswith("raw/") else "ind"
            select = f'SELECT rows.* REPLACE (({spread("i")})::INTEGER AS "{key}") FROM rows'
            for start in range(1_000, keys, COMMIT):
                numbers = f"range({start}, {min(keys, start + COMMIT)}) AS numbers(i)"
                self.number += 1
                tables.commit(
                    self.lake,
                    output,
                    snapshot.schema,
                    connection.sql(f"{select} JOIN {numbers} ON rows.rowid = i % 900"),
                    app_id=f"{self.stage}/{TABLE}",
                    number=self.number,
                    counts={},
                )

    def batch(self, records: int, first: int, keys: int) -> tuple[Step, Outcome, float, float]:
        """Run the step of new keys from ``first`` on and of old ones; return its times too."""
        numbers = range(first, first + records)
        old = {each for each in range(records) if first and each % 10 == 0}
        values = [
            self.value(self.rng.randrange(keys) if place in old else number, number)
            for place, number in enumerate(numbers)
        ]
        step = self.step(values)
        wall, processor = time.perf_counter(), time.process_time()
        outcome = self.engine.run(step)
        return step, outcome, time.perf_counter() - wall, time.process_time() - processor

    def value(self, number: int, row: int) -> bytes:
        """Return a record with the key of a number and the fields of a row."""
        fields = dict(self.rows[row % len(self.rows)])
        fields["index"] = eval(spread("number"), {"number": number})
        return msgspec.json.encode(fields)

    def step(self, values: list[bytes]) -> Step:
        """Put the values where the stage finds them, and return its next step."""
        self.number += 1
        if self.stage == "stream":
            after = self.position - 1 if self.position else None
            for start in range(0, len(values), 500):
                records = [Record(value) for value in values[start : start + 500]]
                self.log.append(Partition(stream(STREAM), 0), records)
            self.position += len(values)
            self.log.trim(Partition(stream(STREAM), 0), self.position - len(values))
            given = LogRange(Partition(stream(STREAM), 0), after, self.position - 1)
            return Step("stream", self.table, self.number, LogRanges((given,)))
        loading = Step("load", self.table, self.number, Objects(tuple(self.put(values))))
        if self.stage == "load":
            return loading
        self.raw += 1
        loaded = self.engine.run(msgspec.structs.replace(loading, number=self.raw))
        raw = tables.head(self.lake, f"raw/{TABLE}")
        versions = Versions(f"raw/{TABLE}", raw.table_id, self.after, loaded.version)
        self.after = loaded.version
        return Step("clean", self.table, self.number, versions)

    def put(self, values: list[bytes]) -> list[str]:
        """Write the values as objects of 10,000, and return their keys."""
        keys = []
        for start in range(0, len(values), 10_000):
            key = ObjectKey(TOPIC, 0, self.position)
            objects.put(self.lake, key, objects.lines(values[start : start + 10_000]))
            self.position += 10_000
            keys.append(str(key))
        return keys


def spread(number: str) -> str:
    """Return SQL (and Python) that scatters numbers over the positive INTs, no two to one."""
    return f"({number} * 1103515245 + 12345) % 2147483648"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--small", type=int, default=100_000)
    arguments.add_argument("--large", type=int, default=10_000_000)
    arguments.add_argument("--stage", choices=RECORDS, action="append")
    arguments.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.one:
        folder, stage, keys = options.one
        print(json.dumps(grown(folder, stage, int(keys))))
        return
    for stage in options.stage or RECORDS:
        print(f"{stage}, batches of {RECORDS[stage]:,} records")
        small, large = (told(stage, keys) for keys in (options.small, options.large))
        wall, processor = (large[name] / small[name] for name in ("wall", "processor"))
        print(f"  large / small: {wall:.2f} x time, {processor:.2f} x processor", flush=True)


def told(stage: str, keys: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        growth = Growth(folder, stage)
        growth.fill(keys)
        os.sync()
        command = [sys.executable, __file__, "--one", folder, stage, str(keys)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    print(
        f"  {keys:>10,} keys | {found['wall']:.2f} us a record, processor {found['processor']:.2f}"
        f" | slowest batch {found['slowest']:.0f} ms | first batch {found['first']:.2f} s,"
        f" slowest of the next {found['settling']:.0f} ms | {found['memory']:.0f} MB"
        f" ({found['grown']:+.0f} by the keys)",
        flush=True,
    )
    return found


def grown(folder: str, stage: str, keys: int) -> dict[str, float]:
    """Grow a filled table as a fresh process does."""
    growth, records = Growth(folder, stage), RECORDS[stage]
    output = {"load": "raw"}.get(stage, stage)
    head = tables.head(growth.lake, f"{output}/{TABLE}")
    growth.number, growth.position = head.version, 0 if stage == "stream" else 1_000_000
    if stage == "clean":
        raw = tables.head(growth.lake, f"raw/{TABLE}")
        growth.raw, growth.after = raw.version, raw.version
    times, memory = [], resident()
    for place in range(FIRST[stage] + MEASURED[stage]):
        _, outcome, *taken = growth.batch(records, keys + place * records, keys)
        assert outcome.rows == (records if stage == "load" else records * 9 // 10), outcome
        times.append(taken)
    measured = times[FIRST[stage] :]
    wall, processor = (statistics.median(each) for each in zip(*measured, strict=True))
    return {
        "wall": 1e6 * wall / records,
        "processor": 1e6 * processor / records,
        "slowest": 1e3 * max(taken[0] for taken in measured),
        "first": times[0][0],
        "settling": 1e3 * max(taken[0] for taken in times[1 : FIRST[stage]]),
        "memory": resident(),
        "grown": resident() - memory,
    }


def resident() -> float:
    """Return the megabytes that this process holds."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


if __name__ == "__main__":
    main()
