"""All services of a home, under traffic, with no kills: what a fault of the world is tried on."""

import contextlib
import os
import subprocess
import sys
import time

import requests

from harness.campaign import shim
from harness.campaign.check import check
from harness.campaign.fates import SERVICES
from harness.campaign.lives import PACE
from harness.campaign.run import make_streams
from harness.campaign.traffic import Traffic
from harness.free_port import free_port
from harness.pipeline import run_stages, wait_until

ROOM = {"PINLAKE_LOG_MIN_FREE_BYTES": "0"}


class Steady:
    """Every service as a process, and clients that post and note; ``faults`` is for the shim."""

    def __init__(self, folder, home, *, faults=None, pace=None):
        self.folder, self.home = folder, home
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {**os.environ, **PACE, **ROOM, **(faults or {}), **(pace or {})}
        self.processes = {name: self._start(name, environment) for name in ("serve", *SERVICES[1:])}
        wait_until(self.answers)
        make_streams(self.port, self)
        self.faults = []
        self.traffic = Traffic(self.port, folder, seed=1, clients=2)

    faults = ()

    def answers(self):
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.url}/health", timeout=2).status_code == 200
        return False

    def said(self, service):
        """Return what a service has printed."""
        return (self.folder / f"{service}.log").read_text("utf-8", "replace")

    def post(self, count=100):
        """Let the clients post so many records more."""
        enough = self.traffic.acknowledged + count
        if not self.traffic.clients[0].ident:
            self.traffic.start()
        self.traffic.may_send.set()
        wait_until(lambda: self.traffic.acknowledged >= enough)

    def finish(self):
        """Stop everything politely, drain, and return the checker's faults."""
        self.traffic.stop()
        codes = {name: process.poll() for name, process in self.processes.items()}
        assert set(codes.values()) == {None}, f"a service ended by itself: {codes}"
        self.close()
        run_stages(self.home)
        return check(self.home, self.folder).faults

    def close(self):
        self.traffic.stop()
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
            process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _start(self, name, environment):
        more = ["--port", str(self.port)] if name == "serve" else []
        with (self.folder / f"{name}.log").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "pinlake", name, "--home", str(self.home), *more],
                stdout=output,
                stderr=output,
                env=environment,
            )


def failing(folder, home, rules):
    """Return the environment of these rules and the gate that opens them, or None without shim."""
    library, gate = shim.build(folder), folder / "gate"
    return library and (shim.environment(library, home, rules=rules, gate=gate), gate)


def hold(seconds, *conditions):
    """Wait until every condition was met, and so long at least."""
    until = time.monotonic() + seconds
    for condition in conditions:
        wait_until(condition)
    time.sleep(max(0.0, until - time.monotonic()))
