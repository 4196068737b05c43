"""What a plain loop stores of requests of 100 records: the yardstick of benchmarks/hundreds.py.

It decodes each body, inserts each record and commits every 1,000: no HTTP, no answers.
"""

import sqlite3
import time
from pathlib import Path

import msgspec

Record = msgspec.defstruct("Record", [("value", msgspec.Raw)])
Produce = msgspec.defstruct("Produce", [("records", list[Record])])


def measure(path: Path, body: bytes, seconds: float) -> tuple[float, float]:
    """Return records a second, and processor time a record in microseconds."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = wal")
    db.execute("PRAGMA synchronous = full")
    db.execute("CREATE TABLE record (position INTEGER PRIMARY KEY, value BLOB)")
    decode = msgspec.json.Decoder(Produce).decode
    position, wall, processor = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - wall < seconds:
        db.execute("BEGIN")
        for _ in range(10):
            values = [bytes(each.value) for each in decode(body).records]
            db.executemany("INSERT INTO record VALUES (?, ?)", enumerate(values, position))
            position += len(values)
        db.execute("COMMIT")
    took, used = time.perf_counter() - wall, time.process_time() - processor
    db.close()
    return position / took, used / position * 1e6
