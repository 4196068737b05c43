"""Giving and awaiting the answer to a ``submit``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future

from pinlake.log.base import Append, Done, Position, positions_of
from pinlake.record import Partition, Record
from pinlake.telemetry import logger

Submit = Callable[[Sequence[Append], Done], None]

_events = logger("log")


def append(submit: Submit, partition: Partition, records: Sequence[Record]) -> list[Position]:
    """Submit, wait for the sync, and return the position of each record."""
    future: Future[list[Position]] = Future()
    submit([Append(partition, records)], settle(future))
    return list(positions_of(future.result()[0], len(records)))


def settle(future: Future[list[Position]]) -> Done:
    """Return the ``done`` that gives a future its result."""

    def done(firsts: list[Position] | None, error: Exception | None) -> None:
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(firsts or [])

    return done


def tell(done: Done, firsts: list[Position] | None, error: Exception | None) -> None:
    """Call ``done``; what it raises is logged, for the log goes on whatever a caller does."""
    try:
        done(firsts, error)
    except Exception:  # noqa: BLE001 the committer goes on
        _events.exception("done failed")
