"""The whole pipeline over S3, by the commands of a user, beside the same over files."""

import json
import shutil
from pathlib import Path

import pytest

import lakes
from harness.pipeline import Gateway, pinlake, post_to_kafka, post_to_kinesis, run_stages
from harness.s3_server import KEYS
from pinlake.lake import tables

POSTS = 60


def geo(number):
    return {
        "ind": number,
        "timestamp": "2020-01-02 03:04:05",
        "latitude": 1.5,
        "longitude": 2.5,
        "country": "Albania",
    }


@pytest.fixture(scope="module")
def file_home(tmp_path_factory):
    """A home whose lake is a folder, with posts by both routes and all their dirt."""
    home = tmp_path_factory.mktemp("files") / "home"
    pinlake("demo", "--posts", POSTS, "--home", home)
    with Gateway(home) as gateway:
        for row in ({"index": "no number"}, [1, 2], {"index": 1, "title": "a second one"}):
            post_to_kafka(gateway.url, "pin", row)
            post_to_kinesis(gateway.url, "pin", row)
    run_stages(home)
    return home


@pytest.fixture(scope="module")
def s3(file_home, tmp_path_factory, s3_endpoint):
    """A home with the same log whose lake is in S3, drained; with its place."""
    folder = tmp_path_factory.mktemp("s3")
    place = lakes.s3_place(s3_endpoint, folder)
    shutil.copytree(file_home, place.home, ignore=shutil.ignore_patterns("lake", "cache", "logs"))
    run_stages(place.home, environment=place.environment)
    return place


def rows(lake, table):
    import duckdb

    read = tables.read(duckdb, tables.snapshot(lake, table))
    if "_object" in read.columns:  # where an object ends is told by the clock of its sink
        read = read.project("* EXCLUDE (_object)")
    return read.columns, read.types, sorted(read.fetchall(), key=repr)


def test_questions_are_asked_fresh_and_of_the_past_by_the_command(s3):
    environment = s3.environment
    count = "SELECT count(*) AS many FROM {}"

    def ask(sql, *options):
        done = pinlake("query", "--sql", sql, *options, "--format", "json", "--home", s3.home,
                       environment=environment)  # fmt: skip
        return json.loads(done.stdout)[0]["many"]

    before = ask(count.format("stream.geo"))
    with Gateway(s3.home, environment=environment) as gateway:
        post_to_kinesis(gateway.url, "geo", geo(99_999_999))
        assert ask(count.format("stream.geo"), "--fresh") == before + 1
    assert ask(count.format("stream.geo")) == before
    assert ask(count.format("clean.pin"), "--as-of", "0") == 0
    assert ask(count.format("clean.pin")) > 0


def test_status_and_the_doctor_find_nothing_wrong_and_show_no_secret(s3):
    environment = s3.environment
    status = pinlake("status", "--home", s3.home, "--json", environment=environment).stdout
    assert '"clean"' in status
    found = pinlake("doctor", "--deep", "--home", s3.home, "--json", environment=environment)
    findings = [json.loads(line) for line in found.stdout.splitlines()]
    assert [each for each in findings if each["severity"] == "error"] == []
    told = [each["what"] for each in findings if each["check"] == "lake"]
    assert told == [f"{s3.url} is read and written, each name once"]
    config = pinlake("config", "--home", s3.home, environment=environment).stdout
    assert s3.url in config
    for text in (status, found.stdout, found.stderr, config):
        assert KEYS["AWS_SECRET_ACCESS_KEY"] not in text


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "a-wrong-secret"}, "403"),
        ({"PINLAKE_LAKE": "s3://no-such-bucket/lake"}, "bucket"),
        ({"PINLAKE_LAKE": "s3://lakes/a b"}, "prefix"),
        ({"PINLAKE_LAKE": "gs://lakes/a"}, "s3://"),
    ],
)
def test_the_doctor_says_what_is_wrong_with_a_lake_that_cannot_be_used(s3, changed, told):
    done = pinlake("doctor", "--home", s3.home, "--json", check=False,
                   environment=s3.environment | changed)  # fmt: skip
    assert done.returncode == 1
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    (found,) = [each for each in findings if each["check"] == "lake"]
    assert found["severity"] == "error"
    assert told in found["what"]
    assert found["do"]
    assert KEYS["AWS_ACCESS_KEY_ID"] not in done.stdout + done.stderr
    assert "secret" not in (done.stdout + done.stderr).replace("AWS_SECRET_ACCESS_KEY", "")


def test_maintain_compacts_and_every_row_stays(s3):
    environment = s3.environment
    with Gateway(s3.home, environment=environment) as gateway:
        for number in (88_000_001, 88_000_002):
            post_to_kinesis(gateway.url, "geo", geo(number))
            run_stages(s3.home, "stream", environment=environment)
    lake = s3.open()
    before = {table: rows(lake, table) for table in tables.names(lake)}
    done = pinlake("maintain", "--home", s3.home, environment=environment).stdout
    assert "compacted into 1" in done
    assert tables.size(lake, "stream/geo").files == 1
    assert {table: rows(lake, table) for table in tables.names(lake)} == before


def test_an_erased_key_is_nowhere_in_the_bucket_nor_in_the_home(s3):
    lake = s3.open()
    _, _, held = rows(lake, "clean/user")
    key, first_name = held[0][0], held[0][1]
    done = pinlake("erase", "user", "--key", key, "--home", s3.home, environment=s3.environment)
    assert "user: erased" in done.stdout
    assert not (Path(s3.home) / "cache").exists()
    assert first_name is not None
    lake = s3.open()
    for table in ("clean/user", "stream/user"):
        tables.forget(lake, table)
        assert key not in {row[0] for row in rows(lake, table)[2]}
    text = f'"ind":{key},'.encode()
    for name in lake.files("topics/0abc12345678.user"):
        assert text not in lake.get(name)


@pytest.mark.slow
def test_the_demo_runs_over_s3(tmp_path, s3_endpoint):
    place = lakes.s3_place(s3_endpoint, tmp_path)
    done = pinlake("demo", "--posts", "20", "--home", place.home, "--json",
                   environment=place.environment)  # fmt: skip
    result = json.loads(done.stdout)
    assert result["agreed"]
    assert len(result["answers"]) == 10
    assert not (Path(place.home) / "lake").exists()
