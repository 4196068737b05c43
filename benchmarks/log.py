"""How fast the embedded log appends and reads, beside a bare sqlite3 loop.

Run: python benchmarks/log.py [--seconds S]. One run measures both, one after the other.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

import baseline_log

from pinlake.log.base import Append, Position
from pinlake.log.sqlite import SqliteLog, SqliteLogReader
from pinlake.record import Partition, Record, topic

SUBMITTERS = 64
READ_BYTES = 16 * 1024 * 1024


class Speed(NamedTuple):
    """What one case measured; latencies in milliseconds."""

    case: str
    per_second: float
    processor_us: float
    median_ms: float = 0.0
    p99_ms: float = 0.0


class Submitter:
    """Keeps one request under way: submits the next one when the last is synced."""

    def __init__(self, log: SqliteLog, append: Append, until: float) -> None:
        self.log, self.append, self.until = log, append, until
        self.latencies: list[float] = []
        self.stored = 0
        self.ended = threading.Event()

    def submit(self) -> None:
        """Submit the request; done submits it again."""
        self.started = time.perf_counter()
        self.log.submit([self.append], self.done)

    def done(self, firsts: list[Position] | None, error: Exception | None) -> None:
        """Note how long the request took."""
        now = time.perf_counter()
        self.latencies.append((now - self.started) * 1000)
        self.stored += len(self.append.records) if error is None else 0
        if now < self.until and error is None:
            self.submit()
        else:
            self.ended.set()


def appending(log: SqliteLog, name: str, per_request: int, seconds: float) -> Speed:
    log.create(topic(name))
    request = Append(Partition(topic(name), 0), [Record(bytes(300))] * per_request)
    wall, processor = time.perf_counter(), time.process_time()
    submitters = [Submitter(log, request, wall + seconds) for _ in range(SUBMITTERS)]
    for submitter in submitters:
        submitter.submit()
    for submitter in submitters:
        submitter.ended.wait()
    took, used = time.perf_counter() - wall, time.process_time() - processor
    stored = sum(submitter.stored for submitter in submitters)
    latencies = [ms for submitter in submitters for ms in submitter.latencies]
    cuts = statistics.quantiles(latencies, n=100)
    case = f"append, {per_request} a request, {SUBMITTERS} at once"
    return Speed(case, stored / took, used / stored * 1e6, cuts[49], cuts[98])


def alone(log: SqliteLog, name: str, count: int) -> Speed:
    """Append one record a commit: what the disk's sync allows, and the worst case for reading."""
    log.create(topic(name))
    partition, record = Partition(topic(name), 0), [Record(bytes(300))]
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(count):
        log.append(partition, record)
    took, used = time.perf_counter() - wall, time.process_time() - processor
    return Speed("append, 1 a request, 1 at once", count / took, used / count * 1e6)


def reading(path: Path, name: str, case: str) -> Speed:
    reader, partition = SqliteLogReader(path), Partition(topic(name), 0)
    wall, processor = time.perf_counter(), time.process_time()
    after, count = None, 0
    while len(batch := reader.read(partition, after, READ_BYTES)):
        after, count = batch.upto, count + len(batch)
    took, used = time.perf_counter() - wall, time.process_time() - processor
    reader.close()
    return Speed(f"read, {case}", count / took, used / count * 1e6)


def describing(path: Path, name: str, times: int = 2000) -> Speed:
    reader = SqliteLogReader(path)
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(times):
        reader.describe(topic(name))
    took, used = time.perf_counter() - wall, time.process_time() - processor
    reader.close()
    return Speed("describe from another process, calls", times / took, used / times * 1e6)


def run(folder: Path, seconds: float) -> list[Speed]:
    path = folder / "log.db"
    log = SqliteLog(path)
    speeds = [
        appending(log, "ones", 1, seconds),
        appending(log, "hundreds", 100, seconds),
        alone(log, "alone", int(1000 * seconds)),
        reading(path, "hundreds", "stored in requests of 100"),
        reading(path, "ones", "stored in requests of 1, grouped"),
        reading(path, "alone", "stored one a commit"),
        describing(path, "hundreds"),
    ]
    log.close()
    return speeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(dir=".") as folder:
        bare = baseline_log.measure(Path(folder) / "baseline.db")
        speeds = run(Path(folder), seconds)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{'case':44} {'records/s':>11} {'x bare':>7} {'µs cpu':>7} {'p50 ms':>7} {'p99 ms':>7}")
    used = bare["append_processor_us"]
    print(f"{'bare loop, commit every 1,000':44} {bare['append']:11,.0f} {1:7.2f} {used:7.2f}")
    print(f"{'bare SELECT':44} {bare['read']:11,.0f} {1:7.2f}")
    for speed in speeds:
        ratio = speed.per_second / bare["read" if speed.case.startswith("read") else "append"]
        print(
            f"{speed.case:44} {speed.per_second:11,.0f} {ratio:7.2f} {speed.processor_us:7.2f}"
            f" {speed.median_ms:7.2f} {speed.p99_ms:7.2f}"
        )


if __name__ == "__main__":
    main()
