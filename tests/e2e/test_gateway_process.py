"""`pinlake serve` as a process: it starts, stops and is killed."""

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from harness.pipeline import Gateway
from pinlake.log.reader import SqliteLogReader
from pinlake.record import Partition, topic

HEADERS = {"Content-Type": "application/vnd.kafka.json.v2+json"}


def post(url, value, session=requests):
    data = json.dumps({"records": [{"value": value}]})
    return session.post(f"{url}/topics/t", data=data, headers=HEADERS, timeout=30)


def stored(home):
    """Return what a reader beside the gateway finds in the topic."""
    reader = SqliteLogReader(home / "log.db")
    batch = reader.read(Partition(topic("t"), 0), None, 1 << 30)
    reader.close()
    return [json.loads(value) for value in batch.values.values()]


def test_it_is_healthy_and_ready_the_moment_it_says_where_it_listens(tmp_path):
    with Gateway(tmp_path) as gateway:
        assert gateway.url.startswith("http://127.0.0.1:")
        assert requests.get(f"{gateway.url}/health", timeout=30).json() == {"status": "ok"}
        assert requests.get(f"{gateway.url}/ready", timeout=30).json() == {"status": "ready"}


def test_topics_and_streams_of_a_user_are_there_before_the_first_post(tmp_path):
    with Gateway(tmp_path, "--user-id", "0abc12345678") as gateway:
        topics = requests.get(f"{gateway.url}/topics", timeout=30).json()
        assert topics == [f"0abc12345678.{table}" for table in ("geo", "pin", "user")]
        streams = requests.get(f"{gateway.url}/dev/streams", timeout=30).json()["StreamNames"]
        assert "streaming-0abc12345678-pin" in streams


def test_what_was_acknowledged_survives_a_kill_under_load(tmp_path):
    gateway = Gateway(tmp_path)
    acknowledged = []

    def client(number):
        with requests.Session() as session:
            for turn in range(10_000):
                try:
                    answer = post(gateway.url, [number, turn], session)
                except requests.ConnectionError:
                    return
                if answer.status_code == 200:
                    acknowledged.append((answer.json()["offsets"][0]["offset"], [number, turn]))

    with ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(client, number) for number in range(8)]
        while len(acknowledged) < 200:
            time.sleep(0.01)
        gateway.kill()
        for each in clients:
            each.result()
    with Gateway(tmp_path):
        found = stored(tmp_path)
    assert all(found[offset] == value for offset, value in acknowledged)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_while_clients_post_and_nothing_acknowledged_is_lost(tmp_path, number):
    gateway = Gateway(tmp_path)
    acknowledged = []

    def client():
        while True:
            try:
                answer = post(gateway.url, 1)
            except requests.ConnectionError:
                return
            assert answer.status_code == 200
            acknowledged.append(answer.json()["offsets"][0]["offset"])

    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(client) for _ in range(4)]
        while len(acknowledged) < 20:
            time.sleep(0.01)
        gateway.process.send_signal(number)
        assert gateway.process.wait(20) == 0
        for each in clients:
            each.result()
    gateway.stop()
    with Gateway(tmp_path):
        assert len(stored(tmp_path)) >= len(acknowledged)
        assert sorted(acknowledged) == list(range(len(acknowledged)))


def test_kept_connections_do_not_hold_up_the_end(tmp_path):
    gateway = Gateway(tmp_path)
    with requests.Session() as session:
        assert post(gateway.url, 1, session).status_code == 200
        gateway.stop()
        with pytest.raises(requests.ConnectionError):
            post(gateway.url, 2, session)
    assert stored(tmp_path) == [1]


def test_a_signal_in_the_middle_of_the_start_is_never_lost(tmp_path):
    for pause in (0.3, 0.6, 0.8, 1.0, 1.2):
        command = [sys.executable, "-m", "pinlake", "serve", "--port", "0", "--home", tmp_path]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        time.sleep(pause)
        process.terminate()
        assert process.wait(30) in {0, -signal.SIGTERM}


def test_a_second_gateway_on_one_home_is_refused_with_what_to_do(tmp_path):
    with Gateway(tmp_path):
        command = [sys.executable, "-m", "pinlake", "serve", "--port", "0", "--home", tmp_path]
        second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode == 1
        assert "stop the other one, or choose another --home" in " ".join(second.stderr.split())
