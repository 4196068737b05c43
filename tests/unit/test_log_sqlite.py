"""The embedded log's own promises: its files, its lock, its commits."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from pinlake.errors import LogClosed, LogFailed, LogInUse, LogUnusable
from pinlake.log import store
from pinlake.log.base import Append, PartitionSpec
from pinlake.log.sqlite import SqliteLog, SqliteLogReader
from pinlake.log.waiting import settle
from pinlake.record import Partition, Record, stream, topic

PINS = topic("pins")
FIRST = Partition(PINS, 0)
EVERYTHING = 1 << 40


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log.db"


@pytest.fixture
def log(path):
    log = SqliteLog(path)
    log.create(PINS)
    yield log
    log.close()


def values(reader, partition=FIRST):
    return reader.read(partition, None, EVERYTHING).values.values()


def python(program, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def stored_batches(path):
    with sqlite3.connect(path) as database:
        return database.execute("SELECT id & 0xFFFFFFFFFFF, records FROM batches").fetchall()


def test_a_second_writer_is_refused(log, path):
    with pytest.raises(LogInUse, match="held by another process"):
        SqliteLog(path)
    assert log.append(FIRST, [Record(b"a")]) == [0]


def test_a_second_writer_in_another_process_is_refused(log, path):
    program = (
        "import sys, pathlib; from pinlake.log.sqlite import SqliteLog\n"
        "try: SqliteLog(pathlib.Path(sys.argv[1]))\n"
        "except Exception as error: print(type(error).__name__)"
    )
    assert python(program, path).communicate(timeout=60)[0] == "LogInUse\n"
    assert log.append(FIRST, [Record(b"a")]) == [0]


def test_the_lock_goes_with_its_writer(log, path):
    log.close()
    again = SqliteLog(path)
    assert again.append(FIRST, [Record(b"a")]) == [0]
    again.close()


def test_a_writer_that_cannot_open_lets_the_lock_go(path):
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(LogUnusable):
        SqliteLog(path)
    path.unlink()
    SqliteLog(path).close()


def test_a_log_opened_again_holds_what_it_held(log, path):
    log.create(stream("s"), [PartitionSpec({"a": 1}), PartitionSpec()], {"b": 2})
    log.alter(stream("s"), close=[0])
    log.append(FIRST, [Record(b"a", b"k", (("h", b"v"),), 7), Record(None)])
    log.create(topic("gone"))
    log.append(Partition(topic("gone"), 0), [Record(b"x")])
    log.delete(topic("gone"))
    identity, described = log.log_id(PINS), [log.describe(PINS), log.describe(stream("s"))]
    batch = log.read(FIRST, None, EVERYTHING)
    log.close()
    again = SqliteLog(path)
    assert again.log_id(PINS) == identity
    assert [again.describe(PINS), again.describe(stream("s"))] == described
    assert again.names("topic") == ["pins"]
    assert again.read(FIRST, None, EVERYTHING) == batch
    assert again.append(FIRST, [Record(b"b")]) == [2]
    assert again.create(topic("gone")).partitions[0].beginning == 1
    again.close()


def test_the_highest_time_survives_reopening(log, path):
    log.append(FIRST, [Record(b"a", time=50)])
    log.close()
    again = SqliteLog(path)
    again.append(FIRST, [Record(b"b", time=10)])
    assert [again.find_time(FIRST, time) for time in (5, 20, 51)] == [0, 0, 2]
    again.close()


def test_two_logs_have_two_identities(log, tmp_path):
    other = SqliteLog(tmp_path / "other" / "log.db")
    assert other.log_id(PINS) != log.log_id(PINS)
    other.close()


def test_every_commit_is_synced(log):
    pragmas = ("journal_mode", "synchronous", "fullfsync")
    connection = log._store._connection
    found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
    assert found == ["wal", 2, 1]


def test_what_is_submitted_while_a_commit_is_under_way_is_one_commit(log, path):
    entered, go_on = threading.Event(), threading.Event()

    def hold(*_):
        entered.set()
        go_on.wait(30)

    log.submit([Append(FIRST, [Record(b"first")])], hold)
    entered.wait(30)
    futures = [Future() for _ in range(20)]
    for future in futures:
        log.submit([Append(FIRST, [Record(b"x")] * 2)], settle(future))
    go_on.set()
    assert [future.result(timeout=30)[0] for future in futures] == list(range(1, 41, 2))
    assert stored_batches(path) == [(0, 1), (1, 40)]


def test_a_large_append_is_stored_in_pieces(log, path):
    log.append(FIRST, [Record(bytes(300_000))] * 7 + [Record(bytes(5_000_000)), Record(b"x")])
    assert stored_batches(path) == [(0, 3), (3, 3), (6, 1), (7, 1), (8, 1)]
    assert [len(value) for value in values(log)] == [300_000] * 7 + [5_000_000, 1]


def test_a_full_log_fails_the_append_and_goes_on_when_there_is_room(log):
    log.append(FIRST, [Record(b"kept")])
    log.limit(200_000)
    with pytest.raises(LogFailed, match=r"full.*send them again"):
        log.append(FIRST, [Record(bytes(1_000_000))])
    assert log.append(FIRST, [Record(b"small")]) == [1]
    with pytest.raises(LogFailed):
        log.append(FIRST, [Record(bytes(1_000_000))])
    log.limit(10_000_000)
    assert log.append(FIRST, [Record(bytes(1_000_000))]) == [2]
    assert [len(value) for value in values(log)] == [4, 5, 1_000_000]


def test_a_full_log_takes_records_again_after_a_trim(path):
    log = SqliteLog(path, max_bytes=2_000_000)
    log.create(PINS)
    record = Record(bytes(100_000))
    with ThreadPoolExecutor(1) as pool:
        futures = [pool.submit(log.append, FIRST, [record]) for _ in range(30)]
    stored = [future.result()[0] for future in futures if not future.exception()]
    assert 10 < len(stored) < 20
    log.trim(FIRST, len(stored))
    assert log.append(FIRST, [record]) == [len(stored)]
    log.close()


def test_a_full_log_fails_everyone_of_the_commit(log):
    log.limit(1)
    futures = [Future() for _ in range(10)]
    for future in futures:
        log.submit([Append(FIRST, [Record(bytes(1_000_000))])], settle(future))
    assert all(isinstance(future.exception(timeout=30), LogFailed) for future in futures)
    assert len({id(future.exception()) for future in futures}) == 10


def test_a_full_log_creates_nothing(log):
    log.limit(1)
    with pytest.raises(LogFailed):
        log.create(topic("t"), [PartitionSpec({"text": "x" * 5000})] * 200)
    assert log.names("topic") == ["pins"]
    log.limit(100_000_000)
    assert len(log.create(topic("t"), [PartitionSpec()] * 200).partitions) == 200


def test_a_write_error_of_the_disk_fails_the_append_and_goes_on(path):
    program = """if True:
        import sys, pathlib, resource
        from pinlake.errors import LogFailed
        from pinlake.log.sqlite import SqliteLog
        from pinlake.record import Partition, Record, topic
        log = SqliteLog(pathlib.Path(sys.argv[1]))
        log.create(topic("pins"))
        first = Partition(topic("pins"), 0)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
        try:
            log.append(first, [Record(bytes(1_000_000))])
        except LogFailed as error:
            print(error.reason)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        print(log.append(first, [Record(bytes(1_000_000))]))
        log.close()
    """
    said = python(program, path).communicate(timeout=60)[0]
    assert said.splitlines()[-2:] in (
        ["disk I/O error", "[0]"],
        ["database or disk is full", "[0]"],
    )
    reader = SqliteLogReader(path)
    assert values(reader) == [bytes(1_000_000)]
    reader.close()


def test_a_record_that_is_none_fails_its_commit_and_not_the_log(log):
    with pytest.raises(LogFailed, match="str"):
        log.append(FIRST, [Record("text")])
    with pytest.raises(TypeError):
        log.append(FIRST, 5)
    assert log.append(FIRST, [Record(b"a")]) == [0]


def test_deleting_frees_the_room_for_new_records(log, path):
    for _ in range(3):
        log.append(FIRST, [Record(bytes(1_000_000))] * 5)
        log.delete(PINS)
        log.create(PINS)
    log.close()
    assert path.stat().st_size < 7_000_000


def test_trimming_many_batches_lets_appends_through(log, monkeypatch):
    monkeypatch.setattr(store, "_TRIM_ROWS", 10)
    for _ in range(57):
        log.append(FIRST, [Record(b"x"), Record(b"y")])
    with ThreadPoolExecutor(1) as pool:
        trimmed = pool.submit(log.trim, FIRST, 101)
        assert log.append(FIRST, [Record(b"z")]) == [114]
        trimmed.result(timeout=30)
    assert log.describe(PINS).partitions[0].beginning == 100
    assert len(values(log)) == 15


def test_the_write_ahead_log_does_not_grow_without_end(log, path):
    for _ in range(40):
        log.append(FIRST, [Record(bytes(1_000_000))])
    assert path.with_name("log.db-wal").stat().st_size < 2 * store.CHECKPOINT_BYTES


READ_WITHOUT_A_PAUSE = """if True:
    import pathlib, sys, threading
    from pinlake.log.sqlite import SqliteLogReader
    from pinlake.record import Partition, topic
    reader = SqliteLogReader(pathlib.Path(sys.argv[1]))
    first = Partition(topic("pins"), 0)
    print("ready", flush=True)
    while True:
        reader.read(first, None, 8 << 20)
