"""A gateway that fails by script: it drops connections, throttles, refuses, and keeps what it took."""

import contextlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler

from harness.threaded_server import ThreadedServer

OK, DROP, LOSE = "ok", "drop", "lose"
"""Answer; hang up before taking the records; take them and hang up before the answer."""


class FaultyGateway(ThreadedServer):
    """Serves both routes on a free port; request n meets ``script[n]``, later ones are answered.

    A step is OK, DROP, LOSE, a status, (status, headers) or (status, headers, body).
    """

    def __init__(self, script=(), port=0):
        self.script = list(script)
        self.requests = []
        self.taken = []
        self.sockets = []
        self._lock = threading.Lock()
        super().__init__(_handler(self), port)

    def __exit__(self, *_):
        super().__exit__()
        for each in self.sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    @property
    def connections(self):
        """How many connections were opened."""
        return len(self.sockets)

    def rows(self, route):
        """Return the rows that a topic or stream took, in order."""
        return [row for name, row in self.taken if name == route]

    def numbers(self, route):
        """Return the row numbers that a topic or stream took, in order."""
        return [row.get("index", row.get("ind")) for row in self.rows(route)]

    def next_step(self):
        with self._lock:
            return self.script.pop(0) if self.script else OK

    def take(self, method, path, headers, body):
        """Keep the records of a request, and return the answer that a real gateway gives."""
        values = json.loads(body)
        self.requests.append((method, path, dict(headers), values))
        parts = path.strip("/").split("/")
        place = parts.index("topics") if "topics" in parts else parts.index("streams")
        rows = _rows(parts[place], values)
        with self._lock:
            first = len(self.taken)
            self.taken += [(parts[place + 1], row) for row in rows]
        return _answer(parts, first, len(rows))


def _rows(kind, values):
    if kind == "topics":
        return [record["value"] for record in values["records"]]
    if "Records" in values:
        return [record["Data"] for record in values["Records"]]
    return [values["Data"]]


def _answer(parts, first, count):
    numbers = range(first, first + count)
    if "topics" in parts:
        offsets = [
            {"partition": 0, "offset": n, "error_code": None, "error": None} for n in numbers
        ]
        return {"offsets": offsets, "key_schema_id": None, "value_schema_id": None}
    entries = [
        {"ShardId": "shardId-000000000000", "SequenceNumber": f"49{n:054d}"} for n in numbers
    ]
    if parts[-1] == "record":
        return entries[0]
    return {"FailedRecordCount": 0, "Records": entries}


def _handler(gateway):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def setup(self):
            super().setup()
            gateway.sockets.append(self.connection)

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            step = gateway.next_step()
            if step == DROP:
                self.close_connection = True
            elif step == LOSE:
                gateway.take(self.command, self.path, self.headers, body)
                self.close_connection = True
            elif step == OK:
                answer = gateway.take(self.command, self.path, self.headers, body)
                self.reply(200, {}, json.dumps(answer))
            else:
                status, headers, text = (*(step if isinstance(step, tuple) else (step,)), {}, "")[
                    :3
                ]
                self.reply(
                    status,
                    headers or {},
                    text or json.dumps({"error_code": status, "message": f"told to say {status}"}),
                )

        def do_PUT(self):
            self.do_POST()

        def reply(self, status, headers, text):
            body = text.encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, *_):
            pass

    return Handler
