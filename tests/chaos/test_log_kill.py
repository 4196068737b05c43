"""What was acknowledged is there after kill -9, and what was not is there whole or not at all."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from harness import log_appender
from harness.log_appender import PINS, parts
from pinlake.log.sqlite import SqliteLog, SqliteLogReader
from pinlake.record import Partition, Record

EVERYTHING = 1 << 40
KILLS = 6


def appender(path, run):
    return subprocess.Popen(
        [sys.executable, log_appender.__file__, path, run],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(Path(log_appender.__file__).parents[1])},
    )


def append_until_killed(path, run, acknowledgements):
    """Kill the appender after so many acknowledgements, and return all that it printed."""
    child = appender(path, run)
    lines = [child.stdout.readline() for _ in range(acknowledgements)]
    child.kill()
    lines += child.stdout.readlines()
    child.wait()
    child.stdout.close()
    assert child.returncode == -9
    return [line.decode().split() for line in lines if line.endswith(b"\n")]


def stored(reader, number):
    batch = reader.read(Partition(PINS, number), None, EVERYTHING)
    assert list(batch.positions) == list(range(len(batch)))
    assert reader.describe(PINS).partitions[number].end == len(batch)
    return batch.values.values()


def assert_acknowledged(values, acknowledged):
    for request, *firsts in acknowledged:
        for number, records in parts(request).items():
            first = int(firsts[number])
            found = values[number][first : first + len(records)]
            assert found == [record.value for record in records], request


def assert_whole(values):
    rows = defaultdict(lambda: defaultdict(list))
    for number, some in values.items():
        for value in some:
            request, partition, row, _ = value.split(b" ", 3)
            assert int(partition) == number
            rows[request.decode()][number].append(int(row))
    for request, found in rows.items():
        expected = {number: list(range(len(some))) for number, some in parts(request).items()}
        assert found == expected, request


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_acknowledged_appends_survive_being_killed_again_and_again(tmp_path, seed):
    chance = random.Random(seed)
    path = tmp_path / "log.db"
    acknowledged, identities, ends = [], set(), [0, 0]
    for run in range(KILLS):
        acknowledged += append_until_killed(path, f"{seed}.{run}", chance.randrange(1, 1500))
        reader = SqliteLogReader(path)
        values = {number: stored(reader, number) for number in (0, 1)}
        assert_acknowledged(values, acknowledged)
        assert_whole(values)
        assert all(len(values[number]) >= ends[number] for number in (0, 1))
        ends = [len(values[0]), len(values[1])]
        identities.add(reader.log_id(PINS))
        reader.close()
    assert len(identities) == 1
    assert len(acknowledged) > KILLS


def test_positions_go_on_after_a_kill(tmp_path):
    path = tmp_path / "log.db"
    append_until_killed(path, "one", 100)
    log = SqliteLog(path)
    end = log.describe(PINS).partitions[0].end
    assert log.append(Partition(PINS, 0), [Record(b"next")]) == [end]
    log.close()
    reader = SqliteLogReader(path)
    assert stored(reader, 0)[-1] == b"next"
    reader.close()


def test_a_reader_sees_no_record_that_a_kill_takes_back(tmp_path):
    path = tmp_path / "log.db"
    child = appender(path, "seen")
    for _ in range(200):
        child.stdout.readline()
    reader = SqliteLogReader(path)
    seen = [reader.read(Partition(PINS, number), None, EVERYTHING) for number in (0, 1)]
    child.kill()
    child.communicate()
    reader.close()
    reader = SqliteLogReader(path)
    for number, batch in enumerate(seen):
        again = reader.read(Partition(PINS, number), None, EVERYTHING, batch.upto)
        assert again == batch
    reader.close()
