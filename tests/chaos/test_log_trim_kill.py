"""kill -9 in the middle of trimming: no acknowledged record at or above the floor is lost."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from harness import log_trimmer
from harness.log_trimmer import COUNT, FIRST, PINS
from pinlake.log.sqlite import SqliteLog

KILLS = 8


def append_and_trim_until_killed(path, floor, acknowledgements, chance):
    """Move the floor with what is acknowledged, kill, and return the first position behind it."""
    child = subprocess.Popen(
        [sys.executable, log_trimmer.__file__, path, floor],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(Path(log_trimmer.__file__).parents[1])},
    )
    reached = 0
    for _ in range(acknowledgements):
        first, count = map(int, child.stdout.readline().split())
        reached = first + count
        if chance.random() < 0.3:
            moved = floor.with_suffix(".new")
            moved.write_text(str(reached - 1 - chance.randrange(200)))
            moved.replace(floor)
    child.kill()
    for line in child.stdout.readlines():
        if line.endswith(b"\n"):
            reached = int(line.split()[0]) + COUNT
    child.wait()
    child.stdout.close()
    assert child.returncode == -9
    return reached


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_that_is_needed_is_lost_however_often_it_is_killed(tmp_path, seed):
    chance = random.Random(seed)
    path, floor = tmp_path / "log.db", tmp_path / "floor"
    floor.write_text("-1")
    beginnings = set()
    for _ in range(KILLS):
        acknowledged = append_and_trim_until_killed(path, floor, chance.randrange(50, 400), chance)
        log = SqliteLog(path)
        state = log.describe(PINS).partitions[0]
        assert state.beginning <= int(floor.read_text()) + 1
        assert acknowledged <= state.end
        batch = log.read(FIRST, None, 1 << 40)
        assert list(batch.positions) == list(range(state.beginning, state.end))
        values = [int(value.split(b" ")[0]) for value in batch.values.values()]
        assert values == list(batch.positions)
        segments = log.segments(FIRST)
        assert (segments[0].start, segments[-1].stop) == (state.beginning, state.end)
        beginnings.add(state.beginning)
        log.close()
    assert len(beginnings) > KILLS // 2  # it did trim


def test_a_deletion_that_is_killed_is_finished_by_the_next_writer(tmp_path):
    path = tmp_path / "log.db"
    program = """if True:
        import os, pathlib, sys
        from pinlake.log import store
        from pinlake.log.sqlite import SqliteLog
        from pinlake.record import Partition, Record, topic
        store._TRIM_ROWS = 10
        log = SqliteLog(pathlib.Path(sys.argv[1]))
        log.create(topic("pins"))
        for number in range(100):
            log.append(Partition(topic("pins"), 0), [Record(bytes(10_000))])
        sweep, left = log._store.sweep, [3]
        def dying():
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), 9)
            return sweep()
        log._store.sweep = dying
        log.delete(topic("pins"))
    """
    done = subprocess.run([sys.executable, "-c", program, path], check=False, timeout=60)
    assert done.returncode == -9
    log = SqliteLog(path)
    assert log.names("topic") == []
    log.close()
    log = SqliteLog(path)
    count = log._store._connection.execute("SELECT count(*) FROM batches").fetchone()[0]
    assert count == 0
    assert log.create(PINS).partitions[0].beginning == 100
    log.close()
