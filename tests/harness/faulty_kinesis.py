"""A proxy before a Kinesis that throttles by a seed, loses answers, and can be away."""

import contextlib
import http.client
import json
import random
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from harness.threaded_server import ThreadedServer

THROTTLED = "ProvisionedThroughputExceededException"


class FaultyKinesis(ThreadedServer):
    """Forwards to a Kinesis. ``done`` counts requests by operation, and what was done to them.

    ``rate`` is the part of PutRecords' entries, and of GetRecords, that are throttled;
    ``lost`` the part of PutRecords whose answer does not come. ``once`` holds operations that are
    refused once, and the error's type; ``always`` those that are refused each time. Answers are
    dated ``ahead`` seconds. While ``away`` nothing is answered. ``mangle`` makes of an answer's
    records of PutRecords what is answered instead.
    """

    def __init__(self, url, seed=0, rate=0.0, lost=0.0):
        self.target = urlsplit(url).netloc
        self.rate, self.lost, self.away = rate, lost, False
        self.done, self.once, self.always = Counter(), {}, {}
        self.ahead, self.mangle = 0, list
        self._rng, self._lock = random.Random(seed), threading.Lock()
        super().__init__(type("Bound", (Handler,), {"proxy": self}))

    def hits(self, rate):
        with self._lock:
            return self._rng.random() < rate

    def count(self, what, number=1):
        with self._lock:
            self.done[what] += number

    def forward(self, headers, body):
        """Return the status and the answer of the Kinesis behind."""
        with contextlib.closing(http.client.HTTPConnection(self.target, timeout=30)) as server:
            sent = {name: value for name, value in headers.items() if name.lower() != "connection"}
            server.request("POST", "/", body, sent)
            answer = server.getresponse()
            return answer.status, answer.read()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: FaultyKinesis

    def handle(self):
        with contextlib.suppress(ConnectionError):  # its client was killed
            super().handle()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        proxy = self.proxy
        if proxy.away:
            self.close_connection = True
            return
        proxy.count(operation)
        if operation in proxy.always:
            self.send(400, json.dumps({"__type": proxy.always[operation], "message": "no"}))
        elif operation in proxy.once:
            self.send(400, json.dumps({"__type": proxy.once.pop(operation), "message": "no"}))
        elif operation == "GetRecords" and proxy.hits(proxy.rate):
            proxy.count("throttled GetRecords")
            self.send(400, json.dumps({"__type": THROTTLED, "message": "Rate exceeded"}))
        elif operation == "PutRecords":
            self.put(json.loads(body))
        else:
            self.send(*proxy.forward(self.headers, body))

    def put(self, asked):
        """Forward the entries that are not throttled, and answer for all."""
        proxy = self.proxy
        taken = [not proxy.hits(proxy.rate) for _ in asked["Records"]]
        proxy.count("throttled entries", taken.count(False))
        entries = [each for each, is_taken in zip(asked["Records"], taken, strict=True) if is_taken]
        placed = []
        if entries:
            body = json.dumps({**asked, "Records": entries}).encode()
            headers = dict(self.headers.items())
            headers["Content-Length"] = str(len(body))
            status, answer = proxy.forward(headers, body)
            if status != 200:
                self.send(status, answer)
                return
            placed = json.loads(answer)["Records"]
        if proxy.hits(proxy.lost):
            proxy.count("lost answers")
            self.close_connection = True
            return
        throttled = {"ErrorCode": THROTTLED, "ErrorMessage": "Rate exceeded"}
        each_placed = iter(placed)
        records = [next(each_placed) if is_taken else throttled for is_taken in taken]
        answer = {"FailedRecordCount": taken.count(False), "Records": proxy.mangle(records)}
        self.send(200, json.dumps(answer))

    def send(self, status, content):
        content = content.encode() if isinstance(content, str) else content
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def date_time_string(self, timestamp=None):
        return super().date_time_string((timestamp or time.time()) + self.proxy.ahead)

    def log_message(self, *_):
        pass
