"""How many records the gateway puts into a real Kafka, beside a bare producer loop of the same.

Run: python benchmarks/kafka.py [--seconds S] [--rounds N]. One broker (script/kafka), and in turns
the bare loop and 64 kept connections with requests of 100 records; then requests of one at 64
connections (processor time of the gateway) and at one (latency).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import gateway
import hundreds

from pinlake.log.base import Log

ROOT = Path(__file__).parents[1]
BROKER_SECONDS = 60


@contextlib.contextmanager
def broker(folder: Path) -> Iterator[str]:
    """Run a broker with one topic of one partition on free ports, and give its address."""
    port, controller = free_ports(2)
    command = [str(ROOT / "script/kafka"), "--port", str(port), "--controller-port"]
    command += [str(controller), "--data", str(folder / "kafka")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            make_topic(f"127.0.0.1:{port}")
            yield f"127.0.0.1:{port}"
        finally:
            server.kill()


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        listening = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in listening:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in listening]


def make_topic(servers: str) -> None:
    """Make the topic, as soon as the broker lets us."""
    from pinlake.log.open import open_log

    due = time.monotonic() + BROKER_SECONDS
    with contextlib.closing(open_log(f"kafka://{servers}")) as log:
        while not is_made(log):
            assert time.monotonic() < due, "the broker does not answer"


def is_made(log: Log) -> bool:
    from pinlake.errors import LogUnreachable, TopicExists
    from pinlake.record import topic

    try:
        log.create(topic("benchmark"))
    except LogUnreachable:
        return False
    except TopicExists:  # a try that was answered too late
        pass
    return True


@contextlib.contextmanager
def served(folder: Path, servers: str) -> Iterator[gateway.Gateway]:
    """Run the gateway over the broker in a process of its own."""
    command = [sys.executable, __file__, "--serve", servers, "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline().rpartition(":")[2])
            yield gateway.Gateway("kafka", port, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)


def serve(folder: Path, servers: str) -> None:
    from pinlake.gateway import serve as product
    from pinlake.settings import Home, Settings

    home = Home(folder / "home", Settings(topics=f"kafka://{servers}"))
    product.serve(home, host="127.0.0.1", port=0, announce=partial(print, flush=True))


def bare(servers: str, seconds: float) -> tuple[float, float]:
    command = [sys.executable, str(ROOT / "benchmarks/baseline_kafka.py"), servers]
    done = subprocess.run([*command, str(seconds)], capture_output=True, text=True, check=True)
    per_second, processor = done.stdout.split()
    return float(per_second), float(processor)


def ask(at: gateway.Gateway, body: bytes, clients: int, seconds: float) -> tuple[float, ...]:
    """Return requests/s, processor µs a request, and the median and 99 % of milliseconds."""
    gateway.CLIENTS = clients
    asking, before = gateway.Clients(at.port, kept=True, body=body), at.processor_seconds()
    took = asking.run(seconds)
    used, count = at.processor_seconds() - before, len(asking.latencies)
    cuts = statistics.quantiles([1000 * each for each in asking.latencies], n=100)
    return count / took, used / count * 1e6, cuts[49], cuts[98]


def compare(folder: Path, seconds: float, rounds: int) -> None:
    with broker(folder) as servers, served(folder, servers) as at:
        for _ in range(rounds):
            loop, loop_us = bare(servers, seconds)
            many, many_us, median, p99 = ask(at, hundreds.BODY, 64, seconds)
            print(
                f"bare loop {loop:9,.0f} records/s {loop_us:6.2f} µs; gateway, requests of 100: "
                f"{100 * many:9,.0f} records/s {many_us / 100:6.2f} µs, "
                f"{100 * many / loop:.2f} x bare; p50 {median:.1f} p99 {p99:.1f} ms",
                flush=True,
            )
        for clients in (64, 1):
            each, used, median, p99 = ask(at, gateway.BODY, clients, seconds)
            print(
                f"one record a request, {clients} connections: {each:,.0f} requests/s, "
                f"{used:.0f} µs cpu a request, p50 {median:.2f} p99 {p99:.2f} ms",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", metavar="SERVERS", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.folder, given.serve)
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(dir=".") as folder:
        compare(Path(folder).absolute(), given.seconds, given.rounds)


if __name__ == "__main__":
    main()
