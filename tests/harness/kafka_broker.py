"""A real Kafka broker in a folder of its own, started, killed and started again by its process id."""

import contextlib
import shutil
import socket
import subprocess
import time
from pathlib import Path

from requirements_of_tests import require

ROOT = Path(__file__).parents[2]


class Broker:
    """One KRaft broker on free loopback ports that stay the same over its restarts.

    Its ``properties`` win over those of script/kafka; ``data`` is where its records are.
    """

    def __init__(self, folder, data=None):
        require(shutil.which("java"), "there is no Java for Kafka")
        fetched = subprocess.run(
            [ROOT / "script/kafka", "--fetch"], capture_output=True, text=True, check=False
        )
        require(fetched.returncode == 0, f"Kafka could not be fetched: {fetched.stderr[-200:]}")
        self.folder, self.data, self.properties = folder, data or folder / "data", {}
        self.port, self.controller = free_ports(2)
        self.servers = f"127.0.0.1:{self.port}"
        self.url = f"kafka://{self.servers}"
        self._server = None

    def start(self):
        """Start it, and return once it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "config"
        config.write_text("".join(f"{name}={each}\n" for name, each in self.properties.items()))
        with (self.folder / "out").open("ab") as out:
            self._server = subprocess.Popen(
                [ROOT / "script/kafka", "--port", str(self.port), "--controller-port",
                 str(self.controller), "--data", self.data, "--config", config],
                stdout=out, stderr=out,
            )  # fmt: skip
        self._await()
        return self

    def kill(self):
        """End it as kill -9 does."""
        self._server.kill()
        self._server.wait(30)

    def died(self):
        """Tell whether it has ended by itself."""
        return self._server.poll() is not None

    def forget_topics(self):
        """Delete every topic."""
        admin = self.admin()
        names = [name for name in admin.list_topics(timeout=10).topics if not name.startswith("__")]
        for gone in admin.delete_topics(names, operation_timeout=10).values() if names else ():
            gone.result(20)

    def admin(self):
        """Return a client that makes and deletes topics."""
        from confluent_kafka.admin import AdminClient

        return AdminClient({"bootstrap.servers": self.servers, "log_level": 0})

    def _await(self):
        due = time.monotonic() + 90
        while time.monotonic() < due:
            assert self._server.poll() is None, self._said()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                if self.admin().list_topics(timeout=30).brokers:
                    return
            time.sleep(0.1)
        raise TimeoutError(self._said())

    def _said(self):
        return (self.folder / "out").read_text()[-2000:]


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
