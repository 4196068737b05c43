"""The gateway on a real socket, as `pinlake serve` runs it, within the test's process."""

import json
import socket
import threading
from contextlib import closing, contextmanager

import requests

from pinlake import settings as pinlake_settings
from pinlake.errors import LogFailed
from pinlake.gateway.app import create_app
from pinlake.gateway.serve import Server, server_config
from pinlake.log.memory import MemoryLog
from pinlake.record import Partition, topic

JSON_V2 = "application/vnd.kafka.json.v2+json"
BINARY_V2 = "application/vnd.kafka.binary.v2+json"
V2 = "application/vnd.kafka.v2+json"


class GatewayServer:
    """A gateway that is listening, and the log behind it."""

    def __init__(self, url, log):
        self.url, self.log = url, log
        self.port = int(url.rpartition(":")[2])

    def request(self, method, path, **options):
        """Send one request on a connection of its own, as many scripts do."""
        return requests.request(method, self.url + path, timeout=30, **options)

    def produce(self, path, body, content_type=JSON_V2, **headers):
        """Post a body, made JSON unless it is text or bytes."""
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        sent = {"Content-Type": content_type, **headers}
        return self.request("POST", path, data=data, headers=sent)

    def connect(self):
        """Open a bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def records(self, name, partition=0):
        """Return the keys and values of a topic's partition."""
        batch = self.log.read(Partition(topic(name), partition), None, 1 << 30)
        return list(zip(batch.keys.values(), batch.values.values(), strict=True))

    def values(self, name, partition=0):
        """Return the values of a topic's partition."""
        return [value for _, value in self.records(name, partition)]


@contextmanager
def serving(log=None, *, topics=(), **gateway):
    """Serve a log (in memory unless one is given) until the end of the block."""
    settings = pinlake_settings.Settings(gateway=pinlake_settings.Gateway(**gateway))
    with closing(log or MemoryLog()) as held, socket.create_server(("127.0.0.1", 0)) as listening:
        announced = threading.Event()
        app = create_app(held, settings, topics=topics)
        server = Server(server_config(app), lambda _url: announced.set())
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        port = listening.getsockname()[1]
        thread.start()
        try:
            assert announced.wait(30)
            yield GatewayServer(f"http://127.0.0.1:{port}", held)
        finally:
            server.should_exit = True
            thread.join()


class FailingLog(MemoryLog):
    """A log that cannot store while ``failing`` is set."""

    failing = False

    def submit(self, appends, done):
        if self.failing:
            done(None, LogFailed(reason="database or disk is full"))
        else:
            super().submit(appends, done)


class HeldLog(MemoryLog):
    """A log whose disk answers only once it is released."""

    def __init__(self):
        super().__init__()
        self.released = threading.Event()
        self.submitted = threading.Semaphore(0)

    def submit(self, appends, done):
        threading.Thread(target=self._submit, args=(appends, done)).start()

    def _submit(self, appends, done):
        self.submitted.release()
        self.released.wait(30)
        super().submit(appends, done)
