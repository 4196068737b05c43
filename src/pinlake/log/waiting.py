"""Appending and waiting for the sync: the plain call on top of ``submit``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future

from pinlake.log.base import Append, Done, Position
from pinlake.record import Partition, Record

Submit = Callable[[Sequence[Append], Done], None]


def append(submit: Submit, partition: Partition, records: Sequence[Record]) -> list[Position]:
    """Submit, wait for the sync, and return the position of each record."""
    future: Future[list[Position]] = Future()
    submit([Append(partition, records)], settle(future))
    first = future.result()[0]
    return list(range(first, first + len(records)))


def settle(future: Future[list[Position]]) -> Done:
    """Return the ``done`` that gives a future its result."""

    def done(firsts: list[Position] | None, error: Exception | None) -> None:
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(firsts or [])

    return done
