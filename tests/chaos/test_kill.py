"""kill -9 of every service, at steps chosen and at random moments, under clients that retry."""

import base64
import json
import shutil
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from harness.campaign.check import check
from harness.campaign.fates import SERVICES
from harness.campaign.run import campaign

KILLS, RECORDS, SEED = 40, 8000, 20261121

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return campaign(tmp_path_factory.mktemp("chaos"), seed=SEED, kills=KILLS, records=RECORDS)


def test_no_acknowledged_record_is_lost_or_doubled(done):
    print(done.report)
    assert not done.faults, done.report
    assert done.verdict.counts["acknowledged"] >= RECORDS
    for count in ("stream duplicates", "quarantined rows", "clean rows", "free rows"):
        assert done.verdict.counts[count] > 0


def test_every_service_died_at_every_step_of_plan_write_and_commit(done):
    assert len(done.lives.deaths) >= KILLS
    assert {death.service for death in done.lives.deaths} >= set(SERVICES)
    if done.lives.library is None:
        pytest.skip("no C compiler: steps cannot be chosen")
    owed = {service: fates.owed for service, fates in done.lives.fates.items() if fates.owed}
    assert not owed, done.report


class TestTheCheckerSees:
    """Each damage to what a campaign left is a fault: a checker that sees nothing proves nothing."""

    @pytest.fixture
    def home(self, done, tmp_path):
        return Path(shutil.copytree(done.lives.home, tmp_path / "home"))

    def faults(self, done, home):
        return "\n".join(check(home, done.lives.folder).faults)

    def test_nothing_where_nothing_is_wrong(self, done, home):
        assert not self.faults(done, home)

    @pytest.mark.parametrize(
        ("table", "said"),
        [
            ("raw/pin", "raw/pin lacks"),
            ("clean/geo", "clean/geo, by key, lacks"),
            ("stream/user", "stream/user, by key, lacks"),
            ("quarantine/load/pin", "quarantine/load/pin lacks"),
            ("quarantine/stream/_unrouted", "quarantine/stream/_unrouted lacks"),
        ],
    )
    def test_a_row_that_is_gone(self, done, home, table, said):
        _rewrite(_largest(home / "lake" / table), lambda frame: frame.slice(1))
        assert said in self.faults(done, home)

    def test_a_row_that_is_there_twice(self, done, home):
        _rewrite(_largest(home / "lake/raw/pin"), lambda frame: pl.concat([frame, frame[:1]]))
        assert "raw/pin has rows twice" in self.faults(done, home)

    def test_a_row_that_did_not_come_first(self, done, home):
        changed = {"country": pl.lit("later")}
        _rewrite(_largest(home / "lake/clean/geo"), lambda frame: frame.with_columns(**changed))
        assert "clean/geo has another row than the first of a key" in self.faults(done, home)

    def test_a_line_of_an_object_that_is_another(self, done, home):
        path = next((home / "lake/topics").rglob("*user+0+*.json"))
        lines = path.read_bytes().splitlines()
        path.write_bytes(b"\n".join([base64.b64encode(b"x").join([b'"', b'"']), *lines[1:], b""]))
        assert "holds other lines than were sent" in self.faults(done, home)

    def test_a_record_that_the_log_lost(self, done, home):
        _cut_the_log(home / "log.db")
        assert "the log" in str(_raised(self.faults, done, home))

    def test_a_plan_that_was_committed_twice(self, done, home):
        commits = sorted((home / "lake/raw/user/_delta_log").glob("0*.json"))
        again = [
            line for each in commits for line in each.read_text().splitlines() if '"txn"' in line
        ]
        name = f"{int(commits[-1].stem) + 1:020}.json"
        (commits[-1].parent / name).write_text(again[-1])
        assert "committed out of order or twice" in self.faults(done, home)


def _largest(table):
    """Return the live file of a table with the most rows."""
    live = [
        json.loads(line)["add"]["path"]
        for commit in (table / "_delta_log").glob("0*.json")
        for line in commit.read_text().splitlines()
        if "add" in json.loads(line)
    ]
    return max((table / name for name in live), key=lambda path: path.stat().st_size)


def _rewrite(path, change):
    change(pl.read_parquet(path)).write_parquet(path)


def _raised(call, *arguments):
    with pytest.raises(AssertionError) as raised:
        call(*arguments)
    return raised.value


def _cut_the_log(path):
    import sqlite3

    with closing(sqlite3.connect(path)) as database:
        database.execute(
            "DELETE FROM batches WHERE id = (SELECT id FROM batches ORDER BY id LIMIT 1 OFFSET 3)"
        )
        database.commit()
