"""Child processes that are kept running: restarted with back-off, stopped together."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from pinlake.run.parent import VARIABLE
from pinlake.telemetry import logger

STOP_SECONDS = 10.0
"""How long a child may take to stop before it is killed."""


class Service(msgspec.Struct, frozen=True):
    """A pinlake command that runs for ever, and the variables it runs with."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = {}


class BackOff(msgspec.Struct, frozen=True):
    """How long to wait before start number n of a service, in seconds.

    Doubles from ``first`` to ``most``; a run of ``healthy`` seconds forgets
    what went before.
    """

    first: float = 0.2
    most: float = 30.0
    healthy: float = 60.0

    def delay(self, failures: int) -> float:
        """Return the pause after the given number of failures in a row (at least 1)."""
        return float(min(self.most, self.first * 2 ** min(failures - 1, 30)))

    def failures(self, before: int, ran_seconds: float) -> int:
        """Return the failures in a row, now that a run ended after so many seconds."""
        return 1 if ran_seconds >= self.healthy else before + 1


class Child:
    """One service and its process."""

    def __init__(self, service: Service, log: Path) -> None:
        self.service, self.log = service, log
        self.process: subprocess.Popen[bytes] | None = None
        self.started = self.due = 0.0
        self.failures = 0

    def start(self, now: float) -> None:
        """Start the process; what it prints goes to its log file."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pinlake", *self.service.arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.service.environment, VARIABLE: str(os.getpid())},
                # Ctrl-C reaches the whole group of a terminal; a group of its own lets us
                # stop the children in order.
                process_group=0,
            )
        self.started = now

    def last_words(self) -> str:
        """Return the last line that the process printed."""
        text = self.log.read_text("utf-8", "replace") if self.log.exists() else ""
        return (text.strip().splitlines() or ["it printed nothing"])[-1]


class Supervisor:
    """Runs services side by side; one that ends is started again and never stops the others.

    ``clock`` is monotonic seconds. Log files: ``<folder>/<service>.log``. The
    children get SIGTERM when this process ends, however it ends.
    """

    def __init__(
        self,
        services: Sequence[Service],
        folder: Path,
        *,
        back_off: BackOff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.children = [Child(each, folder / f"{each.name}.log") for each in services]
        self.back_off, self.clock = back_off or BackOff(), clock
        self._log = logger("run")

    def start(self) -> None:
        """Start every service."""
        for child in self.children:
            child.start(self.clock())

    def tend(self) -> list[Child]:
        """Start again what has ended and is due; return what ended since the last call."""
        ended = [child for child in self.children if self._has_ended(child)]
        for child in self.children:
            if child.process is None and child.due <= self.clock():
                child.start(self.clock())
        return ended

    def stop(self) -> None:
        """Stop every service, the last started first, and wait; kill what does not stop in time."""
        for child in reversed(self.children):
            if child.process is not None:
                child.process.terminate()
        deadline = self.clock() + STOP_SECONDS
        for child in reversed(self.children):
            if child.process is not None:
                self._await(child.process, deadline)

    def _has_ended(self, child: Child) -> bool:
        if child.process is None or child.process.poll() is None:
            return False
        now = self.clock()
        child.failures = self.back_off.failures(child.failures, now - child.started)
        child.due = now + self.back_off.delay(child.failures)
        self._log.warning(
            "service_ended",
            service=child.service.name,
            code=child.process.returncode,
            restart_in=round(child.due - now, 1),
            said=child.last_words(),
        )
        child.process = None
        return True

    def _await(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        try:
            process.wait(max(0.0, deadline - self.clock()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
