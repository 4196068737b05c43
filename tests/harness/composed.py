"""The services of a compose file as processes of this machine, in the order that it asks for.

A container's name and port become a port of 127.0.0.1, its volumes folders, its image what is
installed here. Commands, variables, volumes, health checks and conditions are the file's own.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import compose_model
from harness.free_port import free_port

SECONDS = 120


class Composed:
    """The services that run; ``provided`` are ports of servers that run already: {"kafka:9092": port}.

    ``programs`` are what stands for the entry point of an image that is not ours.
    """

    def __init__(self, model, folder, provided=(), programs=()):
        self.model, self.folder = model["services"], folder
        self._order = compose_model.order(model)
        self._programs = dict(programs)
        self._ports = dict(provided)
        self._provided = {name.partition(":")[0] for name in self._ports}
        self._processes = {}

    def port(self, service, inner):
        """Return the port of 127.0.0.1 that stands for a service's."""
        return self._ports.setdefault(f"{service}:{inner}", free_port())

    def up(self):
        """Start every service without a profile as its dependencies allow, and wait until all are well."""
        started = [name for name in self._order if not self.model[name].get("profiles")]
        for name in started:
            self._await_dependencies(name)
            if self._runs_here(name):
                self.start(name)
        checked = [name for name in started if compose_model.health_test(self.model[name])]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda name: self._await(name, "service_healthy"), checked))

    def start(self, name):
        """Start a service, as its restart policy does after it ended."""
        command = self._mapped(name, self._command(name))
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self._environment(name), cwd=self._home(name), process_group=0,
            )  # fmt: skip

    def run(self, *names):
        """Run services that end by themselves, side by side, as `docker compose up` of them does."""
        for name in names:
            self._await_dependencies(name)
            self.start(name)
        for name in names:
            self._await(name, "service_completed_successfully")

    def execute(self, name, *command):
        """Run a command in a service's container, as `docker compose exec` does."""
        return subprocess.run(
            self._mapped(name, self._found(command)), capture_output=True, text=True, check=False,
            env=self._environment(name), cwd=self._home(name), timeout=SECONDS,
        )  # fmt: skip

    def kill(self, name):
        """End a service as kill -9 does."""
        self._processes[name].kill()
        self._processes.pop(name).wait(30)

    def down(self):
        """Stop every service politely, the last first."""
        for name in reversed(self._processes):
            with contextlib.suppress(ProcessLookupError):
                self._processes[name].send_signal(signal.SIGTERM)
        return {name: each.wait(SECONDS) for name, each in self._processes.items()}

    def running(self):
        """Return the services whose processes live."""
        return [name for name, process in self._processes.items() if process.poll() is None]

    def command_line(self, name):
        """Return a process's command line as everyone on this machine sees it."""
        return Path(f"/proc/{self._processes[name].pid}/cmdline").read_text()

    def log(self, name):
        """Return what a service printed."""
        return (self.folder / f"{name}.log").read_text()

    def environment(self, name):
        """Return the variables of the file for a service, addresses mapped."""
        found = self.model[name].get("environment") or {}
        return {key: self._address(name, value or "") for key, value in found.items()}

    def _runs_here(self, name):
        ours = compose_model.is_ours(self.model[name])
        return name not in self._provided and (ours or name in self._programs)

    def _await_dependencies(self, name):
        for other, wanted in (self.model[name].get("depends_on") or {}).items():
            self._await(other, wanted["condition"])

    def _await(self, name, condition):
        if not self._runs_here(name):
            return
        if condition == "service_completed_successfully":
            code = self._processes[name].wait(SECONDS)
            assert code == 0, f"{name} ended with {code}: {self.log(name)}"
            return
        assert condition == "service_healthy", condition
        due = time.monotonic() + SECONDS
        while (done := self.execute(name, *compose_model.health_test(self.model[name]))).returncode:
            assert self._processes[name].poll() is None, f"{name} ended: {self.log(name)}"
            assert time.monotonic() < due, f"{name}: {done.stdout}{done.stderr}{self.log(name)}"
            time.sleep(0.3)

    def _command(self, name):
        if compose_model.is_ours(self.model[name]):
            return self._found(compose_model.command_line(self.model[name]))
        return [*self._programs[name], *self.model[name]["command"]]

    def _found(self, command):
        first, *rest = command
        ours = {"pinlake": [sys.executable, "-m", "pinlake"], "python": [sys.executable]}
        return [*ours.get(first, [first]), *rest]

    def _environment(self, name):
        service = self.model[name]
        image = compose_model.image_environment() if compose_model.is_ours(service) else {}
        ours = {key: self._path(name, value) for key, value in image.items()}
        # Nothing else of this process's environment; what we start ends with us.
        own = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        if compose_model.is_ours(service):
            own["PINLAKE_PARENT"] = str(os.getpid())
        return own | ours | self.environment(name)

    def _home(self, name):
        if not compose_model.is_ours(self.model[name]):
            return self.folder
        folder = Path(self._path(name, compose_model.of_image("WORKDIR")))
        folder = folder if folder.is_relative_to(self.folder) else self.folder
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _mapped(self, name, command):
        return [self._path(name, self._address(name, str(part))) for part in command]

    def _address(self, name, text):
        """Return a text with addresses of the compose network as they are on this machine."""
        for other in self.model:
            for inner in self._inner_ports(other):
                text = text.replace(f"{other}:{inner}", f"127.0.0.1:{self.port(other, inner)}")
        for inner in self._inner_ports(name):
            port = self.port(name, inner)
            text = text.replace(f"127.0.0.1:{inner}", f"127.0.0.1:{port}")
            text = {str(inner): str(port), f":{inner}": f"127.0.0.1:{port}"}.get(text, text)
        return text.replace("0.0.0.0", "127.0.0.1")

    def _inner_ports(self, name):
        published = [each["target"] for each in self.model[name].get("ports") or ()]
        known = [int(each.partition(":")[2]) for each in self._ports if each.startswith(f"{name}:")]
        return sorted({*published, *known})

    def _path(self, name, text):
        for volume in self.model[name].get("volumes") or ():
            if volume["type"] == "bind":
                text = text.replace(volume["target"], volume["source"])
                continue
            place = self.folder / "volumes" / volume["source"]
            place.mkdir(parents=True, exist_ok=True)
            if text == volume["target"] or text.startswith(f"{volume['target']}/"):
                text = str(place) + text.removeprefix(volume["target"])
        return text
