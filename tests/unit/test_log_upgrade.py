"""A log of format 1 is upgraded in place, whole or not at all."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pinlake.errors import LogInUse, LogVersion
from pinlake.log import file
from pinlake.log.segments import SegmentLimits
from pinlake.log.sqlite import SqliteLog, SqliteLogReader
from pinlake.record import Partition, Record, topic

PINS = topic("pins")
FIRST = Partition(PINS, 0)
FORMAT_1 = """
DROP TABLE segments;
ALTER TABLE partitions DROP COLUMN origin;
PRAGMA user_version = 1;
"""


@pytest.fixture
def path(tmp_path):
    """A log as format 1 had it: its tables are those of today without what came since."""
    path = tmp_path / "log.db"
    log = SqliteLog(path, lambda: 500)
    log.create(PINS)
    for number in range(30):
        log.append(FIRST, [Record(b"%03d" % number, time=number)])
    log.close()
    with sqlite3.connect(path) as database:
        database.executescript(FORMAT_1)
    database.close()
    return path


def user_version(path):
    with sqlite3.connect(path) as database:
        found = database.execute("PRAGMA user_version").fetchone()[0]
    database.close()
    return found


def test_a_writer_upgrades_it_and_all_of_it_is_there(path):
    log = SqliteLog(path, segment=SegmentLimits(bytes=12))
    assert user_version(path) == file.FORMAT
    assert log.read(FIRST, None, 1 << 20).values.values() == [b"%03d" % n for n in range(30)]
    found = log.segments(FIRST)
    assert [(each.start, each.stop, each.latest, each.bytes) for each in found[:2]] == [
        (0, 4, 3, 12),
        (4, 8, 7, 12),
    ]
    assert found[-1].stop == 30
    log.trim(FIRST, 8)
    assert log.append(FIRST, [Record(b"new")]) == [30]
    log.close()
    again = SqliteLog(path, segment=SegmentLimits(bytes=12))
    assert again.segments(FIRST)[0] == found[2]
    again.close()


def test_a_reader_upgrades_it_where_no_writer_has_it(path):
    reader = SqliteLogReader(path)
    assert reader.describe(PINS).partitions[0].end == 30
    reader.close()
    assert user_version(path) == file.FORMAT


def test_a_reader_leaves_it_to_a_writer_that_has_it(path):
    lock = file.hold_lock(path)
    with pytest.raises(LogInUse):
        SqliteLogReader(path)
    assert user_version(path) == 1
    os.close(lock)


def test_killed_in_the_middle_of_the_upgrade_it_is_as_it_was(path):
    program = """if True:
        import os, pathlib, sys
        from pinlake.log import file
        real = file.upgrade
        def dying(found):
            yield from list(real(found))[:1]
            os.kill(os.getpid(), 9)
        file.upgrade = dying
        from pinlake.log.sqlite import SqliteLog
        SqliteLog(pathlib.Path(sys.argv[1]))
    """
    done = subprocess.run([sys.executable, "-c", program, path], check=False, timeout=60)
    assert done.returncode == -9
    assert user_version(path) == 1
    log = SqliteLog(path)
    assert len(log.read(FIRST, None, 1 << 20)) == 30
    log.close()


def test_a_newer_one_is_refused_with_what_to_do(path):
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 3")
    database.close()
    before = Path(path).read_bytes()
    with pytest.raises(LogVersion, match=r"format 3.*use the version that wrote it"):
        SqliteLog(path)
    assert Path(path).read_bytes() == before
