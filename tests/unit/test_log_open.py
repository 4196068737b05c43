"""A log is opened by its URL."""

from __future__ import annotations

import pytest

from pinlake.errors import LogUnusable, SettingInvalid
from pinlake.log.open import open_log, open_reader
from pinlake.record import Partition, Record, topic


def test_a_log_and_its_reader_are_opened_by_url(tmp_path):
    url = f"sqlite:///{tmp_path / 'home' / 'log.db'}"
    log = open_log(url, clock=lambda: 5)
    reader = open_reader(url)
    log.create(topic("pins"))
    log.append(Partition(topic("pins"), 0), [Record(b"a")])
    batch = reader.read(Partition(topic("pins"), 0), None, 10)
    assert (batch.values.values(), list(batch.times)) == ([b"a"], [5])
    assert (tmp_path / "home" / "log.db").exists()
    reader.close()
    log.close()


def test_a_relative_path_is_taken_from_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    open_log("sqlite:///here.db").close()
    assert (tmp_path / "here.db").exists()


def test_a_reader_of_no_log_says_what_to_do(tmp_path):
    with pytest.raises(LogUnusable, match="pinlake serve"):
        open_reader(f"sqlite:///{tmp_path}/log.db")


@pytest.mark.parametrize(
    "url", ["kafka://", "kafka://name:word@host:9092", "log.db", "sqlite:///", "", "sqlite://x"]
)
@pytest.mark.parametrize("opening", [open_log, open_reader])
def test_an_unknown_url_is_refused_with_those_that_are_known(url, opening):
    with pytest.raises(SettingInvalid, match=r"sqlite:///<path>|kafka://<host>:<port>"):
        opening(url)
