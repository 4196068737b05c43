"""A doctor asks the source for all that the data set draws from it, and shows no password."""

import urllib.parse

import pytest

from harness.pipeline import pinlake
from pinlake.home import open_home
from pinlake.run.doctor.examination import examine
from pinlake.source.connection import connect


@pytest.fixture(params=["mariadb", "postgres"])
def url(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def home(tmp_path, monkeypatch, url):
    """A home whose source is a server with a sample in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PINLAKE_SOURCE", url)
    open_home(tmp_path / "home", "pinterest", create=True)
    pinlake("sample", "--rows", 30, "--home", tmp_path / "home")
    return tmp_path / "home"


def run(url, *statements):
    engine = connect(url)
    with engine.begin() as connection:
        for each in statements:
            connection.exec_driver_sql(each)
    engine.dispose()


def found(home):
    findings = [each for each in examine(home, None, deep=False) if each.check == "source"]
    assert all("s3cret" not in str(each) for each in findings)
    return findings


def ill(home):
    (finding,) = [each for each in found(home) if each.severity != "ok"]
    return finding


def test_a_source_that_is_well_tells_its_version_and_tables(home):
    findings = found(home)
    assert {each.severity for each in findings} == {"ok"}
    told = " ".join(each.what for each in findings)
    assert "***@127.0.0.1" in told
    assert "pinterest_data: 30 rows can be read, by ind" in told


def test_a_table_that_is_gone_is_told(home, url):
    run(url, "DROP TABLE user_data")
    assert "no table 'user_data'" in ill(home).what


def test_a_table_without_a_key_or_an_index_is_told_with_the_statement(home, url):
    run(url, "DROP TABLE user_data", "CREATE TABLE user_data (ind INT)")
    finding = ill(home)
    assert finding.do == "CREATE INDEX user_data_ind ON user_data (ind)"
    run(url, finding.do)
    assert {each.severity for each in found(home)} == {"ok"}
    run(url, "INSERT INTO user_data VALUES (1), (1)")
    assert "no key that tells its rows apart" in ill(home).what


def test_a_table_that_may_not_be_read_is_told(home, url, monkeypatch):
    name, create = "other", "CREATE ROLE {} LOGIN PASSWORD 's3cret'"
    if url.startswith("mysql"):
        name, create = "'other'@'127.0.0.1'", "CREATE USER {} IDENTIFIED BY 's3cret'"
    readable = [
        f"GRANT SELECT ON {table} TO {name}" for table in ("pinterest_data", "geolocation_data")
    ]
    run(url, create.format(name), *readable)
    monkeypatch.setenv("PINLAKE_SOURCE", url.replace("reader:", "other:"))
    finding = ill(home)
    assert "user_data: " in finding.what
    assert "grant this user SELECT" in finding.what
    run(url, *(f"REVOKE ALL ON {t} FROM {name}" for t in ("pinterest_data", "geolocation_data")))
    run(url, f"DROP {'USER' if url.startswith('mysql') else 'ROLE'} {name}")


def test_a_source_that_does_not_answer_is_told_once(home, url, monkeypatch):
    away = urllib.parse.urlsplit(url)
    monkeypatch.setenv("PINLAKE_SOURCE", url.replace(f":{away.port}/", ":1/"))
    assert "is the database running" in ill(home).what


def test_a_clock_that_is_apart_is_told(home):
    findings = list(examine(home, None, deep=False, now=lambda: 1_000_000_000.0))
    (told,) = [each for each in findings if each.check == "source" and each.severity == "warning"]
    assert "s apart" in told.what


def test_no_command_shows_the_password(home, url, monkeypatch):
    for command in ("status", "doctor"):
        done = pinlake(command, "--home", home, check=False)
        assert "s3cret" not in done.stdout + done.stderr, command
    for shown in (url, f"{url}?password=s3cret", url.replace("s3cret@", "a@s3cret@")):
        monkeypatch.setenv("PINLAKE_SOURCE", shown)
        said = pinlake("config", "--home", home).stdout
        assert "s3cret" not in said
        assert "***" in said


def test_a_password_on_the_command_line_is_refused_wherever_it_stands(home):
    for to in ("mysql://u:s3cret@h/d", "mysql://u@h/d?password=s3cret"):
        done = pinlake("sample", "--rows", 1, "--to", to, "--home", home, check=False)
        assert done.returncode == 2
        assert "can be read by everyone" in " ".join(done.stderr.replace("│", " ").split())
