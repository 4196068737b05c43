"""The runs of an emulated Databricks workspace: their states, and the processes that carry them out."""

import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from harness.spark_cluster import Cluster

PROCESS = Path(__file__).with_name("notebook_process.py")
WHEEL = """
import sys
from importlib.metadata import entry_points

sys.argv = sys.argv[1:]
[entry] = entry_points(group="console_scripts", name=sys.argv[0])
try:
    entry.load()()
except SystemExit as ended:  # Databricks takes it for a failure, whatever its code
    sys.exit(f"SystemExit: {ended.code}")
"""
TERMINAL = frozenset({"TERMINATED", "SKIPPED", "INTERNAL_ERROR"})
SECRET = re.compile(r"\{\{secrets/([^/}]+)/([^/}]+)\}\}")
PASSED = ("PATH", "HOME", "JAVA_HOME", "LANG", "TMPDIR")
"""What a cluster's processes find set of this machine's environment; the rest is the cluster's."""


@dataclass
class Run:
    """A run of one task. ``request`` is what was submitted; ids as the API counts them."""

    run_id: int
    task_run_id: int
    request: dict
    task: dict
    submitted: float = field(default_factory=time.time)
    started: float = 0.0
    ended: float = 0.0
    life_cycle_state: str = "PENDING"
    result_state: str | None = None
    message: str = "Waiting for cluster"
    outcome: dict = field(default_factory=dict)
    output: str = ""
    process: subprocess.Popen | None = None
    asked_to_end: threading.Event = field(default_factory=threading.Event)

    @property
    def state(self):
        """The API's ``state``."""
        state = {"life_cycle_state": self.life_cycle_state, "state_message": self.message}
        if self.result_state:
            state["result_state"] = self.result_state
        return state | {"user_cancelled_or_timedout": self.result_state in {"CANCELED", "TIMEDOUT"}}

    @property
    def notebook(self):
        """The path of the notebook in the workspace, or nothing."""
        return self.task.get("notebook_task", {}).get("notebook_path", "")


