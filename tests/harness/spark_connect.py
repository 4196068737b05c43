"""Servers of Spark Connect on a free loopback port: Spark's own, from pyspark's jars, and Sail."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from harness.s3_server import free_port

SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"
CONF = {
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.log.level": "ERROR",
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.enabled": "false",
}


class ConnectServer:
    """A server that may be killed and started again at its port. Its workers are this Python."""

    def __init__(self, folder, environment=None):
        self.folder, self._environment = folder, environment or {}
        self.port = free_port()
        self.url = f"sc://127.0.0.1:{self.port}"
        self._process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()

    def start(self):
        """Start it; it answers when this returns."""
        environment = os.environ | {"PYSPARK_PYTHON": sys.executable} | self._environment
        with (self.folder / "connect.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), cwd=self.folder, stdout=log, stderr=log, start_new_session=True,
                env=environment,
            )  # fmt: skip
        self._wait()
        return self

    def kill(self):
        """End the server and its workers as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _command(self):
        import pyspark

        conf = CONF | {"spark.connect.grpc.binding.port": str(self.port)}
        submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
        command = [str(submit), "--class", SERVER, "--master", "local[2]"]
        for name, value in conf.items():
            command += ["--conf", f"{name}={value}"]
        return command

    def _wait(self):
        deadline = time.monotonic() + 120
        while True:
            assert self._process.poll() is None, (self.folder / "connect.log").read_text()
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), 1),
            ):
                return
            assert time.monotonic() < deadline, "the Spark Connect server did not start"
            time.sleep(0.1)


class SailServer(ConnectServer):
    """Sail, which speaks Spark Connect without Java."""

    def _command(self):
        sail = Path(sys.executable).with_name("sail")
        return [str(sail), "spark", "server", "--ip", "127.0.0.1", "--port", str(self.port)]
