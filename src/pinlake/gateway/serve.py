"""The gateway as a process: opens the log, listens, and stops cleanly."""

from __future__ import annotations

import contextlib
import gc
import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator, Sequence

import uvicorn

from pinlake.errors import AddressRefused, AddressTaken
from pinlake.gateway.app import Gateway, create_app
from pinlake.gateway.connection import Connection
from pinlake.log.base import Log
from pinlake.log.clock import milliseconds
from pinlake.log.housekeeping import Housekeeper
from pinlake.log.open import embedded, log_of
from pinlake.log.retention import Floor
from pinlake.record import LogName
from pinlake.settings import Home

BACKLOG = 2048
SIGNALS = (signal.SIGTERM, signal.SIGINT)
STOP_SECONDS = 5
"""How long a request that is under way at the end may still take."""

GARBAGE_ROUNDS = (50_000, 20, 100)
KEEP_ALIVE_SECONDS = 75
"""Longer than clients pause between two posts, so that none meets a connection being closed."""


def serve(
    home: Home,
    *,
    host: str,
    port: int,
    insecure: bool = False,
    create: Sequence[LogName] = (),
    floor: Floor | None = None,
    announce: Callable[[str], None],
) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; what is being asked is answered first.

    ``port`` 0 takes a free one. ``create`` are topics and streams to make at
    start; ``floor`` tells what the stages still need of the log, without it
    nothing is trimmed; ``announce`` is called with the URL once it listens.
    Raises AddressRefused, AddressTaken, LogInUse, LogUnusable.
    """
    check_address(host, insecure=insecure)
    home.path.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(log_of(home)) as log, _listening(host, port) as listening:
        app = create_app(log, home.settings, topics=create)
        server = Server(server_config(app), announce)
        _look_for_garbage_seldom()
        with _kept_house(log, home, floor), _stopped_by_signals(server):
            server.run(sockets=[listening])


def _kept_house(
    log: Log, home: Home, floor: Floor | None
) -> contextlib.AbstractContextManager[object]:
    ours = embedded(log)
    if floor is None or ours is None:
        return contextlib.nullcontext()
    return Housekeeper(ours, home.settings.log, floor, milliseconds)


def check_address(host: str, *, insecure: bool) -> None:
    """Raise AddressRefused for an address that others reach, unless the user takes the risk."""
    if not (insecure or is_loopback(host)):
        raise AddressRefused(host=host)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Server(uvicorn.Server):
    """Uvicorn that tells when it listens."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[str], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, then tell where."""
        await super().startup(sockets)
        if sockets and self.started:
            self._announce(_url(sockets[0]))


def server_config(app: Gateway) -> uvicorn.Config:
    """Return how uvicorn runs the gateway."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=Connection,
        ws="none",
        proxy_headers=False,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )


def _look_for_garbage_seldom() -> None:
    """Leave what stays for ever out of the collector's rounds, and make them rare.

    Requests leave next to no cycles; with the defaults the rounds over all that
    was imported are what makes the slowest of a hundred requests slow.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_ROUNDS)


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            raise AddressTaken(host=host, port=port, reason=error.strerror or error) from error
        listening.listen(BACKLOG)
        listening.setblocking(False)
        yield listening


@contextlib.contextmanager
def _stopped_by_signals(server: Server) -> Iterator[None]:
    """Have a signal stop the server, whenever it comes, and go no further.

    Uvicorn takes the signals while it runs, and raises them again afterwards.
    """
    before = {each: signal.signal(each, server.handle_exit) for each in SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
