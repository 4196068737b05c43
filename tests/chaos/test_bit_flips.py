"""One bit flips on the disk: every answer stays right, or something says what is wrong."""

import random
import shutil
import sqlite3

import duckdb
import pytest

from harness.campaign import evidence
from harness.pipeline import Gateway, post_to_kafka, post_to_kinesis, run_stages
from pinlake.errors import PinlakeError
from pinlake.lake import tables
from pinlake.lake.file import FileLake
from pinlake.run.doctor.examination import examine

FLIPS, SEED = 12, 4
ROW = {"first_name": "Ann", "last_name": "Lee", "age": 41, "date_joined": "2017-03-04 05:06:07"}
KINDS = {
    "objects": "lake/topics/*/partition=*/*.json",
    "raw rows": "lake/raw/user/*.parquet",
    "clean rows": "lake/clean/user/*.parquet",
    "stream rows": "lake/stream/user/*.parquet",
    "quarantined rows": "lake/quarantine/*/user/*.parquet",
    "commits": "lake/*/user/_delta_log/*.json",
    "commits of the quarantine": "lake/quarantine/*/user/_delta_log/*.json",
    "plans": "lake/progress/*/*/*.json",
    "the log": "log.db",
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A home with some commits in every table, some of them of quarantine."""
    home = tmp_path_factory.mktemp("flips") / "home"
    for run in range(2):
        with Gateway(home) as gateway:
            for number in range(25):
                row = {"ind": number + 20 * run, **ROW, "first_name": f"name-{run}-{number}"}
                for post in (post_to_kafka, post_to_kinesis):
                    post(gateway.url, "user", row if number % 9 else {"ind": "none"})
        run_stages(home)
    return home


def everything(home):
    """Return all that answers are made of: the log's records, objects, every table's rows.

    Of quarantined rows the places: the doctor does not compare their bytes.
    """
    log = {place: (each.end, each.values) for place, each in evidence.log(home).items()}
    objects = {path.name: path.read_bytes() for path in home.glob(KINDS["objects"])}
    lake = FileLake((home / "lake").as_uri())
    rows = {
        key: sorted(str(row[:4] if key.startswith("quarantine/") else row) for row in found)
        for key in tables.names(lake)
        for found in [tables.read(duckdb, tables.snapshot(lake, key)).fetchall()]
    }
    return log, objects, rows


def told(home, known=()):
    """Return what a deep look at a home finds to be wrong, beside what is known."""
    found = [each for each in examine(home, None, deep=True) if each.severity != "ok"]
    _forget(home)
    return [each for each in found if each.what not in {every.what for every in known}]


def flip(path, rng):
    """Turn one bit of a file around; return where."""
    content = bytearray(path.read_bytes())
    place, bit = rng.randrange(len(content)), rng.randrange(8)
    content[place] ^= 1 << bit
    path.write_bytes(content)
    return f"{path.name} at byte {place}, bit {bit}"


def is_unharmed(home, sound):
    """Tell whether the product still reads the same; what it refuses to read is harmed."""
    try:
        return everything(home) == everything(sound)
    except (PinlakeError, duckdb.Error, AssertionError, sqlite3.Error):
        return False
    finally:
        _forget(home)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_bit_flips_in_silence(tmp_path, sound, kind, monkeypatch):
    monkeypatch.setenv("PINLAKE_GATEWAY_PORT", "1")
    rng, silent, known = random.Random(f"{SEED}/{kind}"), [], told(sound)
    for number in range(FLIPS):
        home = shutil.copytree(sound, tmp_path / str(number))
        where = flip(rng.choice(sorted(home.glob(KINDS[kind]))), rng)
        found = told(home, known)
        if not found and not is_unharmed(home, sound):
            silent.append(where)
        if found and not any(each.do or "rebuild" in each.what for each in found):
            silent.append(f"{where}, of which is said only: {'; '.join(map(str, found))}")
    assert silent == []


def test_a_sound_home_has_nothing_to_find(tmp_path, sound, monkeypatch):
    monkeypatch.setenv("PINLAKE_GATEWAY_PORT", "1")
    home = shutil.copytree(sound, tmp_path / "home")
    assert {each.check for each in told(home)} == {"quarantine"}
    assert is_unharmed(home, sound)


def _forget(home):
    lake = FileLake((home / "lake").as_uri())
    for table in tables.names(lake):
        tables.forget(lake, table)
