"""The source goes away in the middle of a post: a clear error, and the rest once it is back."""

import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import pinlake as product
from harness.campaign import evidence
from harness.database_servers import mariadb, postgres
from harness.pipeline import Gateway, pinlake, wait_until
from harness.tcp_gate import TcpGate

POSTS, LAST = 1500, 100
PINTEREST = Path(product.__file__).parent / "datasets" / "pinterest"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """The classic data set, drawn from few rows."""
    folder = tmp_path_factory.mktemp("sets") / "pinterest"
    shutil.copytree(PINTEREST, folder)
    declared = folder / "dataset.toml"
    declared.write_text(re.sub(r"last += +\d+", f"last = {LAST}", declared.read_text()))
    return folder


@pytest.fixture
def home(tmp_path, dataset):
    home = tmp_path / "home"
    pinlake("sample", "--rows", LAST + 1, "--home", home, "--dataset", dataset)
    return home


@contextlib.contextmanager
def posting(home, dataset, source, gateway):
    """Post until the block takes the source away; yield what the command then says."""
    said = []
    command = subprocess.Popen(
        [sys.executable, "-m", "pinlake", "post", "--via", "kafka", "--url", gateway.url]
        + ["--posts", str(POSTS), "--home", home, "--dataset", dataset],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PINLAKE_SOURCE": source},
    )
    wait_until(lambda: _noted(home) > 0)
    yield said
    said.append(command.communicate(timeout=200)[1])
    assert command.returncode == 1, said


def rest(home, dataset, source, gateway):
    """Post what is left; check that each post of the sequence is there, once."""
    pinlake(
        "post", "--via", "kafka", "--url", gateway.url, "--posts", POSTS - _noted(home),
        "--home", home, "--dataset", dataset, environment={"PINLAKE_SOURCE": source},
    )  # fmt: skip
    gateway.stop()
    for place, stored in evidence.log(home).items():
        found = [json.loads(each) for each in stored.values.values()]
        numbers = [each.get("index", each.get("ind")) for each in found]
        assert len(numbers) == POSTS, place
        assert numbers == _drawn(), place


def _noted(home):
    """Return how many posts the producer's own file says are done."""
    try:
        (file,) = (home / "producer").glob("*.json")
        return json.loads(file.read_bytes())["posts"]
    except ValueError:
        return 0


def _drawn():
    """Return the row numbers that the classic loop draws, by Python's own chance."""
    import random

    rng, found = random.Random(100), []
    for _ in range(POSTS):
        rng.randrange(0, 2)
        found.append(rng.randint(0, LAST))
    return found


def _told(said):
    (text,) = said
    assert text.startswith("pinlake: The source "), text
    assert "Traceback" not in text
    return text


@pytest.mark.slow
def test_a_source_file_that_is_moved_away_and_back(home, dataset):
    file = home / "source.db"
    source = f"sqlite:///{file}"
    with Gateway(home) as gateway:
        first = ("post", "--via", "kafka", "--url", gateway.url, "--home", home)
        pinlake(*first, "--dataset", dataset, "--posts", 5)
        file.rename(home / "elsewhere.db")
        done = pinlake(*first, "--dataset", dataset, "--posts", 5, check=False)
        assert done.returncode == 1
        assert "source.db" in _told([done.stderr])
        assert not file.exists(), "an empty database was made in the source's place"
        (home / "elsewhere.db").rename(file)
        rest(home, dataset, source, gateway)


@pytest.mark.slow
def test_a_source_file_that_another_program_locks(home, dataset):
    source = f"sqlite:///{home / 'source.db'}"
    with Gateway(home) as gateway:
        with contextlib.closing(sqlite3.connect(home / "source.db")) as other:
            with posting(home, dataset, source, gateway) as said:
                other.execute("BEGIN EXCLUSIVE")
            other.rollback()
        assert "another program writes to it" in _told(said)
        rest(home, dataset, source, gateway)


@pytest.mark.slow
@pytest.mark.parametrize("server", [postgres, mariadb])
def test_a_database_server_that_goes_away_and_comes_back(tmp_path, home, dataset, server):
    (tmp_path / "server").mkdir()
    with server(tmp_path / "server") as url, TcpGate(urlsplit(url).port) as gate:
        source = url.replace(f":{urlsplit(url).port}/", f":{gate.port}/")
        filled = ("sample", "--rows", LAST + 1, "--home", home, "--dataset", dataset)
        pinlake(*filled, environment={"PINLAKE_SOURCE": source})
        with Gateway(home) as gateway:
            with posting(home, dataset, source, gateway) as said:
                gate.shut()
            assert "s3cret" not in _told(said)
            gate.open()
            rest(home, dataset, source, gateway)
