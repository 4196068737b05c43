"""Faults of S3 by a proxy, kills, and S3 away for a while: nothing lost, nothing double."""

import multiprocessing
import random
import signal
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import lake_processes
import lakes
import stage_homes
from harness.faulty_s3 import CUT, DROP, ERROR, LATE_ERROR, LOSE, SLOW, SLOW_DOWN, TWICE, FaultyS3
from harness.s3_server import KEYS
from harness.tcp_gate import TcpGate
from lake_processes import SCHEMA, rows_of
from pinlake.errors import LakeFailed
from pinlake.lake import requests, tables
from pinlake.settings import Stream
from pinlake.stage.loop import run_stage
from stage_homes import STREAM, TOPIC, make_home, once, post, value

COUNT = 300


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    for name, content in KEYS.items():
        monkeypatch.setenv(name, content)


@pytest.fixture
def direct(s3_endpoint, tmp_path):
    return lakes.s3_place(s3_endpoint, tmp_path)


def through(place, proxy):
    """Return the same lake, asked through a proxy, from a machine of its own."""
    return place._replace(endpoint=proxy.url, home=place.home + "-through")


@pytest.mark.parametrize("fault", [DROP, ERROR, SLOW_DOWN, LOSE, LATE_ERROR, TWICE, CUT, SLOW])
def test_a_name_that_one_creates_through_a_fault_is_ones_own(direct, s3_endpoint, fault):
    with FaultyS3(s3_endpoint, [fault, fault]) as proxy:
        lake = through(direct, proxy).open()
        assert lake.create("a/b", b"ours")
        assert lake.get("a/b") == b"ours"
        assert proxy.done[fault] >= 1


@pytest.mark.parametrize("fault", [DROP, ERROR, SLOW_DOWN, LOSE, LATE_ERROR, TWICE])
def test_a_name_that_another_one_took_during_a_fault_stays_its_own(direct, s3_endpoint, fault):
    direct.open().put("a/b", b"theirs")
    with FaultyS3(s3_endpoint, [fault]) as proxy:
        assert not through(direct, proxy).open().create("a/b", b"ours")
    assert direct.open().get("a/b") == b"theirs"


@pytest.mark.parametrize("fault", [LOSE, LATE_ERROR, TWICE])
def test_a_commit_whose_answer_was_lost_keeps_its_files(direct, s3_endpoint, fault):
    with FaultyS3(s3_endpoint) as proxy:
        lake = through(direct, proxy).open()
        for number in range(1, 5):
            # The Parquet file is put first, then the commit is created.
            proxy.script = ["pass", fault]
            tables.commit(
                lake, "raw/race", SCHEMA, rows_of("a", number), app_id="load/race",
                number=number, counts={},
            )  # fmt: skip
        assert proxy.done[fault] == 4
    import duckdb

    other = direct.open()
    tables.forget(other, "raw/race")
    rows = tables.read(duckdb, tables.snapshot(other, "raw/race")).fetchall()
    assert sorted(rows) == sorted(("a", number) for number in range(1, 5) for _ in range(10))


@pytest.mark.parametrize("fault", [CUT, SLOW, DROP, ERROR])
def test_a_file_that_came_cut_is_fetched_again_and_never_kept_so(direct, s3_endpoint, fault):
    content = bytes(random.Random(1).randbytes(3_000_000))
    direct.open().put("raw/t/a.parquet", content)
    with FaultyS3(s3_endpoint, [fault, fault], methods=("GET",)) as proxy:
        lake = through(direct, proxy).open()
        lake.fetch([str(lake.path("raw/t/a.parquet"))])
        assert lake.path("raw/t/a.parquet").read_bytes() == content
        assert proxy.done[fault] == (1 if fault == SLOW else 2)


def test_s3_that_does_not_come_back_is_an_error_that_tells_the_lake_and_no_secret(
    direct, s3_endpoint, monkeypatch
):
    monkeypatch.setattr(requests, "PATIENCE", 0.5)
    with FaultyS3(s3_endpoint, [ERROR] * 100, methods=("GET", "PUT")) as proxy:
        lake = through(direct, proxy).open()
        for ask in (lambda: lake.get("a"), lambda: lake.put("a", b""), lambda: lake.children("a")):
            with pytest.raises(LakeFailed, match=r"s3://lakes.*500.*nothing is lost") as raised:
                ask()
            assert KEYS["AWS_SECRET_ACCESS_KEY"] not in str(raised.value)


