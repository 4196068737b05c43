"""What API Gateway is to a producer: a stage in the path, a key in a header, the gateway behind."""

import contextlib
import http.client
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from harness.threaded_server import ThreadedServer

FORBIDDEN = b'{"message":"Forbidden"}'


class KeyedProxy(ThreadedServer):
    """Forwards what comes under ``/<stage>`` with the right key; answers 403 as AWS does else."""

    def __init__(self, url, key, stage="prod"):
        self.target, self.key, self.stage = urlsplit(url).netloc, key, stage
        self.refused = 0
        super().__init__(type("Bound", (Handler,), {"proxy": self}))
        self.url = f"{self.url}/{stage}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: KeyedProxy

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        lead = f"/{self.proxy.stage}/"
        if self.headers["x-api-key"] != self.proxy.key or not self.path.startswith(lead):
            self.proxy.refused += 1
            self.reply(403, FORBIDDEN)
            return
        headers = {"Content-Type": self.headers["Content-Type"]}
        with contextlib.closing(http.client.HTTPConnection(self.proxy.target, timeout=30)) as to:
            to.request(self.command, self.path.removeprefix(lead[:-1]), body, headers)
            answer = to.getresponse()
            self.reply(answer.status, answer.read())

    def do_PUT(self):
        self.do_POST()

    def reply(self, status, content):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass
