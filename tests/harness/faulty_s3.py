"""A proxy before an S3 server that fails by a script or by a seed; what it forwards it forwards as it is."""

import contextlib
import http.client
import random
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from harness.threaded_server import ThreadedServer

PASS, DROP, ERROR, SLOW_DOWN, LOSE, LATE_ERROR, TWICE, CUT, SLOW = (
    "pass", "drop", "error", "slow_down", "lose", "late_error", "twice", "cut", "slow",
)  # fmt: skip
"""Hang up, 500 and 503 keep a request from the server. Carried out, but: the answer is lost; it is
500; the request was repeated on the way; the answer is cut; the answer comes slowly."""
FAULTS = (DROP, ERROR, SLOW_DOWN, LOSE, LATE_ERROR, TWICE, CUT, SLOW)


class FaultyS3(ThreadedServer):
    """Forwards to a server. Request n of a method in ``methods``, for a path with ``of`` in it, meets
    ``script[n]``; then the seed decides."""

    def __init__(self, endpoint, script=(), methods=("PUT",), seed=0, rate=0.0, of=""):
        self.target = urlsplit(endpoint).netloc
        self.done = Counter()
        self.script, self._methods, self._of = list(script), methods, of
        self._rng, self._rate, self._lock = random.Random(seed), rate, threading.Lock()
        super().__init__(_handler(self))

    def action(self, method, path):
        with self._lock:
            chosen = PASS
            if self.script and method in self._methods and self._of in path:
                chosen = self.script.pop(0)
            elif self._rng.random() < self._rate:
                chosen = self._rng.choice(FAULTS)
            self.done[chosen] += 1
            return chosen

    def forward(self, method, path, headers, body):
        """Return the server's answer: status, headers, content."""
        with contextlib.closing(http.client.HTTPConnection(self.target, timeout=30)) as server:
            server.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                server.putheader(name, value)
            server.endheaders(body)
            answer = server.getresponse()
            return answer.status, answer.getheaders(), answer.read()


def _handler(proxy):
    return type("Bound", (Handler,), {"proxy": proxy})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxy: FaultyS3

    def do_PUT(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        action = self.proxy.action(self.command, self.path)
        if action == DROP:
            self.close_connection = True
        elif action == ERROR:
            self.fail(500, "InternalError")
        elif action == SLOW_DOWN:
            self.fail(503, "SlowDown")
        else:
            self.carry_out(action, body)

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT  # noqa: N815 - what http.server calls

    def carry_out(self, action, body):
        for _ in range(2 if action == TWICE else 1):
            answer = self.proxy.forward(self.command, self.path, self.headers.items(), body)
        if action == LOSE:
            self.close_connection = True
        elif action == LATE_ERROR:
            self.fail(500, "InternalError")
        else:
            self.reply(action, *answer)

    def reply(self, action, status, headers, content):
        self.send_response_only(status)
        length = [(name, value) for name, value in headers if name.lower() == "content-length"]
        for name, value in headers:
            if name.lower() not in {"transfer-encoding", "content-length", "connection"}:
                self.send_header(name, value)
        told = length[0][1] if length and self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", told)
        self.end_headers()
        if self.command == "HEAD":
            return
        if action == CUT and content:
            content, self.close_connection = content[: len(content) // 2], True
        pieces = 5 if action == SLOW else 1
        for place in range(pieces):
            part = len(content) // pieces + 1
            self.wfile.write(content[place * part : (place + 1) * part])
            self.wfile.flush()
            time.sleep(0.1 if action == SLOW else 0)

    def fail(self, status, code):
        content = f"<Error><Code>{code}</Code><Message>told to</Message></Error>".encode()
        self.reply(PASS, status, [("Content-Type", "application/xml")], content)

    def log_message(self, *_):
        pass
