"""kill -9 of every service at random points, under clients that retry."""

import json
import os
import random
import socket
import threading
import time
from collections import Counter

import polars as pl
import pytest
import requests
from deltalake import DeltaTable

from harness.delta_log import assert_sound
from harness.pipeline import (
    USER_ID,
    ask,
    pinlake,
    post_to_kafka,
    post_to_kinesis,
    run_stages,
    wait_until,
)
from pinlake.run.supervisor import BackOff, Supervisor
from pinlake.run.up import services

KILLS = int(os.environ.get("PINLAKE_TEST_KILLS", "20"))
SEED = 20261121
TABLES = ("pin", "geo", "user")


class Client(threading.Thread):
    """Posts rows of one route for ever, retries what was not answered, and notes every answer."""

    def __init__(self, url, post, rows, seed):
        super().__init__(daemon=True)
        self.url, self.post, self.rows = url, post, rows
        self.session = requests.Session()
        self.random = random.Random(seed)
        self.acknowledged = []
        self.ended = threading.Event()

    def run(self):
        while not self.ended.is_set():
            table = self.random.choice(TABLES)
            row = self.random.choice(self.rows[table])
            while not self.ended.is_set():
                try:
                    position = self.post(self.url, table, row, self.session)
                except (requests.ConnectionError, AssertionError):
                    time.sleep(0.05)
                    continue
                self.acknowledged.append((table, *position))
                break


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_acknowledged_record_is_lost_or_doubled(tmp_path, sampled_rows):
    port = _free_port()
    home, url = tmp_path / "home", f"http://127.0.0.1:{port}"
    pace = {
        "PINLAKE_SINK_ROTATE_SECONDS": "0.3",
        "PINLAKE_BATCH_EVERY_SECONDS": "0.3",
        "PINLAKE_STREAM_TRIGGER_MS": "200",
    }
    supervisor = Supervisor(
        services(_home(home), "--port", str(port), environment=pace),
        tmp_path / "logs",
        back_off=BackOff(first=0.05, most=1.0, healthy=0.5),
    )
    clients = [
        Client(url, post, sampled_rows, SEED + number)
        for number, post in enumerate([post_to_kafka, post_to_kinesis] * 2)
    ]
    supervisor.start()
    try:
        wait_until(lambda: _is_healthy(url))
        for client in clients:
            client.start()
        killed = _kill_at_random(supervisor, url, random.Random(SEED))
        for client in clients:
            client.ended.set()
            client.join(60)
    finally:
        supervisor.stop()
    run_stages(home)

    print(f"killed {dict(killed)}, acknowledged {[len(each.acknowledged) for each in clients]}")
    assert set(killed) == {"serve", "sink", "load", "clean", "stream"}
    assert all(len(client.acknowledged) > 100 for client in clients)
    _assert_each_offset_once(home, clients[0].acknowledged + clients[2].acknowledged)
    _assert_each_key_once(home)
    _assert_stream_has_every_key(home, clients[1].acknowledged + clients[3].acknowledged)
    for folder in ("raw", "clean", "stream"):
        for table in TABLES:
            assert_sound(home / "lake" / folder / table)


def _kill_at_random(supervisor, url, rng):
    names = [child.service.name for child in supervisor.children]
    order = [names[number % len(names)] for number in range(KILLS)]
    rng.shuffle(order)
    killed = Counter()
    for name in order:
        (child,) = [each for each in supervisor.children if each.service.name == name]
        _await_work(supervisor, child, url)
        time.sleep(rng.uniform(0.0, 0.4))
        child.process.kill()
        child.process.wait()
        killed[name] += 1
    wait_until(lambda: supervisor.tend() is not None and _is_healthy(url))
    time.sleep(1.0)
    return killed


def _await_work(supervisor, child, url):
    """Wait until a service is at work: a stage has said something, the gateway answers."""
    if child.service.name == "serve":
        wait_until(lambda: supervisor.tend() is not None and _is_healthy(url))
        return

    def has_spoken():
        supervisor.tend()
        running = child.process is not None
        size = child.log.stat().st_size if child.log.exists() else 0
        if running and child.process.pid not in seen:
            seen[child.process.pid] = size
        return running and size > seen[child.process.pid]

    seen = {}
    wait_until(has_spoken, seconds=90, pause=0.02)


def _assert_each_offset_once(home, acknowledged):
    for table in TABLES:
        wanted = {offset for of, _, offset in acknowledged if of == table}
        raw = ask(home, f"SELECT _offset AS o FROM raw.{table} WHERE _topic = '{USER_ID}.{table}'")
        offsets = Counter(row["o"] for row in raw)
        assert set(offsets.values()) == {1}
        assert wanted <= offsets.keys()
        assert sorted(offsets) == list(range(len(offsets))), "raw has a gap"


def _assert_each_key_once(home):
    for folder in ("clean", "stream"):
        for table in TABLES:
            frame = pl.read_delta(str(home / "lake" / folder / table))
            assert frame["ind"].n_unique() == frame.height


def _assert_stream_has_every_key(home, acknowledged):
    counts = Counter()
    for table in TABLES:
        for commit in DeltaTable(str(home / "lake" / "stream" / table)).history():
            for name in ("rows", "duplicates", "quarantined"):
                counts[table] += int(commit.get(name, 0))
        assert counts[table] >= sum(of == table for of, _, _ in acknowledged)


def _is_healthy(url):
    try:
        return requests.get(f"{url}/health", timeout=2).status_code == 200
    except requests.RequestException:
        return False


def _free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def _home(path):
    from pinlake.home import open_home

    return open_home(path, create=True)[0]


@pytest.fixture(scope="module")
def sampled_rows(tmp_path_factory):
    """Rows of a small sample, so that keys are drawn again and again."""
    from sqlalchemy import create_engine, text

    home = tmp_path_factory.mktemp("sampled")
    pinlake("sample", "--rows", "400", "--home", home)
    engine = create_engine(f"sqlite:///{home / 'source.db'}")
    sources = {"pin": "pinterest_data", "geo": "geolocation_data", "user": "user_data"}
    with engine.connect() as connection:
        rows = {
            table: [
                dict(row) for row in connection.execute(text(f"SELECT * FROM {name}")).mappings()
            ]
            for table, name in sources.items()
        }
    engine.dispose()
    return json.loads(json.dumps(rows, default=str))
