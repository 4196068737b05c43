"""How soon a record is in its stream table after its request, minute after minute.

Run: python benchmarks/visible.py [--rate 2000] [--batch 1] [--duplicates 0.9] [--minutes M] [--up].
`pinlake serve` and `pinlake stream` (with --up: `pinlake up`, all processes, and as many records
again to the topics by Kafka REST, in requests of 20) over a new home, a
client on kept connections by the API Gateway path, three tables in turn, the trigger as it is by
default. A record is visible once a commit lies in its table's Delta log whose plan holds its
position; of every commit the keys are read back and compared with what was sent. Memory is PSS.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import os
import platform
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from pinlake import dataset
from pinlake.gateway.kinesis import sequence, streams
from pinlake.source.sample import generate

USER = "0abc12345678"
KEYS = {"pin": "index", "geo": "ind", "user": "ind"}
CONNECTIONS = 4
POLL_SECONDS = 0.004
ANSWER_SECONDS = 2.0


class Sent:
    """What was sent to one table: by position when its answer came, and which keys."""

    def __init__(self, table: str, first: int = 0) -> None:
        self.table, self.stream = table, f"streaming-{USER}-{table}"
        self.lock = threading.Lock()
        self.answered: dict[int, tuple[float, bool]] = {}
        self.keys, self.records = first, 0
        self.rows = list(itertools.islice(generate(DATASET, table, 0, 500), 500))

    def values(self, count: int, duplicates: float, rng: random.Random) -> tuple[list[Any], int]:
        """Return records, and how many of them (the last ones) have new keys."""
        with self.lock:
            old = sum(rng.random() < duplicates for _ in range(count)) if self.keys else 0
            first = self.keys
            self.keys += count - old
            self.records += count
        numbers = [rng.randrange(first) for _ in range(old)]
        numbers += range(first, first + count - old)
        return [self._value(number) for number in numbers], count - old

    def _value(self, number: int) -> Any:
        return {**self.rows[number % len(self.rows)], KEYS[self.table]: number}


class Client(threading.Thread):
    """Sends requests at a pace over one kept connection, each table in its turn."""

    def __init__(self, port: int, sent: list[Sent], options: Any, number: int) -> None:
        super().__init__(daemon=True)
        self.port, self.sent, self.options = port, sent, options
        self.rng, self.late = random.Random(number), 0.0
        self.pause = CONNECTIONS * options.batch / options.rate
        self.first = number * self.pause / CONNECTIONS

    def run(self) -> None:
        """Send until the time is over; ``late`` is how far it ever was behind its pace."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        started = time.perf_counter() + self.first
        for number, sent in enumerate(itertools.cycle(self.sent)):
            due = started + number * self.pause
            if due - started > self.options.minutes * 60:
                return
            time.sleep(max(0.0, due - time.perf_counter()))
            self.late = max(self.late, time.perf_counter() - due)
            self.send(connection, sent)

    def send(self, connection: http.client.HTTPConnection, sent: Sent) -> int:
        """Send one request, note its records' positions and when it was answered.

        Returns the last record's key.
        """
        values, new = sent.values(self.options.batch, self.options.duplicates, self.rng)
        path = f"/prod/streams/{sent.stream}/records"
        body = json.dumps({"records": [{"data": each, "partition-key": "k"} for each in values]})
        connection.request("PUT", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        now = time.perf_counter()
        assert answer.status == 200, content
        records = json.loads(content)["Records"]
        for place, each in enumerate(records):
            index = sequence.parse(each["SequenceNumber"]).index  # type: ignore[union-attr]
            position = (index & ((1 << streams.POSITION_BITS) - 1)) - 1
            sent.answered[position] = (now, place >= len(records) - new)
        return int(values[-1][KEYS[sent.table]])


class TopicClient(Client):
    """Sends records to the topics, as the batch route's load."""

    def send(self, connection: http.client.HTTPConnection, sent: Sent) -> int:
        """Send one request; nothing is noted."""
        values, _ = sent.values(self.options.batch, 0.0, self.rng)
        body = json.dumps({"records": [{"value": each} for each in values]})
        headers = {"Content-Type": "application/vnd.kafka.json.v2+json"}
        connection.request("POST", f"/topics/{USER}.{sent.table}", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        return int(values[-1][KEYS[sent.table]])


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


class Processes:
    """The processes of a home: their memory and processor time."""

    def __init__(self, roots: list[int]) -> None:
        self.roots = roots

    def pids(self) -> dict[int, str]:
        """Return the processes and their children by what each is."""
        found = dict.fromkeys(self.roots, "root")
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                text = path.read_text()
                if int(text.rpartition(")")[2].split()[1]) in found:
                    found[int(path.parent.name)] = ""
        return {pid: command(pid) for pid in found}

    def memory(self) -> dict[str, float]:
        """Return megabytes of PSS by command."""
        found: dict[str, float] = defaultdict(float)
        for pid, name in self.pids().items():
            with contextlib.suppress(OSError):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                pss = next(line for line in lines if line.startswith("Pss:"))
                found[name] += int(pss.split()[1]) / 1024
        return found

    def seconds(self) -> dict[str, float]:
        """Return seconds of processor time by command."""
        found: dict[str, float] = defaultdict(float)
        for pid, name in self.pids().items():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
                found[name] += used
        return found


class Sampler(threading.Thread):
    """The most megabytes that all processes held at once, looked at every two seconds."""

    def __init__(self, processes: Processes) -> None:
        super().__init__(daemon=True)
        self.processes, self.most = processes, 0.0

    def run(self) -> None:
        """Look until the process ends."""
        while True:
            self.most = max(self.most, sum(self.processes.memory().values()))
            time.sleep(2)


def command(pid: int) -> str:
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        if "pinlake" in words:
            return words[words.index("pinlake") + 1]
    return "other"


@contextlib.contextmanager
def running(home: Path, port: int, *, up: bool) -> Iterator[Processes]:
    """Run the product over a home."""
    environment = {**os.environ, "PINLAKE_GATEWAY_PORT": str(port)}
    services = [["up"]] if up else [["serve", "--user-id", USER], ["stream"]]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "pinlake", *each, "--home", str(home)],
            env=environment,
            cwd=home.parent,
            stdout=subprocess.DEVNULL,
        )
        for each in services
    ]
    try:
        await_gateway(port)
        yield Processes([each.pid for each in started])
    finally:
        for each in started:
            each.send_signal(signal.SIGTERM)
        for each in started:
            each.wait(30)


