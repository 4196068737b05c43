"""What Spark tells when it fails, and what nobody may learn of it."""

import pickle
from pathlib import Path

import pytest

from harness.s3_server import KEYS
from pinlake.engine.spark import connect
from pinlake.engine.spark.failures import reason, told
from pinlake.errors import LakeFailed, SparkFailed
from pinlake.lake.s3 import S3Lake
from pinlake.run.config import masked
from pinlake.settings import S3

OF_WORKER = """
  An exception was thrown from the Python worker. Please see the stack trace below.
Traceback (most recent call last):
  File "files.py", line 12, in read
    yield from rows
pinlake.errors.LakeFailed: The lake s3://a/b could not be read or written: 403.

JVM stacktrace:
org.apache.spark.SparkException: Job aborted: stage failed
"""


def test_the_reason_of_a_workers_failure_is_the_workers_own():
    assert reason(OF_WORKER) == "LakeFailed: The lake s3://a/b could not be read or written: 403"


def test_the_reason_of_anything_else_is_its_first_line():
    assert reason("\n[TABLE_OR_VIEW_NOT_FOUND] no pin.\n at line 1") == (
        "[TABLE_OR_VIEW_NOT_FOUND] no pin"
    )
    assert reason("") == "it does not say why"


def test_errors_of_ours_stay_what_they_are():
    with pytest.raises(LakeFailed), told():
        raise LakeFailed(url="s3://a", reason="gone")


def test_errors_of_pyspark_become_one_of_ours():
    errors = pytest.importorskip("pyspark.errors")
    with pytest.raises(SparkFailed, match=r"why\?; nothing is lost"), told():
        raise errors.PySparkException("why?")


def test_a_lake_goes_to_another_process_without_its_credentials(tmp_path, monkeypatch):
    keys = {name.removeprefix("AWS_").lower(): value for name, value in KEYS.items()}
    sent = pickle.dumps(S3Lake("s3://a/b", S3(endpoint="http://c"), tmp_path, keys))
    for secret in KEYS.values():
        assert secret.encode() not in sent
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    there = pickle.loads(sent)
    assert (there.url, there.ground.is_relative_to(tmp_path)) == ("s3://a/b", True)


def test_what_a_worker_keeps_is_in_its_own_folder_where_the_home_is_not(tmp_path, monkeypatch):
    sent = pickle.dumps(S3Lake("s3://a/b", S3(), tmp_path / "gone", {}))
    monkeypatch.chdir(tmp_path)
    assert pickle.loads(sent).ground.is_relative_to(Path.cwd() / ".pinlake")


def test_a_token_in_the_address_of_a_server_is_masked():
    shown = masked("sc://host:443/;use_ssl=true;token=s3cret;user_id=a")
    assert shown == "sc://host:443/;use_ssl=true;token=***"


def test_a_server_that_is_not_there_is_told_without_the_token():
    with pytest.raises(SparkFailed, match=r"spark.remote, sc://127.0.0.1:1 ") as raised:
        connect.reach("sc://127.0.0.1:1/;token=s3cret")
    assert "s3cret" not in str(raised.value)
