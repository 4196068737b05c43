"""A pipeline as a user has it: the command line, a real gateway, real sockets."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import requests

USER_ID = "0abc12345678"


def pinlake(*arguments, check=True, environment=None, cwd=None, timeout=240):
    """Run one pinlake command and return the finished process."""
    done = subprocess.run(
        [sys.executable, "-m", "pinlake", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **(environment or {})},
        cwd=cwd,
        timeout=timeout,
        check=False,
    )
    if check:
        assert done.returncode == 0, f"pinlake {arguments}: {done.stdout}\n{done.stderr}"
    return done


def ask(home, name, source="clean"):
    """Return the rows of a question as the command line prints them in JSON."""
    arguments = ("--sql", name) if " " in name else (name,)
    done = pinlake("query", *arguments, "--from", source, "--format", "json", "--home", home)
    return json.loads(done.stdout)


def run_stages(home, *stages, environment=None):
    """Drain stages, one after another, and return what each says it did."""
    said = {}
    for stage in stages or ("sink", "load", "clean", "stream"):
        done = pinlake(stage, "--once", "--home", home, "--json", environment=environment)
        said[stage] = json.loads(done.stdout.splitlines()[-1])
    return said


class Gateway:
    """``pinlake serve`` as a process on a free port."""

    def __init__(self, home, *arguments, environment=None):
        self.home = Path(home)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pinlake", "serve", "--port", "0", "--json"]
            + ["--home", str(home), *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        line = self.process.stdout.readline()
        assert line, "the gateway ended before it listened"
        self.url = json.loads(line)["url"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def kill(self):
        """End it as a power cut would."""
        self.process.kill()
        self._reap()

    def stop(self):
        """End it politely; its exit code must be 0."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(20) == 0
        self._reap()

    def _reap(self):
        self.process.wait()
        with contextlib.suppress(ValueError):
            self.process.stdout.close()


def post_to_kafka(url, table, row, session=requests):
    """Post one row as the classic script does; return (partition, offset)."""
    answer = session.request(
        "POST",
        f"{url}/test/topics/{USER_ID}.{table}",
        headers={"Content-Type": "application/vnd.kafka.json.v2+json"},
        data=json.dumps({"records": [{"value": row}]}, default=str),
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    entry = answer.json()["offsets"][0]
    return entry["partition"], entry["offset"]


def post_to_kinesis(url, table, row, session=requests):
    """Put one row as the classic script does; return (shard, sequence number)."""
    stream = f"streaming-{USER_ID}-{table}"
    answer = session.request(
        "PUT",
        f"{url}/dev/streams/{stream}/record",
        headers={"Content-Type": "application/json"},
        data=json.dumps({"StreamName": stream, "Data": row, "PartitionKey": table}, default=str),
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    entry = answer.json()
    return entry["ShardId"], entry["SequenceNumber"]


def wait_until(condition, seconds=60, pause=0.05):
    """Wait for a condition, and fail when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(pause)
