"""Where streams may be, and what of `[kinesis]` is never shown."""

import threading
from contextlib import closing

import pytest

from pinlake.errors import KinesisCannot, LogClosed, SettingInvalid
from pinlake.home import open_home
from pinlake.log.by_kind import LogByKind
from pinlake.log.kinesis.log import KinesisLog
from pinlake.log.kinesis.reader import KinesisLogReader
from pinlake.log.open import embedded, fed_reader_of, kinesis, log_of, open_kind, reader_of
from pinlake.record import Kind, topic
from pinlake.run.config import show_config
from pinlake.run.erase import run_erase
from pinlake.settings import FILE, read
from pinlake.stage.start import log_url, wait_for_log

REGION = "kinesis://eu-west-1"
KAFKA = "kafka://127.0.0.1:9"


def home(folder, text="", **environment):
    (folder / FILE).write_text(text)
    return read(folder=folder, environment=environment)


def test_topics_stay_in_the_embedded_log_beside_streams_in_kinesis(tmp_path):
    found = home(tmp_path, f'streams = "{REGION}"')
    assert found.streams_url == REGION
    assert found.topics_url == found.log_url == f"sqlite:///{tmp_path / '.pinlake/log.db'}"
    log = log_of(found)
    assert isinstance(log, LogByKind)
    assert embedded(log) is not None
    assert isinstance(kinesis(log), KinesisLog)
    log.close()


def test_no_embedded_log_is_opened_where_nothing_is_in_it(tmp_path):
    found = home(tmp_path, f'streams = "{REGION}"\ntopics = "{KAFKA}"')
    assert not found.has_embedded_log
    log = log_of(found)
    assert embedded(log) is None
    log.close()
    reader_of(found).close()
    assert not (tmp_path / ".pinlake" / "log.db").exists()


def test_stage_stream_reads_kinesis_though_no_gateway_has_made_the_embedded_log(tmp_path):
    found = home(tmp_path, f'streams = "{REGION}"')
    assert log_url("stream", found) == REGION
    assert wait_for_log(REGION, threading.Event(), once=True)
    reader = fed_reader_of(found)
    assert isinstance(reader, KinesisLogReader)
    reader.close()
    with_topics = home(tmp_path, f'streams = "{REGION}"\n[stream]\ntopics = true')
    assert log_url("stream", with_topics) == REGION
    with closing(fed_reader_of(with_topics)) as both:
        assert both.names("topic") == []
        with closing(open_kind(with_topics, Kind.TOPIC)) as log:
            log.create(topic("later"))
        assert both.names("topic") == ["later"]
    with pytest.raises(LogClosed):
        both.names("topic")


def test_an_embedded_log_that_comes_after_its_reader_was_closed_is_not_opened(tmp_path):
    found = home(tmp_path, f'streams = "{REGION}"\n[stream]\ntopics = true')
    with closing(fed_reader_of(found)) as both:
        assert both.names("topic") == []
    open_kind(found, Kind.TOPIC).close()
    with pytest.raises(LogClosed):
        both.names("topic")


@pytest.mark.parametrize(
    "text",
    [f'topics = "{REGION}"', 'streams = "kafka://h:1"', 'streams = "sqlite:///other.db"'],
)
def test_what_can_hold_no_streams_or_no_topics_is_refused(tmp_path, text):
    with pytest.raises(SettingInvalid, match=r"kinesis://|Kinesis"):
        home(tmp_path, text)


@pytest.mark.parametrize("json", [True, False])
def test_config_shows_the_endpoint_and_no_secret(tmp_path, capsys, monkeypatch, json):
    monkeypatch.chdir(tmp_path)
    for name in ("ACCESS_KEY", "SECRET_KEY", "SESSION_TOKEN"):
        monkeypatch.setenv(f"PINLAKE_KINESIS_{name}", f"s3cret-{name}")
    monkeypatch.setenv("PINLAKE_KINESIS_ENDPOINT", "http://127.0.0.1:4567")
    monkeypatch.setenv("PINLAKE_STREAMS", REGION)
    show_config(None, json=json)
    said = capsys.readouterr().out
    assert "http://127.0.0.1:4567" in said
    assert REGION in said
    assert "s3cret" not in said


def test_a_secret_of_the_wrong_type_is_not_quoted(tmp_path):
    with pytest.raises(SettingInvalid, match=r"kinesis\.secret_key") as caught:
        home(tmp_path, "[kinesis]\nsecret_key = [271828]")
    assert "271828" not in str(caught.value)


def test_erasing_says_what_kinesis_lets_one_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PINLAKE_STREAMS", REGION)
    found, dataset = open_home(tmp_path / "home", create=True)
    with pytest.raises(KinesisCannot, match="retention"):
        run_erase(found, dataset, "pin", "1")
