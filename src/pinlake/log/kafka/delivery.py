"""What became of the records of one submit: told once, when the last of them is settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, Message

from pinlake.errors import PinlakeError
from pinlake.log import waiting
from pinlake.log.base import Append, Done, Position, Scattered

Failed = Callable[[KafkaError, Append], PinlakeError]
Settled = Callable[[int, int], None]


def size_of(append: Append) -> int:
    """Return the bytes that the records of an append hold."""
    return sum(len(each.value or b"") + len(each.key or b"") for each in append.records)


class Delivery:
    """Counts the records of a submit as the broker answers for them.

    Used by the thread that polls, and by the one that submits before that is done.
    ``settled`` gets the records and bytes that are out of the queue.
    """

    def __init__(
        self, appends: Sequence[Append], done: Done, failed: Failed, settled: Settled
    ) -> None:
        self.records = sum(len(each.records) for each in appends)
        self.bytes = sum(map(size_of, appends))
        self._appends, self._done, self._failed, self._settled = appends, done, failed, settled
        self._positions: list[list[Position]] = [[] for _ in appends]
        self._left = self.records
        self._error: PinlakeError | None = None

    def report(self, index: int) -> Callable[[KafkaError | None, Message], None]:
        """Return what is called with each record of an append, in their order."""
        positions = self._positions[index]

        def reported(error: KafkaError | None, message: Message) -> None:
            offset = message.offset()
            if error is not None:
                self._note(self._failed(error, self._appends[index]))
            elif offset is not None:
                positions.append(offset)
            self._count(1)

        return reported

    def refuse(self, error: PinlakeError, records: int) -> None:
        """Take note that so many records did not even get into the queue."""
        self._note(error)
        self._count(records)

    def _note(self, error: PinlakeError) -> None:
        self._error = self._error or error

    def _count(self, records: int) -> None:
        self._left -= records
        if self._left:
            return
        self._settled(self.records, self.bytes)
        if self._error is not None:
            waiting.tell(self._done, None, self._error)
        else:
            waiting.tell(self._done, [_first(each) for each in self._positions], None)


def _first(positions: Sequence[Position]) -> Position:
    """Return the first of an append's positions; with all of them where they are not one run."""
    if positions[-1] - positions[0] == len(positions) - 1:
        return positions[0]
    return Scattered(positions)
