"""The producer as a user has it: a sample, a real gateway, and kill -9 of the poster."""

import json
import subprocess
import sys
import time
from itertools import islice

import pytest

from harness.keyed_proxy import KeyedProxy
from harness.pipeline import USER_ID, Gateway, pinlake
from pinlake.dataset import load
from pinlake.log.open import open_reader
from pinlake.producer.emulation import draws
from pinlake.record import Partition, stream, topic
from pinlake.source.sample import generate

PINTEREST = load("pinterest")
DRAWS = [draw.number for draw in islice(draws(PINTEREST.producer), 5000)]
NAMES = {
    "kafka": lambda table: topic(f"{USER_ID}.{table}"),
    "kinesis": lambda table: stream(f"streaming-{USER_ID}-{table}"),
}


@pytest.fixture
def home(tmp_path):
    pinlake("sample", "--rows", 11001, "--home", tmp_path / "home")
    return tmp_path / "home"


def rows_in_log(home, via, table):
    """Return the rows of one topic or stream, in the log's order."""
    log = open_reader(f"sqlite:///{home / 'log.db'}")
    partition = Partition(NAMES[via](table), 0)
    batch = log.read(partition, None, 100_000_000)
    log.close()
    return [json.loads(value) for value in batch.values.values()]


@pytest.mark.parametrize("via", ["kafka", "kinesis"])
def test_two_runs_post_the_classic_rows_one_after_another(home, via):
    with Gateway(home) as gateway:
        said = [
            json.loads(pinlake("post", "--via", via, "--posts", posts, "--url", gateway.url,
                               "--home", home, "--json").stdout)
            for posts in (25, 15)
        ]  # fmt: skip
        for table in ("pin", "geo", "user"):
            made = [next(generate(PINTEREST, table, number, 1)) for number in DRAWS[:40]]
            assert rows_in_log(home, via, table) == made
    assert [(each["posts"], each["sent"], each["refused"], each["draws"]) for each in said] == [
        (25, 75, 0, 25), (15, 45, 0, 40),
    ]  # fmt: skip


@pytest.mark.parametrize("via", ["kafka", "kinesis"])
def test_behind_api_gateway_the_key_lets_in_and_is_never_shown(home, via):
    with Gateway(home) as gateway, KeyedProxy(gateway.url, "a-key-of-tests") as proxy:
        post = ("post", "--via", via, "--posts", 2, "--url", proxy.url, "--home", home)
        refused = pinlake(*post, check=False, environment={"PINLAKE_POST_API_KEY": "another-key"})
        let_in = {"PINLAKE_POST_API_KEY": "a-key-of-tests"}
        done = pinlake(*post, environment=let_in)
        shown = pinlake("config", "--home", home, environment=let_in).stdout
        held = rows_in_log(home, via, "pin")
    assert (refused.returncode, proxy.refused) == (1, 1)
    assert f"{proxy.url} does not let this producer in: 403 Forbidden" in refused.stderr
    assert "PINLAKE_POST_API_KEY" in refused.stderr
    assert "6 records sent" in done.stdout
    assert held == [next(generate(PINTEREST, "pin", number, 1)) for number in DRAWS[:2]]
    assert not any("-key" in text for text in (refused.stdout + refused.stderr, shown))


@pytest.mark.slow
@pytest.mark.parametrize("via", ["kafka", "kinesis"])
def test_kill_9_of_the_poster_repeats_at_most_one_record_and_leaves_out_none(home, via):
    kills = 6
    with Gateway(home) as gateway:
        command = ["post", "--via", via, "--url", gateway.url, "--home", str(home)]
        state = home / "producer" / f"{via}-{USER_ID}.json"
        for kill in range(kills):
            _kill_on_its_way(command, state)
            assert state.exists(), f"nothing was posted before kill {kill}"
        pinlake(*command, "--posts", 20)
        done = json.loads(state.read_text())["posts"]
        numbers = {
            table: [row.get("index", row.get("ind")) for row in rows_in_log(home, via, table)]
            for table in ("pin", "geo", "user")
        }
    for found in numbers.values():
        assert _without_repeats(found) == _without_repeats(DRAWS[:done])
    assert sum(map(len, numbers.values())) <= 3 * done + kills
    assert done > kills + 20


def _kill_on_its_way(command, state):
    before = _place(state)
    poster = subprocess.Popen([sys.executable, "-m", "pinlake", *command, "--posts", "100000"])
    deadline = time.monotonic() + 60
    while _place(state) == before:
        assert time.monotonic() < deadline
        assert poster.poll() is None
        time.sleep(0.001)
    time.sleep(0.05)
    poster.kill()
    poster.wait()


def _place(state):
    return state.read_text() if state.exists() else ""


def _without_repeats(numbers):
    """Drop a number that follows itself: a record that was sent again."""
    return [number for at, number in enumerate(numbers) if at == 0 or numbers[at - 1] != number]
