"""The housekeeper trims beside appends, and one partition's trouble is not the others'."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pinlake.log.housekeeping import Housekeeper
from pinlake.log.memory import MemoryLog
from pinlake.log.segments import SegmentLimits
from pinlake.log.sqlite import SqliteLog
from pinlake.record import Partition, Record, stream, topic
from pinlake.settings import Log as Settings

HOUR = 3_600_000
T, S = topic("t"), stream("s")
FIRST = Partition(T, 0)


def all_passed(_partition, _log_id):
    return 1 << 40


def beginning(log, name):
    return log.describe(name).partitions[0].beginning


def look(log, settings, floor=all_passed, now=0):
    Housekeeper(log, settings, floor, lambda: now).look()


@pytest.fixture
def log():
    log = MemoryLog(lambda: 0)
    for name in (T, S):
        log.create(name)
        log.append(Partition(name, 0), [Record(b"x", time=hour * HOUR) for hour in range(10)])
    return log


def test_topics_and_streams_have_their_own_hours(log):
    look(log, Settings(retention_hours=6, stream_retention_hours=2), now=9 * HOUR)
    assert (beginning(log, T), beginning(log, S)) == (3, 7)


def test_a_stream_with_hours_of_its_own_keeps_them(log):
    log.alter(S, attributes={"retention_hours": 5})
    look(log, Settings(stream_retention_hours=2), now=9 * HOUR)
    assert beginning(log, S) == 4


def test_without_a_stage_that_came_on_nothing_goes(log):
    look(log, Settings(retention_hours=1, retention_bytes=1), lambda *_: None, now=99 * HOUR)
    assert (beginning(log, T), beginning(log, S)) == (0, 0)


def test_the_floor_is_asked_with_the_logs_identity_and_only_where_something_may_go(log):
    asked = []

    def floor(partition, log_id):
        asked.append((partition, log_id))
        return 2

    look(log, Settings(retention_hours=1, stream_retention_hours=0), floor, now=9 * HOUR)
    assert asked == [(FIRST, log.log_id(T))]
    assert beginning(log, T) == 3


def test_one_partitions_trouble_is_not_the_others(log, capfd):
    def floor(partition, _log_id):
        if partition.log_name == S:
            raise TypeError("a plan that cannot be read")
        return 1 << 40

    look(log, Settings(retention_hours=1, stream_retention_hours=1), floor, now=99 * HOUR)
    assert (beginning(log, T), beginning(log, S)) == (10, 0)
    assert "a plan that cannot be read" in capfd.readouterr().out


def test_it_trims_while_others_append_and_the_file_stays_small(tmp_path):
    path = tmp_path / "log.db"
    log = SqliteLog(path, segment=SegmentLimits(bytes=100_000))
    log.create(T)
    settings = Settings(retention_bytes=500_000, trim_seconds=0.01)
    with Housekeeper(log, settings, all_passed, lambda: 0) as keeper, ThreadPoolExecutor(4) as pool:
        for _ in range(25):
            list(pool.map(lambda _: log.append(FIRST, [Record(bytes(5_000))] * 4), range(20)))
            time.sleep(0.02)
        deadline = time.monotonic() + 30
        while log.segments(FIRST)[0].start < 1_800 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert keeper.trimmed > 9_000_000
    held = sum(each.bytes for each in log.segments(FIRST))
    assert 500_000 <= held < 700_000
    assert log.describe(T).partitions[0].end == 2_000
    log.close()
    assert path.stat().st_size < 5_000_000


def test_it_ends_at_once_while_it_has_much_to_do(tmp_path):
    log = SqliteLog(tmp_path / "log.db", segment=SegmentLimits(bytes=1))
    log.create(T)
    for _ in range(300):
        log.append(FIRST, [Record(b"x")])
    with Housekeeper(log, Settings(retention_bytes=1, trim_seconds=0.001), all_passed, lambda: 0):
        time.sleep(0.02)
    log.close()


def test_a_log_that_is_closed_first_ends_it(log):
    with Housekeeper(log, Settings(trim_seconds=0.001), all_passed, lambda: 0) as keeper:
        log.close()
        keeper._thread.join(10)
        assert not keeper._thread.is_alive()