def home_in(folder, place):
    return make_home(folder, lake=place.url, s3=place.settings)


def posted(folder, place):
    home, dataset = home_in(folder, place)
    post(home, TOPIC, [value(number) for number in [*range(COUNT), 1, 2]] + [b"no JSON"])
    post(home, STREAM, [value(number) for number in [*range(COUNT), 1, 2]])
    return home, dataset


def assert_each_once(home):
    expected = [(number,) for number in range(COUNT)]
    assert stage_homes.rows(home, "clean/sale") == expected
    assert stage_homes.rows(home, "stream/sale") == expected
    assert stage_homes.rows(home, "raw/sale") == sorted([*expected, (1,), (2,)])
    assert len(stage_homes.rows(home, "quarantine/load/sale", "reason")) == 1


@pytest.mark.parametrize("seed", [1, 2])
def test_the_stages_over_a_server_that_fails_lose_and_double_nothing(
    direct, s3_endpoint, tmp_path, seed
):
    with FaultyS3(s3_endpoint, seed=seed, rate=0.15) as proxy:
        home, dataset = posted(tmp_path, through(direct, proxy))
        for stage in ("sink", "load", "clean", "stream"):
            once(stage, home, dataset)
        assert_each_once(home)
        assert len(proxy.done) > 5


@pytest.mark.parametrize("steps", [1, 9, 14, 23])
def test_a_stage_that_is_killed_at_a_request_is_carried_out_by_its_next_run(
    direct, tmp_path, steps
):
    home, dataset = posted(tmp_path, direct)
    context = multiprocessing.get_context("forkserver")
    killed = 0
    for stage in ("sink", "load", "clean", "stream"):
        child = context.Process(
            target=lake_processes.run_stage_over_s3_until_killed,
            args=(str(tmp_path), stage, steps, direct),
        )
        child.start()
        child.join(60)
        assert child.exitcode in {0, -signal.SIGKILL}
        killed += child.exitcode != 0
        once(stage, home, dataset)
    assert killed or steps > 20
    assert_each_once(home)


def test_a_stage_goes_on_by_itself_when_s3_comes_back(direct, s3_endpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(requests, "PATIENCE", 0.5)
    with TcpGate(urlsplit(s3_endpoint).port) as gate:
        place = direct._replace(endpoint=f"http://127.0.0.1:{gate.port}")
        home, dataset = make_home(
            tmp_path, lake=place.url, s3=place.settings, stream=Stream(trigger_ms=50)
        )
        post(home, STREAM, [value(number) for number in range(10)])
        stop, failed = threading.Event(), []

        def note(event):
            if event.error:
                failed.append(event.error)

        stage = threading.Thread(
            target=run_stage, args=("stream", home, dataset),
            kwargs={"once": False, "stop": stop, "report": note},
        )  # fmt: skip
        stage.start()
        try:
            reader = place._replace(endpoint=s3_endpoint).open()
            wait_for_rows(reader, 10)
            gate.shut()
            post(home, STREAM, [value(number) for number in range(10, 20)])
            deadline = time.monotonic() + 30
            while not failed and time.monotonic() < deadline:
                time.sleep(0.05)
            assert "could not be read or written" in failed[0]
            gate.open()
            wait_for_rows(reader, 20)
        finally:
            gate.open()
            stop.set()
            stage.join()


def wait_for_rows(lake, count):
    deadline = time.monotonic() + 60
    while True:
        size = tables.size(lake, "stream/sale")
        if size is not None and size.rows >= count:
            assert size.rows == count
            return
        assert time.monotonic() < deadline, size
        time.sleep(0.1)


def test_the_home_of_a_lake_in_s3_keeps_no_secret(direct, tmp_path):
    home, dataset = posted(tmp_path, direct)
    for stage in ("sink", "load"):
        once(stage, home, dataset)
    for path in Path(tmp_path).rglob("*"):
        if path.is_file():
            assert KEYS["AWS_SECRET_ACCESS_KEY"].encode() not in path.read_bytes()
