"""How many records the gateway takes in requests of 100, minute after minute, with retention on.

Run: python benchmarks/hundreds.py [--minutes M] [--period SECONDS]. First a bare loop that decodes,
inserts and commits every 1,000; then the gateway, kept connections, every answer after fsync, its
log limited to --keep megabytes, a reader beside it as a stage is. The last line compares the last
period with the first.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import baseline_hundreds
import gateway

COUNT = 100
BODY = b'{"records":[' + b",".join([b'{"value":' + gateway.VALUE + b"}"] * COUNT) + b"]}"
MEGABYTE = 1_000_000


class Period(NamedTuple):
    """What the gateway did in one period; sizes in megabytes."""

    per_second: float
    processor_us: float
    p99_ms: float
    log: float
    ahead: float


def measure(served: gateway.Gateway, home: Path, seconds: float) -> Period:
    clients = gateway.Clients(served.port, kept=True, body=BODY)
    before = served.processor_seconds()
    took = clients.run(seconds)
    used, count = served.processor_seconds() - before, COUNT * len(clients.latencies)
    slowest = sorted(clients.latencies)[int(len(clients.latencies) * 0.99)]
    sizes = [(home / name).stat().st_size / MEGABYTE for name in ("log.db", "log.db-wal")]
    return Period(count / took, used / count * 1e6, slowest * 1000, *sizes)


@contextlib.contextmanager
def running(folder: Path, keep: int) -> Iterator[gateway.Gateway]:
    """Run the gateway in a process of its own, and a reader in another."""
    serve = [sys.executable, __file__, "--serve", "--folder", str(folder), "--keep", str(keep)]
    read = [sys.executable, __file__, "--read", "--folder", str(folder)]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().rpartition(":")[2])
        with subprocess.Popen(read) as reader:
            try:
                yield gateway.Gateway("embedded", port, process.pid)
            finally:
                reader.terminate()
                process.terminate()


def serve(folder: Path, keep: int) -> None:
    """Be the product's gateway until SIGTERM, over a log that no stage needs."""
    from pinlake.gateway import serve as product
    from pinlake.settings import Home, Log, Settings
    from pinlake.telemetry import configure

    configure("warning")
    limits = Log(retention_bytes=keep * MEGABYTE)
    product.serve(
        Home(folder, Settings(log=limits)),
        host="127.0.0.1",
        port=0,
        floor=lambda _partition, _log: 1 << 62,
        announce=partial(print, flush=True),
    )


def read(folder: Path) -> None:
    """Read the log's end as stage stream does, twice a second, until SIGTERM."""
    from pinlake.errors import TopicUnknown
    from pinlake.log.reader import SqliteLogReader
    from pinlake.record import Partition, topic

    reader, partition = SqliteLogReader(folder / "log.db"), Partition(topic("benchmark"), 0)
    while True:
        time.sleep(0.5)
        with contextlib.suppress(TopicUnknown):
            after = reader.describe(topic("benchmark")).partitions[0].end - 100_000
            while len(batch := reader.read(partition, max(after, 0), 8 << 20)):
                after = batch.upto


def bare_loop(folder: Path, period: float) -> float:
    """Measure the yardstick, and tell it: what the machine and its disk allow now."""
    bare, bare_us = baseline_hundreds.measure(folder / "bare.db", BODY, min(period, 20.0))
    (folder / "bare.db").unlink()
    print(f"{'bare loop':>10} {bare:11,.0f} {1:7.2f} {bare_us:7.2f}", flush=True)
    return bare


def compare(folder: Path, minutes: float, period: float, keep: int) -> None:
    bare, periods = bare_loop(folder, period), []
    with running(folder, keep) as served:
        for number in range(max(1, round(minutes * 60 / period))):
            each = measure(served, folder, period)
            periods.append(each)
            print(
                f"{number * period:9.0f}s {each.per_second:11,.0f} {each.per_second / bare:7.2f} "
                f"{each.processor_us:7.2f} {each.p99_ms:7.1f} {each.log:8.0f} {each.ahead:7.0f}",
                flush=True,
            )
    first, last, again = periods[0], periods[-1], bare_loop(folder, period)
    print(
        f"last period: {last.per_second / again:.2f} of the bare loop behind it, "
        f"{last.per_second / first.per_second:.2f} of the first, processor time "
        f"{last.processor_us / first.processor_us:.2f} of the first's; log.db at most "
        f"{max(each.log for each in periods):,.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--period", type=float, default=60.0, help="seconds")
    parser.add_argument("--keep", type=int, default=1000, help="megabytes of records to keep")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--read", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve or given.read:
        serve(given.folder, given.keep) if given.serve else read(given.folder)
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{gateway.CLIENTS} clients, {COUNT} records of {len(gateway.VALUE)} bytes a request")
    print("      from   records/s  x bare  µs cpu  p99 ms  log MB  WAL MB")
    # on a tmpfs an fsync costs nothing and the figures are none: set TMPDIR to a folder on a disk
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), given.minutes, given.period, given.keep)


if __name__ == "__main__":
    main()
