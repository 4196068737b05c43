"""[kafka] takes librdkafka's own names, and nobody shows what is secret of it."""

import json

import pytest

from pinlake import settings
from pinlake.errors import LogCannot, SettingInvalid
from pinlake.log.kafka.connection import connection
from pinlake.log.kafka.msk import signed_in
from pinlake.run.config import show_config
from pinlake.run.erase import run_erase

URL = "kafka://one:9092,two:9092"


def read(folder, text, **environment):
    (folder / "pinlake.toml").write_text(text)
    return settings.read(folder / "home", environment=environment, folder=folder)


@pytest.mark.parametrize("name", ["sasl.password", '"sasl.password"'])
def test_names_may_be_quoted_or_not_and_values_become_text(tmp_path, name):
    text = f'topics = "{URL}"\n[kafka]\n{name} = "s3cret"\nlinger.ms = 5\nlog.queue = true\n'
    home = read(tmp_path, text)
    assert home.settings.kafka == {"sasl.password": "s3cret", "linger.ms": "5", "log.queue": "true"}
    assert home.topics_url == URL
    assert home.log_url == f"sqlite:///{tmp_path}/home/log.db"


def test_the_environment_names_them_with_underscores(tmp_path):
    home = read(tmp_path, '[kafka]\n"sasl.username" = "a"\n', PINLAKE_KAFKA_SASL_PASSWORD="b")
    assert home.settings.kafka == {"sasl.username": "a", "sasl.password": "b"}


def test_streams_are_never_in_kafka(tmp_path):
    with pytest.raises(SettingInvalid, match="streams"):
        read(tmp_path, f'topics = "{URL}"\nstreams = "{URL}"\n')


def test_a_kafka_that_is_no_table_is_refused_unshown(tmp_path):
    with pytest.raises(SettingInvalid, match="table") as caught:
        read(tmp_path, 'kafka = "s3cret"\n')
    assert "s3cret" not in str(caught.value)


def test_config_shows_the_pace_and_no_secret(tmp_path, capsys, monkeypatch):
    text = f'topics = "{URL}"\n[kafka]\nsasl.password = "s3cret"\nlinger.ms = "5"\n'
    (tmp_path / "pinlake.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    for as_json in (True, False):
        show_config(None, json=as_json)
        shown = capsys.readouterr().out
        assert "s3cret" not in shown
        assert "sasl.password" in shown
    show_config(None, json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["kafka"] == {"sasl.password": "***", "linger.ms": "5"}
    assert told["topics"] == URL


@pytest.mark.parametrize("name", ["acks", "enable.idempotence", "isolation.level", "group.id"])
def test_what_exactly_once_depends_on_cannot_be_set(name):
    with pytest.raises(SettingInvalid, match="exactly once"):
        connection(URL, {name: "0"})


def test_a_regex_of_topics_that_is_none_is_refused():
    with pytest.raises(SettingInvalid, match="regular expression"):
        connection(URL, {"topics.regex": "("})


def test_a_users_name_is_masked_as_a_word_and_a_password_everywhere():
    held = connection(URL, {"sasl.username": "all", "sasl.password": "all-s3cret"})
    assert held.masked("install for all: xall-s3crety") == "install for ***: x***y"
    assert held.masked("all-s3cret") == "***"


def test_a_password_in_the_url_is_refused_unshown():
    with pytest.raises(SettingInvalid) as caught:
        connection("kafka://me:s3cret@host:9092", {})
    assert "s3cret" not in str(caught.value)


def test_errors_and_lines_of_librdkafka_are_masked():
    held = connection(URL, {"sasl.password": "s3cret", "linger.ms": "7"})
    assert held.masked("no s3cret in 7 ms") == "no *** in 7 ms"
    assert "s3cret" not in repr(held)


def test_erasing_says_what_kafka_lets_one_do(tmp_path):
    from pinlake import dataset as datasets

    home = read(tmp_path, f'topics = "{URL}"\n')
    with pytest.raises(LogCannot, match=r"retention\.ms"):
        run_erase(home, datasets.load("pinterest"), "pin", "1")


def test_msk_iam_signs_a_token_for_the_brokers_region(monkeypatch):
    pytest.importorskip("aws_msk_iam_sasl_signer")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    servers = "boot-x.c1.kafka-serverless.eu-west-1.amazonaws.com:9098"
    made = signed_in({"bootstrap.servers": servers, "sasl.mechanism": "AWS_MSK_IAM"})
    assert (made["security.protocol"], made["sasl.mechanism"]) == ("SASL_SSL", "OAUTHBEARER")
    token, expires = made["oauth_cb"]("")
    assert len(token) > 100
    assert expires > 1_700_000_000
    with pytest.raises(SettingInvalid, match=r"aws\.region"):
        signed_in({"bootstrap.servers": "host:9092", "sasl.mechanism": "AWS_MSK_IAM"})
