"""S3 servers that enforce conditional puts, in a folder of their own, on a free loopback port."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from requirements_of_tests import require

KEYS = {"AWS_ACCESS_KEY_ID": "a-key-of-tests", "AWS_SECRET_ACCESS_KEY": "a-secret-of-tests"}
BUCKET = "lakes"


@contextlib.contextmanager
def moto(folder):
    """Run moto's server and yield its endpoint; a bucket is there."""
    pytest.importorskip("moto.server", reason="moto's server is not installed")
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _running(command, port, folder) as endpoint:
        yield endpoint


def program():
    """Return where versitygw is: in the path, or where Go puts programs; None: nowhere."""
    places = [os.environ.get("GOBIN"), Path.home() / "go" / "bin"]
    found = [Path(each) / "versitygw" for each in places if each]
    return shutil.which("versitygw") or next((str(each) for each in found if each.exists()), None)


@contextlib.contextmanager
def versitygw(folder):
    """Run a versitygw and yield its endpoint; a bucket is there, its objects are files."""
    require(
        program(), "there is no versitygw (go install github.com/versity/versitygw/cmd/versitygw)"
    )
    port = free_port()
    for name in ("root", "sidecar"):
        (folder / name).mkdir()
    command = [program(), "--port", f"127.0.0.1:{port}", "--quiet", "posix", "--sidecar",
               str(folder / "sidecar"), str(folder / "root")]  # fmt: skip
    with _running(command, port, folder) as endpoint:
        yield endpoint


def client(endpoint):
    """Return boto3's client of a server."""
    return boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1",
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        config=Config(s3={"addressing_style": "path"}),
    )  # fmt: skip


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextlib.contextmanager
def _running(command, port, folder):
    environment = os.environ | {
        "ROOT_ACCESS_KEY": KEYS["AWS_ACCESS_KEY_ID"],
        "ROOT_SECRET_KEY": KEYS["AWS_SECRET_ACCESS_KEY"],
    }
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        _wait_for(port, server)
        endpoint = f"http://127.0.0.1:{port}"
        client(endpoint).create_bucket(Bucket=BUCKET)
        yield endpoint
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(port, server):
    deadline = time.monotonic() + 60
    while True:
        assert server.poll() is None, "the S3 server ended"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert time.monotonic() < deadline, "the S3 server did not start"
        time.sleep(0.05)
