"""A doctor finds each thing that is wrong, says what to do, and what it says helps."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import duckdb
import msgspec
import pytest

import lakehouse
import stage_homes
from pinlake.errors import TableBroken
from pinlake.home import open_home
from pinlake.lake import commits, objects, tables
from pinlake.lake.file import FileLake
from pinlake.lake.open import open_lake
from pinlake.log.open import open_log
from pinlake.record import Partition, Record, stream, topic
from pinlake.run.doctor import place
from pinlake.run.doctor.examination import CHECKS, DEEP, examine
from pinlake.source.sample import generate
from pinlake.stage.loop import run_stage

PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"
PIN, STREAM = topic(f"{lakehouse.USER}.pin"), stream(f"streaming-{lakehouse.USER}-pin")
POSTS = 60


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("doctor") / "home"
    home, known = lakehouse.posted_home(folder, POSTS)
    more = [msgspec.json.encode(row) for row in generate(known, "pin", POSTS, 10)]
    for name in (PIN, STREAM):
        append(home, name, more)
    for stage in ("sink", "load", "clean", "stream"):
        run(home, stage)
    return folder


@pytest.fixture
def home(template, tmp_path, monkeypatch):
    """A copy of a home in which everything is well, on a port that nobody else uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PINLAKE_GATEWAY_PORT", str(free.getsockname()[1]))
    monkeypatch.chdir(tmp_path)
    path = shutil.copytree(template, tmp_path / "home")
    yield open_home(path)[0]
    for table in tables.names(FileLake(path.joinpath("lake").as_uri())):
        tables.forget(FileLake(path.joinpath("lake").as_uri()), table)


def found(home, *, deep=False, now=time.time):
    return [each for each in examine(home.path, None, deep=deep, now=now) if each.severity != "ok"]


def only(home, check, *, deep=False, now=time.time):
    """Return the one finding, which is of this check."""
    (finding,) = found(home, deep=deep, now=now)
    assert finding.check == check, finding
    return finding


def follow(finding):
    """Do what a finding says, command by command, as a user in a shell."""
    commands = [line.strip() for line in finding.do.splitlines() if line.startswith("  ")]
    pinlake = f'pinlake() {{ {sys.executable} -m pinlake "$@"; }}'
    assert commands, finding
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", f"{pinlake}; {command}"],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr


def rows(home, table):
    tables.forget(open_lake(home), table)
    snapshot = tables.snapshot(open_lake(home), table)
    return sorted(map(str, tables.read(duckdb, snapshot).fetchall()))


def flip(path, at=None):
    """Turn one bit of a file around."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if at is None else at] ^= 4
    path.write_bytes(content)


def parquet(home, table):
    """Return the table's largest file, which is of its first commit."""
    files = map(Path, tables.snapshot(open_lake(home), table).files)
    return max(files, key=lambda file: file.stat().st_size)


def test_a_home_in_which_all_is_well_has_nothing_to_do(home):
    findings = list(examine(home.path, None, deep=True))
    assert [each for each in findings if each.severity != "ok" or each.do] == []
    assert {"tables", "objects", "raw", "clean", "stream", "files"} <= {
        each.check for each in findings
    }


def test_the_command_prints_findings_and_fails_on_an_error(home):
    command = [sys.executable, "-m", "pinlake", "doctor", "--home", str(home.path)]
    well = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True)
    assert {json.loads(line)["severity"] for line in well.stdout.splitlines()} == {"ok"}
    (home.path / "home.json").write_text('{"format":99,"dataset":"pinterest"}')
    ill = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ill.returncode == 1
    assert "error   home:" in ill.stdout
    assert "format 99" in ill.stdout


def test_no_home_is_told_with_what_makes_one(tmp_path):
    (finding,) = examine(tmp_path / "none", None, deep=False)
    assert (finding.severity, finding.check) == ("error", "home")
    assert "pinlake demo" in finding.do


def test_a_setting_that_cannot_be_used_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PINLAKE_SINK_FLUSH_SIZE", "none")
    (finding,) = examine(tmp_path, None, deep=False)
    assert (finding.severity, finding.check) == ("error", "settings")
    assert "flush_size" in finding.what


