"""A port for a server that cannot choose one itself."""

import socket


def free_port():
    """Return a port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]