"""


def test_readers_without_a_pause_do_not_make_the_write_ahead_log_grow(log, path, monkeypatch):
    monkeypatch.setattr(store, "CHECKPOINT_BYTES", 1 << 20)
    monkeypatch.setattr(store, "RESTART_PAGES", 1024)
    log.append(FIRST, [Record(bytes(1_000_000))] * 8)
    readers = [python(READ_WITHOUT_A_PAUSE, path) for _ in range(4)]
    assert [each.stdout.readline() for each in readers] == ["ready\n"] * 4
    for _ in range(80):
        log.append(FIRST, [Record(bytes(500_000))])
    for each in readers:
        each.kill()
        each.communicate()
    assert path.with_name("log.db-wal").stat().st_size < 16 << 20


READ_LINES = """if True:
    import sys, pathlib
    from pinlake.log.sqlite import SqliteLogReader
    from pinlake.record import Partition, topic
    reader = SqliteLogReader(pathlib.Path(sys.argv[1]))
    after = None
    for line in sys.stdin:
        batch = reader.read(Partition(topic("pins"), 0), after, 1 << 30)
        after = batch.upto if len(batch) else after
        print(batch.values.values(), reader.describe(topic("pins")).partitions[0].end, flush=True)
"""


def test_a_reader_in_another_process_follows_the_writer(log, path):
    reader = python(READ_LINES, path)

    def asked():
        reader.stdin.write("read\n")
        reader.stdin.flush()
        return reader.stdout.readline().strip()

    assert asked() == "[] 0"
    log.append(FIRST, [Record(b"a")])
    assert asked() == "[b'a'] 1"
    log.append(FIRST, [Record(b"b"), Record(b"c")])
    assert asked() == "[b'b', b'c'] 3"
    log.close()
    again = SqliteLog(path)
    again.append(FIRST, [Record(b"d")])
    assert asked() == "[b'd'] 4"
    again.close()
    reader.communicate(timeout=60)
    assert reader.returncode == 0


def test_a_reader_needs_no_writer(log, path):
    log.append(FIRST, [Record(b"a")])
    log.close()
    reader = SqliteLogReader(path)
    assert values(reader) == [b"a"]
    reader.close()
    assert not path.with_name("log.db-wal").exists()


def test_a_reader_that_stays_does_not_stop_the_next_writer(log, path):
    reader = SqliteLogReader(path)
    log.append(FIRST, [Record(b"a")])
    assert values(reader) == [b"a"]
    log.close()
    again = SqliteLog(path)
    again.append(FIRST, [Record(b"b")])
    assert values(reader) == [b"a", b"b"]
    reader.close()
    again.close()


def test_a_reader_serves_many_threads(log, path):
    log.append(FIRST, [Record(b"%d" % number) for number in range(100)])
    reader = SqliteLogReader(path)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: values(reader), range(64)))
    assert all(some == [b"%d" % number for number in range(100)] for some in found)
    reader.close()
    with pytest.raises(LogClosed):
        values(reader)


def test_a_reader_does_not_hold_a_snapshot(log, path):
    reader = SqliteLogReader(path)
    log.append(FIRST, [Record(bytes(1000))] * 10)
    reader.read(FIRST, None, 1000)
    busy = log._store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    assert busy == 0
    reader.close()


@pytest.mark.usefixtures("log")
def test_a_reader_cannot_write(path):
    reader = SqliteLogReader(path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection().execute("DELETE FROM batches")
    reader.close()


def test_a_reader_says_that_there_is_no_log_yet(path):
    with pytest.raises(LogUnusable, match="start `pinlake serve` first"):
        SqliteLogReader(path)
    path.touch()
    with pytest.raises(LogUnusable, match="empty"):
        SqliteLogReader(path)
    assert path.stat().st_size == 0


def foreign(path):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE log (id)")
    database.close()


def newer(path):
    SqliteLog(path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 3")
    database.close()


def truncated(path):
    log = SqliteLog(path)
    log.create(PINS)
    log.append(FIRST, [Record(bytes(100_000))] * 10)
    log.close()
    path.write_bytes(path.read_bytes()[:50_000])


def header_alone(path):
    truncated(path)
    path.write_bytes(path.read_bytes()[:100])


UNUSABLE = {
    "text": (lambda path: path.write_text("hello\n" * 1000), "file is not a database"),
    "short text": (lambda path: path.write_text("hello"), "file is not a database"),
    "a folder": (lambda path: path.mkdir(), "unable to open"),
    "foreign": (foreign, "another program's"),
    "newer": (newer, "format 3, and this pinlake reads formats up to 2"),
    "truncated": (truncated, "malformed"),
    "header alone": (header_alone, "not a database|malformed"),
}


@pytest.mark.parametrize("opening", [SqliteLog, SqliteLogReader])
@pytest.mark.parametrize("case", UNUSABLE)
def test_what_is_no_log_is_refused_and_left_as_it_is(path, opening, case):
    make, reason = UNUSABLE[case]
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(LogUnusable, match=reason) as error:
        opening(path)
    assert "choose another --home" in str(error.value)
    assert before is None or path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_an_error_that_says_so(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LogUnusable, match=r"Not a directory|File exists"):
        SqliteLog(tmp_path / "file" / "log.db")


def read_to_the_end(reader):
    for number in range(10):
        assert reader.read(FIRST, number - 1, 1).values.blob == bytes(100_000)


def test_damage_inside_is_said_when_it_is_met(log, path):
    log.append(FIRST, [Record(bytes(100_000))] * 10)
    log.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:40_960] + b"\xff" * 40_960 + whole[81_920:])
    reader = SqliteLogReader(path)
    with pytest.raises(LogUnusable, match="malformed"):
        read_to_the_end(reader)
    reader.close()
