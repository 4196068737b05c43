"""`pinlake doctor` asks Spark's workers, behind Connect and over S3, before a stage does."""

import json

import pytest

import lakes
from harness.pipeline import pinlake
from harness.s3_server import KEYS
from harness.spark_connect import SailServer
from pinlake import __version__
from pinlake.home import open_home

pytestmark = [pytest.mark.spark, pytest.mark.slow]


@pytest.fixture
def place(s3_endpoint, tmp_path):
    pytest.importorskip("pysail", reason="pysail is not installed")
    pytest.importorskip("grpc", reason="grpcio, our extra spark-connect, is missing")
    found = lakes.s3_place(s3_endpoint, tmp_path)
    open_home(found.home, "pinterest", create=True)
    return found


def told(place, server, environment=None):
    """Return what the doctor says of the workers, and all that it printed."""
    settings = {"PINLAKE_ENGINE": "spark", "PINLAKE_SPARK_REMOTE": server.url}
    done = pinlake(
        *("doctor", "--json", "--home", place.home),
        environment=(environment or place.environment) | settings,
        check=False,
    )
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    return [each for each in findings if each["check"] == "workers"], done.stdout + done.stderr


def test_workers_that_reach_the_lake_are_well_and_leave_nothing(place, tmp_path):
    with SailServer(tmp_path, KEYS) as server:
        (said,), _ = told(place, server)
    assert (said["severity"], said["do"]) == ("ok", "")
    assert said["what"] == f"Spark's workers have pinlake {__version__} and write {place.url}"
    assert place.open().children("progress/doctor") == []


def test_workers_without_rights_are_told_and_no_secret_with_them(place, tmp_path):
    with SailServer(tmp_path, KEYS | {"AWS_SECRET_ACCESS_KEY": "a-wrong-secret"}) as server:
        (said,), printed = told(place, server)
    assert said["severity"] == "error"
    assert f"from Spark's workers: The lake {place.url} could not be read" in said["what"]
    assert "credentials of their own" in said["do"]
    assert not any(secret in printed for secret in ("a-wrong-secret", *KEYS.values()))


def test_workers_without_pinlake_are_told(place, tmp_path):
    (tmp_path / "hidden").mkdir()
    hide = "import sys\nsys.modules['pinlake'] = None\n"
    (tmp_path / "hidden" / "sitecustomize.py").write_text(hide)
    with SailServer(tmp_path, KEYS | {"PYTHONPATH": str(tmp_path / "hidden")}) as server:
        (said,), _ = told(place, server)
    assert said["severity"] == "error"
    assert "a task on Spark's workers failed: " in said["what"]
    assert "pinlake" in said["what"]
    assert f"install pinlake {__version__}" in said["do"]