class Runs:
    """All runs of a workspace.

    ``notebooks`` maps folders of the workspace to folders here, ``wheels`` are the
    paths that libraries may name, ``secrets`` maps (scope, key) to values, ``clusters``
    the ids of clusters that stay to their variables.
    """

    def __init__(self, folder, notebooks, wheels=(), secrets=None, clusters=None, spark=True):
        self.folder, self.notebooks, self.spark = Path(folder), notebooks, spark
        self.clusters, self._running = clusters or {}, {}
        self.wheels, self.secrets = set(wheels), secrets or {}
        self.all = {}
        self.failing = {}
        """How many of the next runs of a notebook, by its path, are to fail."""
        self._tokens, self._numbers = {}, itertools.count(1000)
        self._lock, self._starting, self._threads = threading.Lock(), threading.Lock(), []

    def submit(self, request):
        """Start a run, or return the one that was submitted with the same token."""
        with self._lock:
            token = request.get("idempotency_token")
            if token and token in self._tokens:
                return self._tokens[token]
            run = Run(next(self._numbers), next(self._numbers), request, request["tasks"][0])
            self.all[run.run_id] = self.all[run.task_run_id] = run
            if token:
                self._tokens[token] = run
        thread = threading.Thread(target=self._carry_out, args=(run,))
        self._threads.append(thread)
        thread.start()
        return run

    def cancel(self, run):
        """Ask a run to end; it is TERMINATING until its process is gone."""
        with self._lock:
            if run.life_cycle_state not in TERMINAL:
                run.life_cycle_state = "TERMINATING"
                run.asked_to_end.set()

    def close(self):
        """Cancel what runs and wait for its end."""
        for run in list(self.all.values()):
            self.cancel(run)
        for thread in self._threads:
            thread.join()
        for cluster in self._running.values():
            cluster.stop()

    def of(self, path):
        """Return the runs of a notebook in the order of their submission."""
        distinct = {run.run_id: run for run in self.all.values()}.values()
        return [run for run in distinct if run.notebook == path]

    def _carry_out(self, run):
        missing = self._missing(run)
        if missing:
            self._end(run, "INTERNAL_ERROR", "FAILED", missing)
        elif self.failing.get(run.notebook, 0) > 0:
            self.failing[run.notebook] -= 1
            run.outcome = {"error": f"RuntimeError: {run.notebook} was told to fail"}
            self._end(run, "TERMINATED", "FAILED", "Workload failed, see run output for details")
        else:
            self._start(run)
            self._conclude(run, timed_out=self._follow(run))

    def _follow(self, run):
        """Wait for a run's process; end it where that is asked for. Return whether it took too long."""
        limit = float(run.request.get("timeout_seconds") or 0) or float("inf")
        while run.process.poll() is None:
            late = time.time() - run.submitted > limit
            if late or run.asked_to_end.is_set():
                self._kill(run)
                return late
            time.sleep(0.05)
        return False

    def _conclude(self, run, *, timed_out):
        """End a run by what became of its process."""
        with contextlib.suppress(OSError, ValueError):
            run.outcome = json.loads(self._file(run, "outcome.json").read_text())
        run.output = self._file(run, "output.txt").read_text(errors="replace")
        if run.asked_to_end.is_set():
            self._end(run, "TERMINATED", "CANCELED", "Run cancelled.")
        elif timed_out:
            self._end(run, "TERMINATED", "TIMEDOUT", "Run timed out.")
        elif run.process.returncode == 0:
            self._end(run, "TERMINATED", "SUCCESS", "")
        else:
            run.outcome.setdefault("error", f"exit code {run.process.returncode}")
            self._end(run, "TERMINATED", "FAILED", "Workload failed, see run output for details")

    def _missing(self, run):
        """Return what keeps a run from starting, in the service's words, or nothing."""
        for library in run.task.get("libraries", []):
            if library.get("whl") not in self.wheels:
                return f"Library installation failed: {library} could not be found"
        cluster = run.task.get("existing_cluster_id")
        if cluster is not None and cluster not in self.clusters:
            return f"Cluster {cluster} does not exist"
        if run.notebook and self._source(run.notebook) is None:
            return (
                f'Unable to access the notebook "{run.notebook}". Either it does not exist, or '
                "the identity used to run this job lacks the required permissions."
            )
        return ""

    def _source(self, path):
        """Return the file of a notebook of the workspace, or None."""
        folder, _, name = path.rpartition("/")
        file = Path(self.notebooks[folder]) / f"{name}.py" if folder in self.notebooks else None
        return file if file and file.is_file() else None

    def _start(self, run):
        """Start the run's process; what it prints goes to a file."""
        self._file(run, "").mkdir(parents=True)
        with self._file(run, "output.txt").open("wb") as output:
            run.process = subprocess.Popen(
                self._command(run),
                env=self._environment(run),
                cwd=self._file(run, ""),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        run.started = time.time()
        with self._lock:
            if run.life_cycle_state == "PENDING":
                run.life_cycle_state, run.message = "RUNNING", "In run"

    def _command(self, run):
        if run.notebook:
            parameters = self._file(run, "parameters.json")
            parameters.write_text(json.dumps(run.task["notebook_task"].get("base_parameters", {})))
            outcome = self._file(run, "outcome.json")
            wanted = ["spark"] if self.spark else []
            return [
                sys.executable,
                PROCESS,
                self._source(run.notebook),
                parameters,
                outcome,
                *wanted,
            ]
        wheel = run.task["python_wheel_task"]
        return [sys.executable, "-c", WHEEL, wheel["entry_point"], *wheel["parameters"]]

    def _environment(self, run):
        """Return what the run's cluster sets, a new one's or that of one that stays."""
        identifier = run.task.get("existing_cluster_id")
        if identifier is None:
            variables = run.task["new_cluster"].get("spark_env_vars", {})
            return self._filled(variables, self._file(run, "local_disk0"))
        variables = self._filled(self.clusters[identifier], self.folder / identifier)
        return variables | (self._attaching(identifier, variables) if self.spark else {})

    def _filled(self, variables, disk):
        """Return a process's environment: references to secrets are filled in, and a disk's place.

        ``/local_disk0``, the disk of a cluster's machine, is a folder of that cluster alone.
        """
        own = {name: os.environ[name] for name in PASSED if name in os.environ}
        filled = {
            name: SECRET.sub(lambda found: self.secrets[found.groups()], value)
            for name, value in variables.items()
        }
        placed = {name: each.replace("/local_disk0", str(disk)) for name, each in filled.items()}
        return own | placed | {"PYSPARK_PYTHON": sys.executable}

    def _attaching(self, identifier, variables):
        """Return how a process joins a cluster that stays, which starts when it is first needed."""
        with self._starting:
            if identifier not in self._running:
                with (self.folder / f"{identifier}.txt").open("wb") as output:
                    self._running[identifier] = Cluster(variables, output)
        return self._running[identifier].attaching

    def _file(self, run, name):
        return self.folder / str(run.run_id) / name

    def _kill(self, run):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.process.pid, signal.SIGKILL)
        run.process.wait()

    def _end(self, run, life_cycle_state, result_state, message):
        with self._lock:
            run.ended = time.time()
            run.result_state, run.message = result_state, message
            run.life_cycle_state = life_cycle_state