def test_a_connector_that_cannot_be_honoured_is_told(home, tmp_path, monkeypatch):
    (tmp_path / "s3.properties").write_text("transforms=x\n")
    monkeypatch.setenv("PINLAKE_SINK_CONNECTOR", "s3.properties")
    findings = [each for each in found(home) if each.check == "settings"]
    assert "transforms = 'x' cannot be honoured" in findings[0].what


def test_spark_without_java_or_with_an_old_one_is_told_before_a_stage_starts(
    home, tmp_path, monkeypatch
):
    pytest.importorskip("pyspark")
    monkeypatch.setenv("PINLAKE_ENGINE", "spark")
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    said = []
    for script in ("", "echo 'openjdk version \"11.0.2\" 2019' >&2", "echo 'version \"21\"' >&2"):
        if script:
            java.write_text(f"#!/bin/sh\n{script}\n")
            java.chmod(0o755)
        said += [each for each in found(home) if each.check == "engine"]
    assert [each.severity for each in said] == ["error", "error"]
    assert "there is no Java" in said[0].what
    assert "11.0.2" in said[1].what
    assert all("Java 17" in each.do for each in said)


def of_engine(home):
    """Return what is first said of the engine; what is looked at after it would start a session."""
    return next(each for each in examine(home.path, None, deep=False) if each.check == "engine")


def test_a_spark_server_that_does_not_answer_is_told_without_its_token(home, monkeypatch):
    pytest.importorskip("pyspark")
    pytest.importorskip("grpc")
    monkeypatch.setenv("PINLAKE_ENGINE", "spark")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"sc://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("PINLAKE_SPARK_REMOTE", f"{address}/;token=a-secret")
        assert of_engine(home).severity == "ok"
    said = of_engine(home)
    assert said.severity == "error"
    assert f"nothing answers at spark.remote, {address}" in said.what
    assert "a-secret" not in str(said)


@pytest.mark.release
def test_who_reads_kafka_for_spark_is_told(home, monkeypatch):
    pytest.importorskip("pyspark")
    pytest.importorskip("confluent_kafka")
    monkeypatch.setenv("PINLAKE_ENGINE", "spark")
    monkeypatch.setenv("PINLAKE_TOPICS", "kafka://127.0.0.1:9")
    monkeypatch.setenv("PINLAKE_STREAM_TOPICS", "true")
    connector = "org.apache.spark:spark-sql-kafka-0-10_2.13:4.0.0"
    for packages, kafka, expected in (
        ("io.delta:delta-spark_2.13:4.0.0", "", "in the driver: spark.packages has no spark-sql-kaf"),
        (connector, "", "by Spark's own connector"),
        (connector, "GSSAPI", "in the driver: Spark's connector has nothing for sasl.mechanism"),
        ("", "", "in the driver unless the session has"),
    ):  # fmt: skip
        monkeypatch.setenv("PINLAKE_SPARK_PACKAGES", packages)
        if kafka:
            monkeypatch.setenv("PINLAKE_KAFKA_SASL_MECHANISM", kafka)
        else:
            monkeypatch.delenv("PINLAKE_KAFKA_SASL_MECHANISM", raising=False)
        (told,) = [
            each
            for each in examine(home.path, None, deep=False)
            if each.check == "engine" and "stage stream reads Kafka" in each.what
        ]
        assert expected in told.what


def test_a_port_that_something_else_took_is_told_with_who(home):
    with socket.socket() as other:
        other.bind(("127.0.0.1", home.settings.gateway.port))
        other.listen()
        finding = only(home, "port")
    assert finding.severity == "error"
    assert "is taken by" in finding.what
    assert f"process {os.getpid()} (" in finding.what
    assert "--port 0" in finding.do


