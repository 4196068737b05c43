"""`pinlake up` runs everything for ever: restarts what is killed, stops cleanly."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest
import requests

from harness.pipeline import pinlake, post_to_kinesis, wait_until

GEO = {"timestamp": "2018-03-01 12:00:00", "latitude": 1, "longitude": 2, "country": "X"}
SERVICES = {"serve", "sink", "load", "clean", "stream"}


@pytest.fixture
def running(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "pinlake", "up", "--home", str(tmp_path / "home")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PINLAKE_GATEWAY_PORT": str(port), "PINLAKE_BATCH_EVERY_SECONDS": "1"},
    )
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: _is_healthy(url))
    yield process, url, tmp_path / "home"
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_killed_service_comes_back_and_a_signal_stops_all_cleanly(running, number):
    process, url, home = running
    wait_until(lambda: set(_children(process.pid)) == SERVICES)
    before = _children(process.pid)
    os.kill(before["stream"], signal.SIGKILL)
    wait_until(lambda: _children(process.pid).get("stream", before["stream"]) != before["stream"])
    post_to_kinesis(url, "geo", {"ind": 1, **GEO})
    wait_until(lambda: _count(home, "stream.geo") == 1)
    now = _children(process.pid)
    assert {name: pid for name, pid in now.items() if name != "stream"} == {
        name: pid for name, pid in before.items() if name != "stream"
    }
    process.send_signal(number)
    assert process.wait(20) == 0
    assert not any(os.path.exists(f"/proc/{pid}") for pid in now.values())
    said = process.stdout.read()
    assert "stream ended" in said
    assert said.rstrip().endswith("what was acknowledged is kept.")


def test_a_second_gateway_on_one_home_is_refused_in_one_line(running):
    _, _, home = running
    done = pinlake("serve", "--port", "0", "--home", home, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "held by another process" in done.stderr


def test_a_second_writer_of_a_stage_is_told_so(running):
    _, url, home = running
    post_to_kinesis(url, "geo", {"ind": 1, **GEO})
    wait_until(lambda: _count(home, "stream.geo") == 1)
    done = pinlake("stream", "--once", "--home", home, check=False)
    assert done.returncode == 1
    assert "one writer a table" in done.stderr


def test_status_tells_what_runs_and_how_far_it_is(running):
    _, url, home = running
    post_to_kinesis(url, "geo", {"ind": 1, **GEO})
    wait_until(lambda: _count(home, "stream.geo") == 1)
    stages = json.loads(pinlake("status", "--home", home, "--json").stdout)["stages"]
    [geo] = [each for each in stages if (each["stage"], each["table"]) == ("stream", "geo")]
    assert (geo["running"], geo["rows"], geo["lag"]) == (True, 1, 0)


def _count(home, table):
    done = pinlake(
        *("query", "--sql", f"SELECT count(*) AS n FROM {table}"),
        *("--format", "json", "--home", home),
        check=False,
    )
    return json.loads(done.stdout)[0]["n"] if done.returncode == 0 else 0


def _children(parent):
    """Return the process id of each service by its name."""
    found = {}
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(parent)],
        capture_output=True,
        text=True,
        check=False,
    )
    for line in listed.stdout.splitlines():
        pid, *arguments = line.split()
        if "pinlake" in arguments:
            found[arguments[arguments.index("pinlake") + 1]] = int(pid)
    return found


def _is_healthy(url):
    try:
        return requests.get(f"{url}/health", timeout=2).status_code == 200
    except requests.RequestException:
        return False
