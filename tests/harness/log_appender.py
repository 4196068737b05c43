"""A process that appends under load and prints what was acknowledged; it is there to be killed.

Each value names its request and its place in it; each request's last record says how many it has.
A line is ``<request> <first position in partition 0> <in partition 1>``, -1 where it has no part.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import threading
from pathlib import Path

from pinlake.errors import TopicExists
from pinlake.log.base import Append, PartitionSpec
from pinlake.log.sqlite import SqliteLog
from pinlake.record import Partition, Record, topic

PINS = topic("pins")
THREADS = 6


def value(request: str, partition: int, row: int, count: int) -> bytes:
    head = f"{request} {partition} {row} {count} ".encode()
    return head + bytes(random.Random(head).randrange(2000))


def parts(request: str) -> dict[int, list[Record]]:
    """Return a request's records by partition; every third request spans two partitions."""
    chance = random.Random(request)
    numbers = chance.choice([[0], [1], [0, 1]])
    counts = {number: chance.randrange(1, 30) for number in numbers}
    return {
        number: [Record(value(request, number, row, count)) for row in range(count)]
        for number, count in counts.items()
    }


def keep_appending(log: SqliteLog, name: str) -> None:
    answered = threading.Semaphore(4)
    for number in range(1_000_000):
        answered.acquire()
        request = f"{name}.{number}"
        records = parts(request)

        def done(firsts, error, request=request, records=records):
            assert error is None
            told = dict(zip(records, firsts, strict=True))
            line = f"{request} {told.get(0, -1)} {told.get(1, -1)}\n"
            os.write(1, line.encode())
            answered.release()

        log.submit([Append(Partition(PINS, n), some) for n, some in records.items()], done)


def main(path: str, run: str) -> None:
    log = SqliteLog(Path(path))
    with contextlib.suppress(TopicExists):
        log.create(PINS, [PartitionSpec(), PartitionSpec()])
    for number in range(THREADS):
        threading.Thread(target=keep_appending, args=(log, f"{run}.{number}")).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