def test_our_own_gateway_on_the_port_is_fine(home):
    command = [sys.executable, "-m", "pinlake", "serve", "--home", str(home.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as gateway:
        try:
            assert "Listening" in gateway.stdout.readline()
            told = {each.check: each for each in examine(home.path, None, deep=False)}
        finally:
            gateway.terminate()
    assert (told["port"].severity, told["log's writer"].severity) == ("ok", "ok")
    assert f"process {gateway.pid}" in told["log's writer"].what


def test_a_gateway_that_holds_the_log_and_does_not_answer_is_told(home):
    log = open_log(home.log_url)
    try:
        finding = only(home, "log's writer")
    finally:
        log.close()
    assert (finding.severity, str(os.getpid()) in finding.do) == ("warning", True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_home_that_this_user_cannot_write_is_told():
    script = (
        "import sys; from pathlib import Path; from pinlake.run.doctor.place import writable\n"
        "from pinlake.settings import Home; import os; os.setgid(65534); os.setuid(65534)\n"
        "print(*writable(Home(Path(sys.argv[1]))), sep='\\n')"
    )
    with tempfile.TemporaryDirectory() as folder:  # tmp_path is closed to other users
        Path(folder).chmod(0o755)
        Path(folder, "lake").mkdir()
        done = subprocess.run(
            [sys.executable, "-c", script, folder], check=False, capture_output=True, text=True
        )
    assert done.stdout.count("cannot be written: Permission denied") == 2, done.stderr
    assert "give this user the right" in done.stdout


@pytest.mark.parametrize(
    ("free", "severity"), [(10**11, "ok"), (4 * 10**9, "warning"), (6 * 10**7, "error")]
)
def test_a_disk_is_nearly_full_before_the_gateway_refuses(free, severity):
    assert place.of_disk(Path("/x"), free, 10**11, 64 * 2**20).severity == severity


@pytest.mark.parametrize("content", [b"", b"not a log at all" * 500])
def test_a_log_that_is_foreign_or_cut_is_told_with_what_to_do(home, content):
    for each in home.path.glob("log.db*"):
        each.unlink()
    (home.path / "log.db").write_bytes(content)
    finding = only(home, "log")
    assert finding.severity == "error"
    assert "put a copy of log.db" in finding.do


def test_a_clock_behind_the_data_is_told(home):
    findings = found(home, now=lambda: time.time() - 7200)
    assert findings
    assert {(each.severity, each.check) for each in findings} == {("warning", "clock")}
    assert any("the newest record of" in each.what for each in findings)
    assert any("the newest plan of" in each.what for each in findings)
    assert "timedatectl" in findings[0].do


def test_a_stage_that_lags_and_does_not_run_is_named_with_its_command(home):
    append(home, PIN, [b"{}"] * 3)
    finding = only(home, "stages")
    assert finding.what == f"sink {PIN.name} is 3 records behind, and no process runs it"
    assert "pinlake sink --once --home" in finding.do


def test_records_that_the_log_keeps_past_retention_are_told_with_the_stage(home):
    append(home, STREAM, [b"{}"] * 3)
    later = time.time() + 25 * 3600
    kept = [each for each in found(home, now=lambda: later) if each.check == "retention"]
    (what,) = [each.what for each in kept]
    assert what.startswith(f"the log keeps 3 records of {STREAM.name}/0 past their 24 hours")
    assert what.endswith("stream pin has not taken them")


def test_a_torn_newest_commit_is_told_and_the_next_run_mends_it(home):
    lake = open_lake(home)
    path = lake.path(commits.path("stream/pin", commits.newest(lake, "stream/pin")))
    path.write_bytes(path.read_bytes()[:40])
    told = {each.check: each for each in found(home)}
    assert told.keys() == {"tables", "plans"}
    assert (told["tables"].severity, "is torn" in told["tables"].what) == ("warning", True)
    assert told["plans"].what == "plan 2 of stream pin was not carried out to its end"
    before = sorted(each.name for each in path.parent.iterdir())
    run(home, "stream")
    assert before != sorted(each.name for each in path.parent.iterdir())
    left = only(home, "left over")
    assert "set aside" in left.what
    assert [each for each in found(home, deep=True) if each.check != "left over"] == []


@pytest.mark.parametrize("table", ["raw/pin", "clean/pin", "stream/pin"])
def test_a_table_whose_file_is_gone_is_made_again_by_what_the_doctor_says(home, table):
    expected = rows(home, table)
    parquet(home, table).unlink()
    finding = next(each for each in found(home) if each.check == "tables")
    assert finding.severity == "error"
    follow(finding)
    assert rows(home, table) == expected
    assert found(home, deep=True) == []


@pytest.mark.parametrize("table", ["raw/pin", "clean/pin", "stream/pin"])
def test_a_bit_that_flipped_in_a_table_is_found_and_the_table_made_again(home, table):
    expected = rows(home, table)
    flip(parquet(home, table))
    findings = [each for each in found(home, deep=True) if each.severity == "error"]
    assert table in findings[0].what
    follow(next(each for each in findings if each.what.startswith(table)))
    assert rows(home, table) == expected
    assert found(home, deep=True) == []


def test_a_bit_that_flipped_in_an_object_is_found_and_the_objects_made_again(home):
    lake = open_lake(home)
    key = objects.listing(lake, PIN.name)[0]
    content = lake.get(str(key))
    flip(lake.path(str(key)), content.index(b"title") + 1)
    findings = [each for each in found(home, deep=True) if each.severity == "error"]
    assert findings[0].what == f"{key} differs from the log at offset 0"
    follow(findings[0])
    made = b"".join(objects.get(lake, str(key)) for key in objects.listing(lake, PIN.name))
    assert made.startswith(content)
    assert found(home, deep=True) == []


def test_an_object_that_is_gone_is_found_by_the_offsets_it_held(home):
    lake = open_lake(home)
    lake.delete(str(objects.listing(lake, PIN.name)[0]))
    finding = next(each for each in found(home, deep=True) if each.severity == "error")
    assert f"no object of {PIN.name}/0 holds offset 0, 1, 2 and" in finding.what


@pytest.mark.parametrize(
    ("table", "change", "told"),
    [
        ("raw/pin", "SELECT * FROM rows WHERE _offset <> 7", "lacks 1 rows that objects hold"),
        ("raw/pin", "FROM rows UNION ALL FROM rows WHERE _offset = 7", "has 1 rows that no object"),
        ("clean/pin", "SELECT * FROM rows WHERE ind <> 3", "lacks 1 keys that raw has, such as 3"),
        ("clean/pin", "FROM rows UNION ALL FROM rows WHERE ind = 3", "has 1 keys more than once"),
        ("clean/pin", "SELECT * REPLACE ('x' AS title) FROM rows", "its SQL does not make of raw"),
        ("stream/pin", "SELECT * FROM rows WHERE ind <> 3", "lacks 1 keys"),
        ("stream/pin", "FROM rows UNION ALL FROM rows WHERE ind = 3", "has 1 keys more than once"),
        ("quarantine/load/pin", "FROM rows LIMIT 0", "lacks 1 records"),
        ("quarantine/stream/pin", "FROM rows UNION ALL FROM rows", "1 records more than once"),
    ],
)
def test_rows_that_are_lost_doubled_or_changed_without_a_trace_are_found(home, table, change, told):
    file = parquet(home, table)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.read_parquet(str(file)).create("rows")
        connection.execute(f"COPY ({change}) TO '{file}' (FORMAT parquet)")
    findings = [each for each in found(home, deep=True) if each.severity == "error"]
    assert any(each.what.startswith(table) and told in each.what for each in findings), findings
    assert all("rm -rf" in each.do for each in findings)


def test_a_table_whose_log_is_cut_short_is_told(home):
    lake = open_lake(home)
    lake.path(commits.path("clean/pin", 0)).write_bytes(b"{")
    tables.forget(lake, "clean/pin")
    with pytest.raises(TableBroken):
        tables.snapshot(lake, "clean/pin")
    finding = next(each for each in found(home) if each.check == "tables")
    assert finding.severity == "error"
    follow(finding)
    assert found(home, deep=True) == []


def test_a_lake_of_another_log_is_told(home):
    for each in home.path.glob("log.db*"):
        each.unlink()
    append(home, PIN, [b"{}"])
    findings = [each for each in found(home, deep=True) if each.severity == "error"]
    assert any("another log" in each.what for each in findings)


def test_a_home_of_every_kind_of_route_and_layout_is_well(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stage_homes.make_home(tmp_path)
    connector = {"partitioner.class": "FieldPartitioner", "partition.field.name": "name"}
    (tmp_path / "sink.json").write_text(json.dumps({"flush.size": "7", **connector}))
    monkeypatch.setenv("PINLAKE_SINK_CONNECTOR", "sink.json")
    monkeypatch.setenv("PINLAKE_GATEWAY_PORT", "0")
    home, _ = open_home(tmp_path / "home", str(tmp_path / "shop"), create=True)
    odd = [b"junk", None, b'[{"ind": 1}, "x", {"ind": 900, "name": "a"}]', b"[]", b'{"name": "b"}']
    for _ in range(3):
        for name in (stage_homes.TOPIC, stage_homes.STREAM, topic("other"), stream("other")):
            append(home, name, [*(stage_homes.value(number % 9) for number in range(20)), *odd])
        for key in (b"sale-1", b"nobody"):
            stage_homes.post(home, stream("shared"), [stage_homes.value(70), b"[1]"], key=key)
        for stage in ("sink", "load", "clean", "stream"):
            run(home, stage)
    findings = [each for each in examine(home.path, None, deep=True) if each.check in DEEP]
    assert [each for each in findings if each.severity != "ok"] == []
    told = " ".join(each.what for each in findings)
    for what in ("sales/0: 75", "other/0: 75", "raw/sale: ", "raw/other: 75", "clean/sale: 10"):
        assert what in told
    for what in ("stream/sale: 87", "stream/other: 75", "stream/_unrouted: 12"):
        assert what in told


def test_beside_stages_at_work_nothing_is_taken_for_an_error(home, monkeypatch):
    monkeypatch.setenv("PINLAKE_BATCH_EVERY_SECONDS", "0.05")
    monkeypatch.setenv("PINLAKE_STREAM_TRIGGER_MS", "20")
    monkeypatch.setenv("PINLAKE_SINK_FLUSH_SIZE", "3")
    stop, (at, known) = threading.Event(), open_home(home.path)
    stages = [
        threading.Thread(
            target=run_stage, args=(stage, at, known), kwargs={"once": False, "stop": stop}
        )
        for stage in ("sink", "load", "clean", "stream")
    ]
    rows = [msgspec.json.encode(row) for row in generate(known, "pin", 1000, 60)]
    log = open_log(at.log_url)
    try:
        for stage in stages:
            stage.start()
        for first in range(0, 60, 12):
            for name in (PIN, STREAM):
                log.append(Partition(name, 0), [Record(row) for row in rows[first : first + 12]])
            findings = found(at, deep=True)
            assert [each for each in findings if each.severity == "error"] == []
    finally:
        stop.set()
        for stage in stages:
            stage.join(30)
        log.close()


def test_what_is_looked_at_stands_on_the_page():
    told = PAGE.read_text("utf-8")
    for name in ["home", *CHECKS, *DEEP]:
        assert f"| `{name}` |" in told


def test_the_page_says_what_the_doctor_says():
    told = PAGE.read_text("utf-8")
    from pinlake.run.doctor.finding import rebuild_clean, rebuild_raw, rebuild_stream
    from pinlake.settings import Home

    home = Home(Path("/h/.pinlake"))
    for how in (rebuild_raw, rebuild_clean, rebuild_stream):
        for line in how(home, "pin").splitlines()[1:]:
            assert line.strip().replace("/h/", "") in told


def append(home, name, values):
    log = open_log(home.log_url)
    try:
        if name.name not in log.names(name.kind):
            log.create(name)
        log.append(Partition(name, 0), [Record(value) for value in values])
    finally:
        log.close()


def run(home, stage):
    run_stage(stage, *open_home(home.path), table=None, once=True, stop=threading.Event())
