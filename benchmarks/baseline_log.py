"""What a plain loop over sqlite3 stores and reads: the yardstick of benchmarks/log.py."""

import sqlite3
import sys
import tempfile
import time
from pathlib import Path


def measure(path: Path, count: int = 200_000, size: int = 300) -> dict[str, float]:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = wal")
    db.execute("PRAGMA synchronous = full")
    db.execute("CREATE TABLE record (position INTEGER PRIMARY KEY, time INTEGER, value BLOB)")
    value = bytes(size)
    wall, processor = time.perf_counter(), time.process_time()
    for start in range(0, count, 1000):
        db.execute("BEGIN")
        for position in range(start, start + 1000):
            db.execute("INSERT INTO record VALUES (?, ?, ?)", (position, 0, value))
        db.execute("COMMIT")
    appended = time.perf_counter() - wall
    used = time.process_time() - processor
    wall = time.perf_counter()
    rows = db.execute("SELECT position, time, value FROM record ORDER BY position").fetchall()
    read = time.perf_counter() - wall
    assert len(rows) == count
    return {
        "append": count / appended,
        "append_processor_us": used / count * 1e6,
        "read": count / read,
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(f"{measure(Path(folder) / 'baseline.db')}\n")
