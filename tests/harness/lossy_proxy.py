"""A proxy before a gateway that loses, doubles and cuts answers, by a seed."""

import contextlib
import http.client
import random
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from harness.threaded_server import ThreadedServer

ACTIONS = ("pass", "lose", "cut", "double_answer", "double_request", "drop", "refuse")
"""What becomes of a request: ``drop`` and ``refuse`` keep it from the gateway, the others do not."""


class LossyProxy(ThreadedServer):
    """Forwards to a gateway; ``done`` counts what was done with how many requests."""

    def __init__(self, url, seed, weights=(10, 1, 1, 1, 1, 1, 1)):
        self.target = urlsplit(url).netloc
        self.done = Counter()
        self._rng, self._weights, self._lock = random.Random(seed), weights, threading.Lock()
        super().__init__(_handler(self))

    def action(self):
        with self._lock:
            (chosen,) = self._rng.choices(ACTIONS, self._weights)
            self.done[chosen] += 1
            return chosen

    def forward(self, method, path, headers, body):
        """Return the gateway's answer as the bytes of HTTP."""
        with contextlib.closing(http.client.HTTPConnection(self.target, timeout=30)) as gateway:
            gateway.request(method, path, body, headers)
            answer = gateway.getresponse()
            content = answer.read()
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
        lines += [f"Content-Type: {answer.getheader('Content-Type')}"]
        lines += [f"Content-Length: {len(content)}", "", ""]
        return "\r\n".join(lines).encode() + content


def _handler(proxy):
    return type("Bound", (Handler,), {"proxy": proxy})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: LossyProxy

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        action = self.proxy.action()
        if action == "refuse":
            self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        elif action == "drop":
            self.close_connection = True
        else:
            self.answer(action, body)

    def do_PUT(self):
        self.do_POST()

    def answer(self, action, body):
        headers = {"Content-Type": self.headers["Content-Type"]}
        for _ in range(2 if action == "double_request" else 1):
            answer = self.proxy.forward(self.command, self.path, headers, body)
        if action in ("lose", "cut"):
            self.close_connection = True
        self.wfile.write(
            {"lose": b"", "cut": answer[:-9], "double_answer": answer * 2}.get(action, answer)
        )
        self.wfile.flush()

    def log_message(self, *_):
        pass
