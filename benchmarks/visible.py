"""How soon a record is in its stream table after its request, minute after minute.

Run: python benchmarks/visible.py [--rate 2000] [--batch 1] [--duplicates 0.9] [--minutes M] [--up].
`pinlake serve` and `pinlake stream` (with --up: `pinlake up`, all processes, and as many records
again to the topics by Kafka REST, in requests of 20) over a new home, a
client on kept connections by the API Gateway path, three tables in turn, the trigger as it is by
default. A record is visible once a commit lies in its table's Delta log whose plan holds its
position; of every commit the keys are read back and compared with what was sent. Memory is PSS.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import duckdb
from clients import KEYS, Client, Sent, arguments, stream_clients, topic_clients, warm
from product import Processes, Sampler, free_port, running

POLL_SECONDS = 0.004
ANSWER_SECONDS = 2.0


class Follower(threading.Thread):
    """Follows a table's Delta log: when each commit appeared, and up to where its plan goes."""

    def __init__(self, home: Path, sent: Sent, visible: list[tuple[float, float, bool]]) -> None:
        super().__init__(daemon=True)
        self.folder = home / "lake" / "stream" / sent.table
        self.plans = home / "lake" / "progress" / "stream" / sent.table
        self.sent, self.visible, self.stopped = sent, visible, threading.Event()
        self.next, self.rows, self.commits, self.patience = 0, 0, 0, 0.0

    def run(self) -> None:
        """Look for the next commit until told to stop."""
        with duckdb.connect(config={"threads": 1}) as connection:
            while not self.stopped.wait(POLL_SECONDS):
                path = self.folder / "_delta_log" / f"{self.next:020}.json"
                if path.exists():
                    self.commit(connection, path, time.perf_counter())
                    self.next += 1

    def commit(self, connection: duckdb.DuckDBPyConnection, path: Path, seen: float) -> None:
        """Take note of a commit's records, and read its keys back."""
        actions = [json.loads(line) for line in path.read_text().splitlines()]
        numbers = [each["txn"]["version"] for each in actions if "txn" in each]
        if not numbers:
            return
        self.commits += 1
        plan = json.loads((self.plans / f"{numbers[0]:020}.json").read_text())
        self.patience = seen + ANSWER_SECONDS
        for each in plan["ranges"].values():
            first = 0 if each["after"] is None else each["after"] + 1
            for position in range(first, each["upto"] + 1):
                self.note(position, seen)
        files = [str(self.folder / each["add"]["path"]) for each in actions if "add" in each]
        for file in files:
            query = "SELECT count(*), count(DISTINCT ind), max(ind) FROM read_parquet($file)"
            rows, keys, most = connection.execute(query, {"file": file}).fetchall()[0]
            assert rows == keys, f"{file} has a key twice"
            assert most < self.sent.keys, f"{file} has a key that nobody sent"
            self.rows += rows

    def note(self, position: int, seen: float) -> None:
        """Take note of when a record was visible, in seconds after its answer."""
        while position not in self.sent.answered:  # the answer is still on its way to us
            if time.perf_counter() > self.patience:
                return
            time.sleep(0.001)
        answered, new = self.sent.answered.pop(position)
        self.visible.append((answered, max(0.0, seen - answered), new))


def measure(home: Path, options: Any) -> None:
    port, sent = free_port(), [Sent(table) for table in KEYS]
    visible: list[tuple[float, float, bool]] = []
    with running(home, port, up=options.up) as processes:
        warm(port, sent)
        followers = [Follower(home, each, visible) for each in sent]
        clients = stream_clients(port, sent, options)
        others = topic_clients(port, options) if options.up else []
        for thread in [*followers, *clients, *others]:
            thread.start()
        started, before = time.perf_counter(), processes.seconds()
        tell_minutes(started, visible, clients, processes, options)
        for client in clients:
            client.join()
        time.sleep(3)
        used = processes.seconds()
        for follower in followers:
            follower.stopped.set()
            follower.join()
        tell_end(sent, followers, used, before, processes)


def tell_minutes(
    started: float,
    visible: list[tuple[float, float, bool]],
    clients: list[Client],
    processes: Processes,
    options: Any,
) -> None:
    """Print each period once it is over and what was sent in it had time to become visible."""
    period, told = min(60.0, options.minutes * 60), 0
    sampler = Sampler(processes)
    sampler.start()
    print(
        f"{'to':>6} {'records':>9} {'p50 s':>6} {'p99 s':>6} {'most':>6} {'new p50':>7}"
        f" {'new p99':>7} {'MB':>6} {'late s':>6}"
    )
    for number in range(round(options.minutes * 60 / period)):
        end = started + (number + 1) * period
        time.sleep(max(0.0, end + 1.5 - time.perf_counter()))
        taken = [each for each in visible[told:] if end - period <= each[0] < end]
        told = max(0, len(visible) - 4 * options.rate)
        every = [each[1] for each in taken]
        new = [each[1] for each in taken if each[2]]
        late = max(client.late for client in clients)
        memory, sampler.most = sampler.most, 0.0
        print(
            f"{(number + 1) * period:5.0f}s {len(every):9,} {at(every, 0.5):6.2f}"
            f" {at(every, 0.99):6.2f} {max(every, default=0):6.2f} {at(new, 0.5):7.2f}"
            f" {at(new, 0.99):7.2f} {memory:6.0f} {late:6.2f}",
            flush=True,
        )


def tell_end(
    sent: list[Sent],
    followers: list[Follower],
    used: dict[str, float],
    before: dict[str, float],
    processes: Processes,
) -> None:
    rows, keys = sum(each.rows for each in followers), sum(each.keys for each in sent)
    missing = sum(len(each.answered) for each in sent)
    commits = sum(each.commits for each in followers)
    print(
        f"{keys:,} keys sent, {rows:,} rows read back, {missing} records not consumed,"
        f" {commits} commits"
    )
    memory = processes.memory()
    records = sum(each.records for each in sent)
    for name in sorted(memory):
        seconds = used[name] - before[name]
        print(
            f"  {name:>8}: {memory[name]:5.0f} MB, {1e6 * seconds / records:6.0f} us of processor"
            " a record"
        )
    print(f"{sum(memory.values()):.0f} MB in all")


def at(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=1000)[round(share * 1000) - 1] if len(values) > 1 else 0.0


def main() -> None:
    parser = arguments(__doc__, minutes=10.0)
    parser.add_argument("--up", action="store_true", help="pinlake up: every process")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, {options}")
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder) / "home", options)


if __name__ == "__main__":
    main()