def await_gateway(port: int) -> None:
    deadline = time.perf_counter() + 60
    while time.perf_counter() < deadline:
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.1)
    raise SystemExit("the gateway does not answer")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def measure(home: Path, options: Any) -> None:
    port, sent = free_port(), [Sent(table) for table in KEYS]
    visible: list[tuple[float, float, bool]] = []
    with running(home, port, up=options.up) as processes:
        warm(port, sent)
        followers = [Follower(home, each, visible) for each in sent]
        clients = [Client(port, sent, options, number) for number in range(CONNECTIONS)]
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


def topic_clients(port: int, options: Any) -> list[TopicClient]:
    batch = argparse.Namespace(**{**vars(options), "batch": max(20, options.batch)})
    topics = [Sent(table) for table in KEYS]
    return [TopicClient(port, topics, batch, number) for number in range(CONNECTIONS)]


def warm(port: int, sent: list[Sent]) -> None:
    """Have every table made, and what is imported late imported."""
    options = argparse.Namespace(batch=1, duplicates=0.0, rate=1, minutes=0)
    for each in sent:
        Client(port, [each], options, 0).send(
            http.client.HTTPConnection("127.0.0.1", port, timeout=60), each
        )
    time.sleep(4)


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


DATASET = dataset.load("pinterest")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rate", type=int, default=2_000, help="records a second, all tables")
    arguments.add_argument("--batch", type=int, default=1, help="records a request")
    arguments.add_argument("--duplicates", type=float, default=0.0)
    arguments.add_argument("--minutes", type=float, default=10.0)
    arguments.add_argument("--up", action="store_true", help="pinlake up: every process")
    options = arguments.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, {options}")
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder) / "home", options)


if __name__ == "__main__":
    main()
