"""The services of a pipeline as real processes; each lives, is killed, and lives again at once."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from harness.campaign import shim, wreck
from harness.campaign.fates import MAINTAIN, SERVICES, Fate, Fates, shown

PACE = {
    "PINLAKE_SINK_FLUSH_SIZE": "200",
    "PINLAKE_SINK_ROTATE_SECONDS": "0.2",
    "PINLAKE_BATCH_EVERY_SECONDS": "0.2",
    "PINLAKE_BATCH_PLAN_BYTES": "400000",
    "PINLAKE_STREAM_TRIGGER_MS": "50",
    "PINLAKE_STREAM_PLAN_BYTES": "400000",
    "PINLAKE_KINESIS_CREATE_MS": "0",
    "PINLAKE_UPKEEP_COMPACT_AFTER_COMMITS": "6",
    "PINLAKE_UPKEEP_TARGET_BYTES": "200000",
    "PINLAKE_LOG_SEGMENT_BYTES": "100000",
    "PINLAKE_LOG_SEGMENT_SECONDS": "1",
    "PINLAKE_LOG_TRIM_SECONDS": "0.3",
    "PINLAKE_LOG_LEVEL": "error",
}
"""Everything often: small objects, small plans, short pauses."""

LONGEST = 60.0

FORGETFUL = {
    "PINLAKE_LOG_RETENTION_HOURS": "0.002",
    "PINLAKE_LOG_STREAM_RETENTION_HOURS": "0.002",
    "PINLAKE_UPKEEP_RETENTION_HOURS": "0.003",
    "PINLAKE_UPKEEP_GRACE_HOURS": "0",
    "PINLAKE_UPKEEP_VERSIONS": "20",
}
"""What keeps little: of the log some seconds, of tables some versions."""


class Lives:
    """All services of one home, killed by the fates of a seed until so many kills are done.

    ``library`` is the shim; without one the kills are at moments alone.
    """

    def __init__(self, folder, home, port, seed, kills, library, pace):
        self.folder, self.home, self.port, self.seed = folder, home, port, seed
        self.kills, self.library, self.pace = kills, library, pace
        self.deaths, self.missed, self.faults = [], [], []
        self.fates = {service: Fates(service, seed) for service in SERVICES}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._live, args=(service,), name=service)
            for service in SERVICES
        ]

    def start(self):
        """Start the gateway, whose killing begins at once."""
        self._threads[0].start()

    def start_stages(self):
        for thread in self._threads[1:]:
            thread.start()

    @property
    def done(self):
        """Whether the kills are enough, and each step of plan, write and commit was among them."""
        return all(map(self._spared, SERVICES))

    def _spared(self, service):
        """Tell whether a service is killed no more."""
        if service not in self.fates:
            return False
        owed = self.library is not None and self.fates[service].owed
        return len(self.deaths) >= self.kills * (2 if owed else 1)

    def stop(self):
        """Have every service end politely."""
        self._ended.set()
        for thread in self._threads:
            if thread.ident:
                thread.join(120)

    def maintain(self):
        """Kill ``pinlake maintain`` at each of its steps, where steps can be chosen."""
        self._ended.clear()
        for rule in MAINTAIN if self.library else ():
            self._one_life("maintain", Fate(60.0, rule))

    def _live(self, service):
        """Start a service again and again; once all kills are done, let it live."""
        try:
            fates = self.fates[service]
            while not self._ended.is_set():
                fate = fates.next()
                met = self._one_life(service, fate)
                (fates.met if met else fates.missed)(fate)
        except BaseException as error:
            self.faults.append(f"{service}: {error!r}")
            raise

    def _one_life(self, service, fate):
        """Live one life to its end; tell whether it ended at the boundary of its fate."""
        stacks = self.folder / f"{service}.stacks"
        written = _size(stacks)
        process = self._start(service, fate, stacks)
        started = time.monotonic()
        self._wait(service, process, fate)
        at_boundary = process.poll() is not None
        while not at_boundary and self._spared(service):
            if self._ended.wait(0.05):
                self._end(service, process)
                return True
            if process.poll() is not None:  # a boundary that comes late is one kill more
                at_boundary = True
        if at_boundary:
            self._expect_killed(service, process, spoke=_size(stacks) > written)
            at_boundary = process.returncode in (-9, -11)
        else:
            _kill(process, with_stacks=self.library is not None)
        if service == "maintain" and process.returncode == 0:
            return False  # it had nothing to do there
        seconds = time.monotonic() - started
        self._note(service, fate, seconds, at_boundary, wreck.stacks(stacks, written))
        return at_boundary

    def _start(self, service, fate, stacks):
        rules = [fate.rule] if fate.rule and not self._spared(service) else []
        faults = shim.environment(self.library, self.home, rules=rules, stacks=stacks)
        with (self.folder / f"{service}.log").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "pinlake", *self._arguments(service)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **self.pace, **(faults if self.library else {})},
            )

    def _arguments(self, service):
        more = ["--port", str(self.port)] if service == "serve" else []
        return [service, "--home", str(self.home), *more]

    def _wait(self, service, process, fate):
        """Wait until the fate's moment, so that a busy machine changes little."""
        latest, at_work = time.monotonic() + LONGEST, None
        while process.poll() is None and time.monotonic() < latest and not self._ended.is_set():
            if fate.early is not None and _processor_seconds(process) >= fate.early:
                return
            if at_work is None and self._is_at_work(service, process):
                at_work = time.monotonic()
            if at_work is not None and time.monotonic() >= at_work + fate.working:
                return
            time.sleep(0.02)

    def _is_at_work(self, service, process):
        """Tell whether the gateway listens; whether a stage has claimed a table."""
        if service == "serve":
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            return False
        return service == "maintain" or any("/writer.lock" in name for name in _open_files(process))

    def _note(self, service, fate, seconds, at_boundary, where):
        left = wreck.left(self.home, service)
        boundary = shown(fate.rule) if fate.rule and at_boundary else ""
        with self._lock:
            self.deaths.append(wreck.Death(service, seconds, boundary, where, left))
            if fate.rule and not at_boundary:
                self.missed.append((service, shown(fate.rule)))

    def _expect_killed(self, service, process, *, spoke):
        """A service that ended by itself is a fault: nothing but kill -9 may stop one.

        Writing the stacks of threads that run on may fail with SIGSEGV (-11).
        """
        killed = process.returncode == -9 or (process.returncode == -11 and spoke)
        if not killed and service != "maintain":
            self.faults.append(f"{service} ended with {process.returncode}, see its log")

    def _end(self, service, process):
        process.terminate()
        try:
            code = process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            code = "no answer to SIGTERM"
        if code not in (0, -9, -15):  # 15: it was told before it could listen
            self.faults.append(f"{service} ended with {code} when told to stop")


def _processor_seconds(process):
    """Return the processor time that a process has taken, 0 where it is gone."""
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _size(path):
    return path.stat().st_size if path.exists() else 0


def _open_files(process):
    folder = f"/proc/{process.pid}/fd"
    found = []
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                found.append(os.readlink(f"{folder}/{name}"))
    return found


def _kill(process, *, with_stacks):
    """Kill a process; its last act is to write where it stands, where it can."""
    if with_stacks:
        process.send_signal(10)  # SIGUSR1: stacks, then SIGKILL by its own hand
        for _ in range(25):
            if process.poll() is not None:
                return
            time.sleep(0.01)
    process.kill()
    process.wait()
