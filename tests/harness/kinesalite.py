"""A kinesalite in a folder of its own, started, killed and started again by its process id."""

import contextlib
import shutil
import socket
import subprocess
import time
from pathlib import Path

from harness.free_port import free_port
from requirements_of_tests import require

ROOT = Path(__file__).parents[2]
REGION = "us-east-1"
KEYS = {"access_key": "AKIATESTTESTTESTTEST", "secret_key": "s3cr3t-s3cr3t-s3cr3t"}


class Kinesalite:
    """One Kinesis on a free loopback port that stays the same over its restarts."""

    def __init__(self, folder):
        require(shutil.which("node") and shutil.which("npm"), "there is no Node.js for kinesalite")
        fetched = subprocess.run(
            [ROOT / "script/kinesis", "--fetch"], capture_output=True, text=True, check=False
        )
        require(
            fetched.returncode == 0, f"kinesalite could not be fetched: {fetched.stderr[-200:]}"
        )
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = None

    def start(self):
        """Start it, and return once it listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "out").open("ab") as out:
            self._server = subprocess.Popen(
                [ROOT / "script/kinesis", "--port", str(self.port), "--data", self.folder / "data"],
                stdout=out, stderr=out,
            )  # fmt: skip
        due = time.monotonic() + 60
        while time.monotonic() < due:
            assert self._server.poll() is None, (self.folder / "out").read_text()[-2000:]
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return self
            time.sleep(0.05)
        raise TimeoutError((self.folder / "out").read_text()[-2000:])

    def kill(self):
        """End it as kill -9 does."""
        self._server.kill()
        self._server.wait(30)


def client(url):
    """Return a boto3 client of a Kinesis; close it."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "kinesis",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=KEYS["access_key"],
        aws_secret_access_key=KEYS["secret_key"],
        config=Config(retries={"max_attempts": 0}),
    )


def forget_streams(url):
    """Delete every stream of a Kinesis."""
    with contextlib.closing(client(url)) as kinesis:
        while names := kinesis.list_streams()["StreamNames"]:
            for name in names:
                with contextlib.suppress(
                    kinesis.exceptions.ResourceInUseException,
                    kinesis.exceptions.ResourceNotFoundException,
                ):
                    kinesis.delete_stream(StreamName=name)
            time.sleep(0.05)


def environment(url, **others):
    """Return the variables that have a pinlake keep its streams in a Kinesis."""
    given = {"endpoint": url, **KEYS, **others}
    named = {f"PINLAKE_KINESIS_{name.upper()}": str(value) for name, value in given.items()}
    return {"PINLAKE_STREAMS": f"kinesis://{REGION}", **named}
