"""How many requests of one record the gateway answers, beside the same gateway without a log.

Run: python benchmarks/gateway.py [--seconds S] [--rounds N]. Three processes: the gateway over
the embedded log, the gateway over a log that stores nothing, and the clients; the two gateways
take turns, so that what else the machine does meets both.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import product

CLIENTS = 64
VALUE = (
    b'{"index":7528,"unique_id":"fbe53c66-3442-4773-b19e-d3ec6f54dddf","title":"No Title",'
    b'"poster_name":"User","follower_count":"9k","tag_list":"N,o, ,T,a,g,s","downloaded":1,'
    b'"is_image_or_video":"image","image_src":"https://i.pinimg.com/originals/a/b/c.jpg",'
    b'"save_location":"Local save in /data/art","category":"art"}'
)
BODY = b'{"records":[{"value":' + VALUE + b"}]}"
HEAD = (
    "POST /topics/benchmark HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    "Content-Type: application/vnd.kafka.json.v2+json\r\n"
    "User-Agent: python-requests/2.32.5\r\nAccept-Encoding: gzip, deflate\r\nAccept: */*\r\n"
    "Connection: {connection}\r\nContent-Length: {length}\r\n\r\n"
)
ANSWERED = b'"error":null}],"key_schema_id":null,"value_schema_id":null}'


class Speed(NamedTuple):
    """What one gateway did in one round; latencies in milliseconds."""

    per_second: float
    processor_us: float
    median_ms: float
    p99_ms: float


class Gateway(NamedTuple):
    """A gateway in its own process."""

    log: str
    port: int
    process: int

    def processor_seconds(self) -> float:
        """Return the processor time it took so far."""
        return product.processor_seconds(self.process)


class Clients:
    """Clients that each keep one request under way: plain sockets, to cost little themselves."""

    def __init__(self, port: int, *, kept: bool, body: bytes = BODY) -> None:
        self.port, self.kept = port, kept
        connection = "keep-alive" if kept else "close"
        self.request = HEAD.format(connection=connection, length=len(body)).encode() + body
        self.latencies: list[float] = []
        self._epoll = select.epoll()
        self._open: dict[int, tuple[socket.socket, float]] = {}

    def run(self, seconds: float) -> float:
        """Ask for so long, await the last answers and return the seconds it took."""
        started = time.perf_counter()
        for _ in range(CLIENTS):
            self._ask(self._connect(), time.perf_counter())
        while self._open:
            for number, _ in self._epoll.poll():
                self._answered(number, until=started + seconds)
        return time.perf_counter() - started

    def _connect(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port))
        self._epoll.register(client, select.EPOLLIN)
        return client

    def _ask(self, client: socket.socket, started: float) -> None:
        client.sendall(self.request)
        self._open[client.fileno()] = (client, started)

    def _answered(self, number: int, until: float) -> None:
        client, started = self._open.pop(number)
        answer = client.recv(4096)
        while not answer.endswith(ANSWERED):
            answer += client.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        now = time.perf_counter()
        self.latencies.append(now - started)
        if not self.kept or now >= until:
            client.close()
        if now < until:
            self._ask(client if self.kept else self._connect(), now)


def measure(gateway: Gateway, *, kept: bool, seconds: float) -> Speed:
    clients, before = Clients(gateway.port, kept=kept), gateway.processor_seconds()
    took = clients.run(seconds)
    used, count = gateway.processor_seconds() - before, len(clients.latencies)
    cuts = statistics.quantiles([1000 * each for each in clients.latencies], n=100)
    return Speed(count / took, used / count * 1e6, cuts[49], cuts[98])


def median(speeds: Sequence[Speed]) -> Speed:
    return Speed(*map(statistics.median, zip(*speeds, strict=True)))


@contextlib.contextmanager
def running(log: str, folder: str) -> Iterator[Gateway]:
    """Run a gateway in a process of its own; ``log`` is ``none`` or ``embedded``."""
    arguments = [sys.executable, __file__, "--serve", log, "--folder", folder]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Gateway(log, int(process.stdout.readline().rpartition(":")[2]), process.pid)
        finally:
            process.terminate()


def serve(log: str, folder: Path) -> None:
    """Be a gateway until SIGTERM: the product's own, but for the log."""
    from baseline_gateway import NoLog

    from pinlake.gateway import serve as serving
    from pinlake.settings import Home

    if log == "none":
        serving.opened = lambda _home: NoLog()
    serving.serve(Home(folder / log), host="127.0.0.1", port=0, announce=partial(print, flush=True))


def compare(folder: str, seconds: float, rounds: int) -> None:
    with running("none", folder) as bare, running("embedded", folder) as gateway:
        for kept in (True, False):
            pairs = [
                [measure(each, kept=kept, seconds=seconds) for each in (bare, gateway)]
                for _ in range(rounds)
            ]
            tell("kept" if kept else "fresh", *map(median, zip(*pairs, strict=True)))


def tell(connections: str, bare: Speed, gateway: Speed) -> None:
    for log, speed in (("none", bare), ("embedded", gateway)):
        print(
            f"{connections:12} {log:9} {speed.per_second:11,.0f} {speed.per_second / bare[0]:8.2f}"
            f" {speed.processor_us:7.1f} {speed.processor_us / bare[1]:6.2f}"
            f" {speed.median_ms:7.2f} {speed.p99_ms:7.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", choices=("none", "embedded"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.folder)
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{CLIENTS} clients, one record of {len(VALUE)} bytes a request")
    print("connections  log        requests/s  x none  µs cpu x none  p50 ms  p99 ms")
    with tempfile.TemporaryDirectory(dir=".") as folder:
        compare(folder, given.seconds, given.rounds)


if __name__ == "__main__":
    main()
