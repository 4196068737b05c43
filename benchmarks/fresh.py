"""How soon an acknowledged record is in a fresh answer, while records come and stream commits.

Run: python benchmarks/fresh.py [--rate 2000] [--batch 1] [--minutes 1] [--asks 10]. The processes
and clients of visible.py; beside them one record at a time is put, and once it is acknowledged a
question for its key is asked with fresh=True of one open lake. Every answer must have the record.
"""

from __future__ import annotations

import multiprocessing
import os
import platform
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from clients import KEYS, ONE, Client, Sent, arguments, stream_clients, warm
from product import free_port, running
from visible import at

import pinlake
from pinlake.query.lake import OpenLake

FIRST_KEY = 1_000_000_000
"""Where the keys begin that are asked for, beyond those of the other clients."""
ASKED = "SELECT * FROM {table} WHERE ind = {key}"


class Asker:
    """Puts a record, awaits its acknowledgement and asks for it."""

    def __init__(self, port: int, lake: OpenLake, sent: list[Sent]) -> None:
        self.lake, self.sent = lake, sent
        self.client = Client(port, sent, ONE, 0)
        self.connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, number: int) -> float:
        """Return the seconds from a record's acknowledgement to the answer that has it."""
        sent = self.sent[number % len(self.sent)]
        key = self.client.send(self.connection, sent)
        answered = time.perf_counter()
        rows = self.lake.ask(ASKED.format(table=sent.table, key=key), fresh=True).rows()
        taken = time.perf_counter() - answered
        assert len(rows) == 1, f"{sent.table} {key}: {rows}"
        return taken


def measure(home: Path, options: Any) -> None:
    port = free_port()
    with running(home, port, up=False), pinlake.open(home) as lake:
        own = [Sent(table, first=FIRST_KEY) for table in KEYS]
        warm(port, own)
        asker = Asker(port, lake, own)
        first = [asker.ask(number) for number in range(len(own))]
        print(f"first question of each table: {max(first) * 1000:.0f} ms at most")
        others = multiprocessing.get_context("spawn").Process(target=send, args=(port, options))
        others.start()
        while others.is_alive():
            period(asker, min(10.0, options.minutes * 60), options.asks)


def send(port: int, options: Any) -> None:
    """Be the other clients, in a process of their own."""
    sent = [Sent(table) for table in KEYS]
    clients = stream_clients(port, sent, options)
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    print(f"the other clients were {max(client.late for client in clients):.2f} s late at most")


def period(asker: Asker, seconds: float, asks: float) -> None:
    """Ask so many times a second, and print how long answers took."""
    taken: list[float] = []
    used, until = time.process_time(), time.perf_counter() + seconds
    while time.perf_counter() < until:
        due = time.perf_counter() + 1 / asks
        taken.append(asker.ask(len(taken)))
        time.sleep(max(0.0, due - time.perf_counter()))
    p50, p99, most = (1000 * each for each in (at(taken, 0.5), at(taken, 0.99), max(taken)))
    processor = 1000 * (time.process_time() - used) / len(taken)
    print(
        f"{len(taken):6,} answers, each with its record: p50 {p50:5.1f} ms, p99 {p99:5.1f} ms,"
        f" most {most:5.1f} ms, {processor:.1f} ms of processor each",
        flush=True,
    )


def main() -> None:
    parser = arguments(__doc__, minutes=1.0)
    parser.add_argument("--asks", type=float, default=10.0, help="questions a second")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, {options}")
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder) / "home", options)


if __name__ == "__main__":
    main()
