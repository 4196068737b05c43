"""The product over a home, as the benchmarks run it: its processes, their memory and time."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

USER = "0abc12345678"


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
                found[name] += processor_seconds(pid)
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


def processor_seconds(pid: int) -> float:
    """Return the processor time a process took so far, all its threads', user's and system's."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def command(pid: int) -> str:
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        if "pinlake" in words:
            return words[words.index("pinlake") + 1]
    return "other"
