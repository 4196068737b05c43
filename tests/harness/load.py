"""Clients that post and go on posting, and stages that run beside them."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests

from harness.pipeline import wait_until

HEADERS = {"Content-Type": "application/vnd.kafka.json.v2+json"}


def post(url, topic, *records, session=requests):
    """Post values, or whole records with a partition of their own."""
    whole = [each if is_whole(each) else {"value": each} for each in records]
    data = json.dumps({"records": whole})
    return session.post(f"{url}/topics/{topic}", data=data, headers=HEADERS, timeout=60)


def user(number):
    """Return a row of the table user with a key of its own."""
    return {"ind": number, "first_name": "A", "last_name": "B", "age": 30,
            "date_joined": "2016-01-01 00:00:00"}  # fmt: skip


def is_whole(record):
    return isinstance(record, dict) and "value" in record


class Load:
    """Clients that post one record after another, each until it is acknowledged."""

    def __init__(self, url, clients=4):
        self.acknowledged, self.refused = {}, []
        self._url, self._stop = url, threading.Event()
        self._pool = ThreadPoolExecutor(clients)
        self._clients = [self._pool.submit(self._post, number) for number in range(clients)]

    def wait(self, count):
        """Wait until so many more records are acknowledged."""
        enough = len(self.acknowledged) + count
        wait_until(lambda: len(self.acknowledged) >= enough, seconds=90)

    def wait_for_refusal(self):
        """Wait until a record that was not refused before is."""
        before = len(self.refused)
        wait_until(lambda: len(self.refused) > before, seconds=90)

    def end(self):
        """Return what is acknowledged by its place, once every client has had its answer."""
        self._stop.set()
        for each in self._clients:
            each.result()
        self._pool.shutdown()
        return self.acknowledged

    def _post(self, number):
        with requests.Session() as session:
            for turn in range(1_000_000):
                if self._stop.is_set():
                    return
                self._until_acknowledged({"client": number, "turn": turn}, session)

    def _until_acknowledged(self, value, session):
        for _ in range(600):
            answer = post(self._url, "t", value, session=session)
            if answer.status_code == 200:
                (entry,) = answer.json()["offsets"]
                self.acknowledged[entry["partition"], entry["offset"]] = value
                return
            self.refused.append((answer.status_code, answer.headers.get("Retry-After")))
            time.sleep(0.1)
        raise TimeoutError(value)


@contextlib.contextmanager
def running(home, *stages):
    """Run stages for ever, and give the file that each writes its events to."""
    with contextlib.ExitStack() as ended:
        started, said = [], {}
        for stage in stages:
            said[stage] = home.parent / f"{stage}.said"
            out = ended.enter_context(said[stage].open("ab"))
            command = [sys.executable, "-m", "pinlake", stage, "--home", home]
            process = subprocess.Popen(command, stdout=out, stderr=out, env=os.environ)
            started.append(process)
            ended.callback(process.wait, 60)
            ended.callback(process.kill)
        yield said
        assert [each.poll() for each in started] == [None] * len(started)
