"""``pinlake erase``: afterwards the disk does not hold a byte of what was erased."""

import base64
import json
import shutil
import signal
import subprocess
import sys

import duckdb
import pytest
from deltalake import DeltaTable

from harness.pipeline import (
    Gateway,
    ask,
    pinlake,
    post_to_kafka,
    post_to_kinesis,
    run_stages,
)
from pinlake.lake import objects
from pinlake.lake.file import FileLake

SECRET = "Zaphod Beeblebrox"
COUNT = "SELECT count(*) AS n FROM user"


def user(ind, name="Ann Other", **more):
    first, last = name.split()
    row = {"ind": ind, "first_name": first, "last_name": last, "age": "30"}
    return row | {"date_joined": "2016-01-01 10:00:00"} | more


def secret(ind=7, **more):
    return user(ind, SECRET, **more)


def encoded(value):
    return base64.b64encode(json.dumps(value).encode()).decode()


VALUES = [
    user(1),
    secret(),
    [user(2), secret(), user(3)],
    [secret(), secret(age="31")],
    encoded(secret()),
    json.dumps([secret(), user(4)]),
    secret(ind="7"),
    {name: value for name, value in secret().items() if name != "age"},  # refused: no age
    {
        "index": 7,
        "first_name": SECRET.split(maxsplit=1)[0],
        "last_name": SECRET.split()[1],
    },  # refused
    user(5),
    "junk",
]


def holders(home):
    """Return the files that hold a word of the secret, plain, in base64 or in Parquet's pages."""
    return [path for path in home.rglob("*") if path.is_file() and _holds(path)]


def _holds(path):
    content = path.read_bytes()
    if content.startswith(b"PAR1"):
        query = "SELECT to_json(rows) FROM read_parquet(?) AS rows"
        content += repr(duckdb.execute(query, [str(path)]).fetchall()).encode()
    return any(word in content for word in WORDS)


def _in_base64(word):
    """Return what any base64 of a text with the word in it holds, by the three ways to align."""
    whole = [base64.b64encode(b"." * pad + word) for pad in range(3)]
    return [each[skip:-4] for each, skip in zip(whole, (0, 2, 3), strict=True)]


WORDS = [word.encode() for word in SECRET.split()]
WORDS += [part for word in WORDS for part in _in_base64(word)]


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    home = tmp_path_factory.mktemp("filled") / "home"
    with Gateway(home) as gateway:
        for value in VALUES:
            post_to_kafka(gateway.url, "user", value)
            post_to_kinesis(gateway.url, "user", value)
        post_to_kafka(gateway.url, "geo", {"ind": 7, "country": "X"})
        run_stages(home)
        post_to_kafka(gateway.url, "user", secret())  # what no stage has taken yet
        post_to_kinesis(gateway.url, "user", secret())
    return home


@pytest.fixture
def home(filled, tmp_path):
    return shutil.copytree(filled, tmp_path / "home")


def erase(home, *more, **options):
    return pinlake("erase", "user", "--key", "7", "--home", home, *more, **options)


def test_the_disk_holds_nothing_of_an_erased_key(home):
    assert holders(home)
    said = json.loads(erase(home, "--json").stdout)
    assert holders(home) == []
    assert said == {
        "table": "user",
        "log": 18,
        "objects": 9,
        "raw": 8,
        "clean": 1,
        "stream": 1,
        "quarantine": 4,
        "unreadable": 2,
    }


@pytest.mark.parametrize(
    "left",
    [
        "topics/0abc12345678.user/partition=0/.draft~1-1",
        "elsewhere/0abc12345678.user/year=2026/.draft~1-1",
        "raw/user/_delta_log/.draft~1-1",
        "stream/user/_delta_log/.draft~1-1",
        "quarantine/load/user/_draft-1-00000000-0/_delta_log/00000000000000000001.json",
        ".spill/duckdb_temp_storage_DEFAULT-0.tmp",
    ],
)
def test_what_a_killed_process_left_unfinished_is_erased_too(home, left):
    objects.add_root(FileLake((home / "lake").as_uri()), "elsewhere")
    path = home / "lake" / left
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SECRET)
    erase(home)
    assert holders(home) == []


@pytest.mark.parametrize("source", ["clean", "stream"])
def test_what_is_not_of_the_key_stays(home, source):
    erase(home)
    assert ask(home, "SELECT ind FROM user ORDER BY ind", source) == [
        {"ind": number} for number in (1, 2, 3, 4, 5)
    ]


def test_every_acknowledged_element_is_still_in_raw_or_quarantine_once(home):
    before = places(home)
    erase(home)
    last = (len(VALUES), 0)
    assert places(home) == sorted([*before, last])
    erase(home)
    assert places(home) == sorted([*before, last])


def places(home):
    raw = "SELECT _offset, _element FROM read_parquet(?)"
    refused = "SELECT CAST(position AS BIGINT), element FROM read_parquet(?)"
    found = [*rows(home, "raw/user", raw), *rows(home, "quarantine/load/user", refused)]
    return sorted(found)


def rows(home, table, query):
    files = DeltaTable(home / "lake" / table).file_uris()
    return duckdb.execute(query, [files]).fetchall()


def test_the_stages_go_on_and_the_key_may_come_again(home):
    erase(home)
    with Gateway(home) as gateway:
        post_to_kafka(gateway.url, "user", user(7))
        post_to_kinesis(gateway.url, "user", user(7))
        run_stages(home)
    for source in ("clean", "stream"):
        (found,) = ask(home, "SELECT count(*) AS n FROM user WHERE ind = 7", source)
        assert found == {"n": 1}


def test_tables_rebuilt_from_the_log_have_nothing_of_it(home):
    erase(home)
    shutil.rmtree(home / "lake")
    run_stages(home)
    assert ask(home, COUNT) == ask(home, COUNT, "stream") == [{"n": 5}]
    assert holders(home) == []


def test_erasing_is_refused_while_the_gateway_runs(home):
    with Gateway(home):
        done = erase(home, check=False)
    assert done.returncode == 1
    assert "log.db is held by another process" in done.stderr
    assert holders(home)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nobody", "--key", "7"), "There is no table 'nobody'"),
        (("user", "--key", "8"), "erased 0 records of the log"),
    ],
)
def test_what_is_not_there_is_said(home, arguments, said):
    done = pinlake("erase", *arguments, "--home", home, check=False)
    assert said in done.stdout + done.stderr


@pytest.mark.parametrize("seconds", [0.7, 0.9, 1.1])
def test_an_erasure_that_was_killed_is_ended_by_the_next(home, seconds):
    process = subprocess.Popen(
        [sys.executable, "-m", "pinlake", "erase", "user", "--key", "7", "--home", str(home)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    erase(home)
    assert holders(home) == []
    assert ask(home, COUNT) == ask(home, COUNT, "stream") == [{"n": 5}]
    assert len(places(home)) == len(set(places(home)))
