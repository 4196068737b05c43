"""A process that appends and trims at full rate, and prints what was acknowledged; to be killed.

Each value is its own position. A line is ``<first position> <count>``; the floor is what a
file says, which the test moves on, so the test knows what may never go.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

from pinlake.errors import TopicExists
from pinlake.log.base import Append
from pinlake.log.clock import milliseconds
from pinlake.log.housekeeping import Housekeeper
from pinlake.log.segments import SegmentLimits
from pinlake.log.sqlite import SqliteLog
from pinlake.record import Partition, Record, topic
from pinlake.settings import Log as Settings
from pinlake.telemetry import configure

PINS = topic("pins")
FIRST = Partition(PINS, 0)
PADDING = bytes(500)
COUNT = 20


def keep_appending(log: SqliteLog) -> None:
    while True:
        first = log.describe(PINS).partitions[0].end
        records = [Record(b"%d " % (first + row) + PADDING) for row in range(COUNT)]
        answered = threading.Event()

        def done(firsts, error, answered=answered):
            assert error is None
            os.write(1, b"%d %d\n" % (firsts[0], COUNT))
            answered.set()

        log.submit([Append(FIRST, records)], done)
        answered.wait()


def main(path: str, floor: str) -> None:
    configure("warning")
    log = SqliteLog(Path(path), segment=SegmentLimits(bytes=40_000))
    with suppress(TopicExists):
        log.create(PINS)
    settings = Settings(retention_bytes=100_000, trim_seconds=0.001)
    with Housekeeper(log, settings, lambda *_: int(Path(floor).read_text()), milliseconds):
        keep_appending(log)


if __name__ == "__main__":
    main(*sys.argv[1:])
