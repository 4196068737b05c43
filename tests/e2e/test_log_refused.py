"""What the commands say of a log.db that is none, broken, newer, gone, or another one."""

import json
import re
import shutil
import sqlite3
import subprocess
import sys

import pytest
import requests

from harness.pipeline import Gateway, pinlake, run_stages
from harness.small_disk import small_disk

HEADERS = {"Content-Type": "application/vnd.kafka.json.v2+json"}
COMMANDS = {
    "serve": ("serve", "--port", "0"),
    "sink": ("sink", "--once"),
    "stream": ("stream", "--once"),
}


def post(url, count=3, name="t", stream="s"):
    for number in range(count):
        body = json.dumps({"records": [{"value": number}]})
        answer = requests.post(f"{url}/topics/{name}", data=body, headers=HEADERS, timeout=30)
        assert answer.status_code == 200
        put = {"Data": {"n": number}, "PartitionKey": "k"}
        answer = requests.put(f"{url}/streams/{stream}/record", json=put, timeout=30)
        assert answer.status_code == 200


@pytest.fixture(scope="module")
def fed(tmp_path_factory):
    """A home that took records in and holds them in its lake."""
    home = tmp_path_factory.mktemp("fed") / "home"
    with Gateway(home) as gateway:
        post(gateway.url)
    run_stages(home, "sink", "stream")
    return home


@pytest.fixture
def home(fed, tmp_path):
    return shutil.copytree(fed, tmp_path / "home")


def refused(home, command):
    """Return the one line that a command says before it exits with 1."""
    done = pinlake(*COMMANDS[command], "--home", home, check=False, timeout=60)
    assert done.returncode == 1, done.stdout
    [line] = done.stderr.splitlines()
    assert str(home / "log.db") in line
    return line


def as_text(log):
    log.write_text("no log at all\n" * 100)


def as_folder(log):
    log.unlink()
    log.mkdir()


def as_anothers(log):
    log.unlink()
    with sqlite3.connect(log) as database:
        database.execute("CREATE TABLE theirs (a)")
    database.close()


def as_newer(log):
    with sqlite3.connect(log) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()


def as_truncated(log):
    log.write_bytes(log.read_bytes()[:9_000])


CASES = {
    "text": (as_text, "file is not a database; move it away or choose another --home"),
    "a folder": (as_folder, "it is a folder"),
    "another program's": (as_anothers, "it is another program's SQLite database; move it away"),
    "newer": (as_newer, "format 99, and this pinlake reads formats up to 2: use the version that"),
    "truncated": (as_truncated, "damaged or cut short.*bring back a copy"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("case", CASES)
def test_what_is_no_log_of_ours_is_refused_with_what_to_do(home, case, command):
    make, said = CASES[case]
    make(home / "log.db")
    line = refused(home, command)
    assert re.search(said, line), line


def test_a_log_on_a_disk_that_is_read_only_is_refused_with_what_to_do(fed, tmp_path):
    with small_disk(tmp_path / "disk", 8) as disk:
        home = shutil.copytree(fed, disk / "home")
        remount = ["mount", "-o", "remount,ro", str(disk)]
        subprocess.run(remount, check=True, capture_output=True)
        done = pinlake("serve", "--port", "0", "--home", home, check=False, timeout=60)
        assert done.returncode == 1
        [line] = done.stderr.splitlines()
        assert "Read-only file system" in line


@pytest.mark.parametrize("command", ["sink", "stream"])
def test_a_log_that_is_gone_is_no_log_without_records(home, command):
    for path in home.glob("log.db*"):
        path.unlink()
    assert "There is no log at" in refused(home, command)


@pytest.mark.parametrize("loss", ["deleted", "emptied"])
def test_a_log_lost_under_a_lake_stops_the_stages_that_had_read_it(home, loss):
    (home / "log.db").unlink() if loss == "deleted" else (home / "log.db").write_bytes(b"")
    with Gateway(home) as gateway:
        post(gateway.url)
        for command in ("sink", "stream"):
            done = pinlake(*COMMANDS[command], "--home", home, check=False)
            assert done.returncode == 1
            assert "this lake was fed by another log; choose another --home" in done.stderr
        post(gateway.url, name="fresh", stream="fresh")
    assert len(list((home / "lake" / "topics" / "t").rglob("*.json"))) == 1
    pinlake(*COMMANDS["sink"], "--home", home, check=False)
    assert list((home / "lake" / "topics" / "fresh").rglob("*.json"))


def test_a_log_of_another_home_stops_the_stages(home, tmp_path):
    other = tmp_path / "other"
    with Gateway(other) as gateway:
        post(gateway.url, count=9)
    shutil.copy(other / "log.db", home / "log.db")
    for command in ("sink", "stream"):
        done = pinlake(*COMMANDS[command], "--home", home, check=False)
        assert done.returncode == 1
        assert "this lake was fed by another log" in done.stderr


def test_records_that_left_the_log_unread_stop_the_stage_that_misses_them(home):
    with Gateway(home) as gateway:
        post(gateway.url, count=5)
        post(gateway.url, name="other", stream="other")
    trim = (
        "import sys, pathlib; from pinlake.log.sqlite import SqliteLog\n"
        "from pinlake.record import Partition, stream, topic\n"
        "log = SqliteLog(pathlib.Path(sys.argv[1]))\n"
        "[log.trim(Partition(name, 0), 6) for name in (topic('t'), stream('s'))]\n"
        "log.close()"
    )
    subprocess.run([sys.executable, "-c", trim, home / "log.db"], check=True, timeout=60)
    for command, name in (("sink", "t"), ("stream", "s")):
        done = pinlake(*COMMANDS[command], "--home", home, check=False)
        assert done.returncode == 1
        assert f"{name}/0 was read up to position 2" in done.stderr
        assert "3 records, positions 3 to 5, are gone unread" in done.stderr
    assert list((home / "lake" / "topics" / "other").rglob("*.json"))


def test_a_topic_deleted_and_made_again_goes_on_without_an_error(home):
    with Gateway(home) as gateway:
        deleted = requests.delete(f"{gateway.url}/streams/s", timeout=30)
        assert deleted.status_code == 200
        run_stages(home, "sink", "stream")
        post(gateway.url)
    said = run_stages(home, "sink", "stream")
    assert said["sink"]["rows"] == 3
    assert said["stream"]["rows"] == 3
