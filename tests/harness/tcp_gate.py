"""A door before a server: shut, it ends every connection and lets none in."""

import contextlib
import socket
import threading


class TcpGate:
    """Forwards connections to a port of this machine while it is open."""

    def __init__(self, port):
        self._target = port
        self._pairs, self._lock = [], threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shut()
        self._listening.close()

    def shut(self):
        with self._lock:
            self._open = False
            for each in self._pairs:
                _end(each)
            self._pairs = []

    def open(self):
        self._open = True

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                with self._lock:
                    if not self._open:
                        _end(client)
                        continue
                    server = socket.create_connection(("127.0.0.1", self._target))
                    self._pairs += [client, server]
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=_forward, args=pair, daemon=True).start()


def _forward(source, target):
    with contextlib.suppress(OSError):
        while content := source.recv(65536):
            target.sendall(content)
    _end(source)
    _end(target)


def _end(connection):
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
