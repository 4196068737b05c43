"""A data set of the user's own, half of it from files, runs by its folder alone."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import pinlake as api
from asking import ask
from harness.pipeline import (
    USER_ID,
    Gateway,
    pinlake,
    post_to_kafka,
    post_to_kinesis,
    wait_until,
)
from harness.pipeline import run_stages as drain

LIBRARY = Path(__file__).parents[1] / "library"
SAMPLE = """
COLUMNS = {"loan": {"loan_id": "INT", "isbn": "TEXT", "reader": "TEXT", "lent_at": "DATETIME", "days": "INT"}}

def post(number, rng):
    from datetime import datetime
    return {"loan": (number, rng.choice(["111", "222", "333"]), "R", datetime(2024, 3, 1), 14)}
"""
FOREIGN = re.compile(r"\b(pin|geo|pinterest)\b", re.IGNORECASE)
CATALOGUE = [
    {"isbn": "111", "title": "Trees, and\nother plants", "pages": 120, "grams": 350},
    {"isbn": "222", "title": 'The "Sea"', "pages": 88, "grams": None},
    {"isbn": "333", "title": "Stars", "pages": None, "grams": 90},
]


def loan(number, isbn="111", at="2024-03-01 10:00:00", **more):
    return {"loan_id": number, "isbn": isbn, "reader": "R", "lent_at": at, "days": 14, **more}


LOANS = [
    loan(1),
    loan(2, "222", "2024:04:01 10:00:00"),
    [loan(3), json.dumps(loan(4, "333"))],
    loan(1, "333"),
    {"id": 5, **{name: value for name, value in loan(5).items() if name != "loan_id"}},
    {"loan_id": 6},
    "nothing",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return Path(shutil.copytree(LIBRARY, tmp_path_factory.mktemp("sets") / "library"))


@pytest.fixture(scope="module")
def home(tmp_path_factory, folder):
    """A home that was made with --dataset once; afterwards it knows its data set."""
    home = tmp_path_factory.mktemp("library") / "home"
    with Gateway(home, "--dataset", str(folder), "--user-id", USER_ID) as gateway:
        for value in LOANS:
            post_to_kafka(gateway.url, "loan", value)
            post_to_kinesis(gateway.url, "loan", value)
    drain(home)
    return home


def test_the_folder_is_checked_without_fault(folder):
    assert "nothing to mend" in pinlake("check", folder).stdout


def test_what_is_posted_and_what_lies_in_files_come_out_clean(home):
    rows = {of: ask(home, "SELECT * FROM loan ORDER BY loan_id", of) for of in ("clean", "stream")}
    assert rows["clean"] == rows["stream"]
    assert [row["loan_id"] for row in rows["clean"]] == [1, 2, 3, 4, 5]
    assert rows["clean"][1]["lent_at"] == "2024-04-01T10:00:00Z"
    assert ask(home, "SELECT * FROM book ORDER BY isbn") == CATALOGUE


def test_questions_join_both(home):
    said = pinlake("query", "loans_by_title", "--format", "json", "--home", home).stdout
    assert json.loads(said) == [
        {"title": "Trees, and\nother plants", "loans": 3},
        {"title": "Stars", "loans": 1},
        {"title": 'The "Sea"', "loans": 1},
    ]
    listed = pinlake("query", "--home", home).stdout
    assert "How often was each book lent?" in listed


def test_a_row_of_a_file_says_where_it_stood(home):
    rows = ask(
        home, "SELECT isbn, _topic, _partition, _offset, _object, _rescued_data FROM raw.book"
    )
    assert sorted(rows, key=lambda row: row["_offset"]) == [
        {"isbn": isbn, "_topic": "file:books/2024.csv", "_partition": 0, "_offset": line}
        | {"_object": None, "_rescued_data": rescued}
        for isbn, line, rescued in (
            ("111", 2, '{"shelf":"A1"}'),
            ("222", 4, '{"shelf":null}'),
            ("333", 5, '{"pages":"many","shelf":"B2"}'),
        )
    ]


def test_what_is_no_row_of_a_file_is_in_quarantine_with_its_line(home):
    sql = "SELECT topic, position, element, reason, CAST(bytes AS STRING) AS bytes FROM quarantine.load_book"
    assert sorted(ask(home, sql), key=lambda row: int(row["position"])) == [
        {"topic": "file:books/2024.csv", "position": position, "element": 0}
        | {"reason": reason, "bytes": sent}
        for position, reason, sent in (
            ("6", "column isbn is null", ",No number,1,1 g,"),
            ("7", "2 fields where the header has 5", "444,short line"),
        )
    ]


@pytest.mark.parametrize("stage", ["load", "stream"])
def test_what_was_posted_and_is_no_row_is_in_quarantine(home, stage):
    found = ask(home, f"SELECT reason FROM quarantine.{stage}_loan")
    assert sorted(row["reason"] for row in found) == ["column isbn is missing", "not JSON"]


def test_status_tells_of_files_and_names_no_other_data_set(home):
    said = json.loads(pinlake("status", "--json", "--home", home).stdout)["stages"]
    loads = {each["table"]: each for each in said if each["stage"] == "load"}
    assert (loads["book"]["unit"], loads["book"]["lag"], loads["book"]["rows"]) == ("files", 0, 3)
    assert (loads["loan"]["unit"], loads["loan"]["quarantined"]) == ("objects", 2)
    assert not FOREIGN.search(pinlake("status", "--home", home).stdout)


def test_new_files_are_picked_up_and_a_changed_one_is_a_clear_error(home, folder):
    """Last of the file: it changes the home."""
    more = folder / "books" / "2025.csv"
    more.write_text("isbn,title\n444,Rivers\n111,Trees again\n")
    (folder / "books" / ".2026.csv").write_text("isbn,title\n999,not yet\n")
    assert drain(home, "load", "clean")["load"]["rows"] == 2
    assert [row["title"] for row in ask(home, "SELECT * FROM book ORDER BY isbn")] == [
        *(each["title"] for each in CATALOGUE),
        "Rivers",
    ]
    more.touch()
    assert drain(home, "load")["load"]["steps"] == 0
    more.write_text("isbn,title\n444,Rivers\n111,Trees anew!\n")
    done = pinlake("load", "--once", "--home", home, check=False)
    assert done.returncode == 1
    assert "2025.csv is not what it was when its rows were planned" in done.stderr.splitlines()[-1]


def test_without_a_sample_demo_sample_and_post_say_what_is_missing(tmp_path):
    for command in (("demo", "--posts", "1"), ("sample",), ("post", "--via", "kafka")):
        done = pinlake(*command, "--dataset", LIBRARY, "--home", tmp_path / "home", check=False)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1, done.stderr
        assert "sample" in done.stderr
        assert not FOREIGN.search(done.stderr)


def test_where_every_table_has_a_source_there_is_nothing_to_post(tmp_path):
    folder = Path(shutil.copytree(LIBRARY, tmp_path / "library"))
    shutil.rmtree(folder / "queries")
    (folder / "clean" / "loan.sql").unlink()
    toml = (folder / "dataset.toml").read_text()
    of_book = slice(toml.index("[tables.book]"), toml.index("[tables.loan.expectations]"))
    (folder / "dataset.toml").write_text(toml[of_book])
    options = ("--dataset", folder, "--home", tmp_path / "home")
    done = pinlake("post", "--via", "kafka", *options, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "there is nothing to post" in done.stderr
    pinlake("load", "--once", *options)
    pinlake("clean", "--once", *options)
    assert ask(tmp_path / "home", "SELECT * FROM book ORDER BY isbn") == CATALOGUE


@pytest.mark.slow
def test_with_a_sample_the_demo_runs_and_its_report_names_no_other_data_set(tmp_path):
    folder = Path(shutil.copytree(LIBRARY, tmp_path / "library"))
    (folder / "sample.py").write_text(SAMPLE)
    toml = (
        (folder / "dataset.toml")
        .read_text()
        .replace("[producer]", "rows = 50\n[producer]\nlast = 49")
    )
    (folder / "dataset.toml").write_text(toml)
    said = pinlake("demo", "--posts", "20", "--dataset", folder, "--home", tmp_path / "home")
    assert ask(tmp_path / "home", "SELECT * FROM book ORDER BY isbn") == CATALOGUE
    report = (tmp_path / "home" / "report.html").read_text()
    assert "How often was each book lent?" in report
    assert not FOREIGN.search(
        said.stdout + re.sub(r"<style>.*?</style>", "", report, flags=re.DOTALL)
    )


@pytest.mark.slow
def test_up_loads_files_as_they_come_beside_what_is_posted(tmp_path):
    home, folder = tmp_path / "home", Path(shutil.copytree(LIBRARY, tmp_path / "library"))
    with running(home, folder) as url:
        post_to_kafka(url, "loan", loan(1))
        wait_until(lambda: held(home, "clean/book") == 3)
        (folder / "books" / "2025.csv").write_text("isbn,title\n444,Rivers\n")
        wait_until(lambda: held(home, "clean/book") == 4)
        wait_until(lambda: held(home, "clean/loan") == 1)


@contextlib.contextmanager
def running(home, folder):
    """Run `pinlake up` and yield its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {"GATEWAY_PORT": port, "BATCH_EVERY_SECONDS": 0.3, "SINK_ROTATE_SECONDS": 0.3}
    process = subprocess.Popen(
        [sys.executable, "-m", "pinlake", "up", "--home", str(home), "--dataset", str(folder)],
        stdout=subprocess.DEVNULL,
        env={**os.environ, **{f"PINLAKE_{name}": str(value) for name, value in variables.items()}},
    )
    try:
        wait_until(lambda: listens(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        assert process.wait(20) == 0


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def held(home, table):
    there = table in api.open(home).tables()
    return api.open(home).describe(table).rows if there else 0
