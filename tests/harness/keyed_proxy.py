"""What API Gateway is to a producer: a stage in the path, a key in a header, the gateway behind."""

import contextlib
import http.client
from urllib.parse import urlsplit

from harness.threaded_server import Replying, ThreadedServer

FORBIDDEN = b'{"message":"Forbidden"}'


class KeyedProxy(ThreadedServer):
    """Forwards what comes under ``/<stage>`` with the right key; answers 403 as AWS does else."""

    def __init__(self, url, key, stage="prod"):
        self.target, self.key, self.stage = urlsplit(url).netloc, key, stage
        self.refused = 0
        super().__init__(type("Bound", (Handler,), {"proxy": self}))
        self.url = f"{self.url}/{stage}"


class Handler(Replying):
    proxy: KeyedProxy

    def forward(self):
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

    do_POST = do_PUT = forward  # noqa: N815 - http.server's names
