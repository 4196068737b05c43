"""A table of a server is loaded with flat memory, and once, whatever is killed or goes away."""

import os
import signal
import subprocess
import sys
import urllib.parse

import pytest

from harness.pipeline import ask, pinlake, wait_until
from harness.tcp_gate import TcpGate
from pinlake.source.connection import connect

MANY, FEW = 240_000, 12_000
SERIES = {
    "mysql": "SELECT seq, REPEAT('é', 100) FROM seq_1_to_{}",
    "postgres": "SELECT n, repeat('é', 100) FROM generate_series(1, {}) AS n",
}
DECLARED = """
[tables.bill]
from = { source = "database" }
source = "bills"
key = "ind"
[tables.bill.columns]
ind = { type = "INT", required = true }
name = { type = "STRING" }
"""


@pytest.fixture(params=["mariadb", "postgres"])
def url(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def shop(tmp_path):
    folder = tmp_path / "shop"
    (folder / "clean").mkdir(parents=True)
    (folder / "dataset.toml").write_text(DECLARED)
    (folder / "clean" / "bill.sql").write_text("SELECT ind, name FROM bill\n")
    return folder


def fill(url, count):
    engine = connect(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS bills")
        connection.exec_driver_sql("CREATE TABLE bills (ind INT PRIMARY KEY, name VARCHAR(200))")
        series = SERIES[urllib.parse.urlsplit(url).scheme].format(count)
        connection.exec_driver_sql(f"INSERT INTO bills {series}")
    engine.dispose()


def loading(home, shop, url):
    return subprocess.Popen(
        [sys.executable, "-m", "pinlake", "load", "--once", "--home", home, "--dataset", shop],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PINLAKE_SOURCE": url},
    )


def peak(home, shop, url):
    """Load to the end, and return the most memory that the command held, in KiB."""
    command = loading(home, shop, url)
    command.stderr.close()
    _, code, used = os.wait4(command.pid, 0)
    command.returncode = os.waitstatus_to_exitcode(code)
    assert command.returncode == 0
    return used.ru_maxrss


def commits(home):
    return len(list((home / "lake/raw/bill/_delta_log").glob("*.json")))


def check_all(home, count):
    (row,) = ask(home, "SELECT count(*) AS n, count(DISTINCT ind) AS d FROM raw.bill", "clean")
    assert (row["n"], row["d"]) == (count, count)


@pytest.mark.release
@pytest.mark.slow
def test_memory_does_not_follow_the_size_of_the_table(tmp_path, shop, url):
    fill(url, FEW)
    small = peak(tmp_path / "small", shop, url)
    fill(url, MANY)
    large = peak(tmp_path / "large", shop, url)
    check_all(tmp_path / "large", MANY)
    content = MANY * 230 // 1024
    assert large - small < content, (small, large)
    assert large < 2 * small, (small, large)


@pytest.mark.release
@pytest.mark.slow
def test_a_load_that_is_killed_goes_on_without_a_gap_or_a_double(tmp_path, shop, url):
    home = tmp_path / "home"
    fill(url, MANY // 2)
    for stop in (1, 3):
        command = loading(home, shop, url)
        wait_until(lambda stop=stop: commits(home) > stop)
        command.kill()
        command.communicate()
        assert command.returncode == -signal.SIGKILL
    pinlake("load", "--once", "--home", home, environment={"PINLAKE_SOURCE": url})
    check_all(home, MANY // 2)


@pytest.mark.slow
def test_a_server_that_goes_away_in_a_load_is_told_and_the_rest_comes_later(tmp_path, shop, url):
    home, port = tmp_path / "home", urllib.parse.urlsplit(url).port
    fill(url, MANY // 2)
    with TcpGate(port) as gate:
        through = url.replace(f":{port}/", f":{gate.port}/")
        command = loading(home, shop, through)
        wait_until(lambda: commits(home) > 1)
        gate.shut()
        said = command.communicate(timeout=60)[1]
        assert command.returncode == 1
        assert "The source " in said
        # PyMySQL's cursor may raise once more when it is collected, which Python itself prints.
        assert "Traceback" not in said.partition("Exception ignored in")[0]
        assert "s3cret" not in said
        gate.open()
        pinlake("load", "--once", "--home", home, environment={"PINLAKE_SOURCE": through})
        check_all(home, MANY // 2)
