"""The stack's REST API on a socket: its stage, its key, its routes; the gateway behind `{proxy+}`."""

import http.client
import json
import threading
from contextlib import closing
from urllib.parse import urlsplit

from harness.threaded_server import Replying, ThreadedServer

STAGE = "/test"


class ApiGatewayServer(ThreadedServer):
    """Serves an ApiGateway; what has no route of its own goes to a gateway as it is."""

    def __init__(self, api, gateway_url, key):
        self.api, self.key = api, key
        self.target = urlsplit(gateway_url).netloc
        self.mapped, self.passed_on = [], []
        self.lock = threading.Lock()  # one evaluator takes one request at a time
        super().__init__(type("Bound", (Handler,), {"server_of": self}))
        self.url += STAGE


class Handler(Replying):
    server_of: ApiGatewayServer

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.removeprefix(STAGE)
        # API Gateway says the same of a wrong key and of a stage that is not there.
        if self.headers.get("x-api-key") != self.server_of.key or path == self.path:
            self.reply(403, b'{"message":"Forbidden"}')
        elif path.startswith("/streams"):
            self.reply(*self.by_template(path, body))
        else:
            self.reply(*self.by_gateway(path, body))

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - http.server's names

    def by_template(self, path, body):
        kind = self.headers.get("Content-Type", "application/json")
        with self.server_of.lock:
            self.server_of.mapped.append(path)
            status, answer = self.server_of.api.request(
                self.command, path, body.decode(), content_type=kind, **dict(self.headers)
            )
        return status, json.dumps(answer).encode()

    def by_gateway(self, path, body):
        self.server_of.passed_on.append(path)
        headers = {"Content-Type": self.headers["Content-Type"]}
        with closing(http.client.HTTPConnection(self.server_of.target, timeout=30)) as to:
            to.request(self.command, path, body, headers)
            answer = to.getresponse()
            return answer.status, answer.read()
