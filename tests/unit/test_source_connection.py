"""A source's URL: drivers, masked passwords, and errors that say what to do."""

import socket
import sys

import pytest

from pinlake.errors import LibraryMissing, SourceFailed
from pinlake.source.connection import connect, shown_url, sqlite_path
from pinlake.source.database import DatabaseSource

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///a/b.db", "sqlite:///a/b.db"),
        (f"mysql://reader:{SECRET}@host:3306/data", "mysql://reader:***@host:3306/data"),
        (
            f"mysql://reader@host/data?password={SECRET}",
            "mysql://reader@host/data?password=%2A%2A%2A",
        ),
        (
            f"postgres://host/d?sslpassword={SECRET}&a=1",
            "postgres://host/d?a=1&sslpassword=%2A%2A%2A",
        ),
        (f"not a url {SECRET}", "***"),
        (f"mysql://reader:{SECRET}@host:port/data", "***"),
    ],
)
def test_a_shown_url_has_no_password(url, shown):
    assert shown_url(url) == shown
    assert SECRET not in shown_url(url)


@pytest.mark.parametrize("url", [f"nonsense {SECRET}", "", f"mysql://u:{SECRET}@host:port/data"])
def test_what_is_no_url_is_refused_with_an_example(url):
    with pytest.raises(SourceFailed, match="no SQLAlchemy URL, such as mysql://") as refused:
        DatabaseSource(url)
    assert SECRET not in str(refused.value)


def test_a_password_with_an_at_sign_is_refused_and_no_part_of_it_shown():
    url = f"mysql://u:some@{SECRET}@host/data"
    with pytest.raises(SourceFailed, match=r"more than one @.*%40") as refused:
        DatabaseSource(url)
    assert SECRET not in str(refused.value)


def test_an_option_that_the_driver_does_not_know_is_named():
    with (
        DatabaseSource("mysql://u:s3cr3t@127.0.0.1/d?frob=1") as source,
        pytest.raises(SourceFailed, match="knows no option 'frob'") as refused,
    ):
        source.count("pinterest_data")
    assert SECRET not in str(refused.value)


def test_an_unknown_database_is_refused_with_the_known_ones():
    with pytest.raises(SourceFailed, match="no dialect 'paper'; use sqlite, mysql, postgresql"):
        connect("paper://desk")


@pytest.mark.parametrize(
    ("url", "driver", "extra"),
    [
        ("mysql://h/d", "pymysql", "mysql"),
        ("mysql+pymysql://h/d", "pymysql", "mysql"),
        ("mariadb+pymysql://h/d", "pymysql", "mysql"),
        ("postgresql+psycopg://h/d", "psycopg", "postgres"),
        ("mariadb://h/d", "pymysql", "mysql"),
        ("postgresql://h/d", "psycopg", "postgres"),
        ("postgres://h/d", "psycopg", "postgres"),
    ],
)
def test_a_missing_driver_names_the_extra(monkeypatch, url, driver, extra):
    monkeypatch.setitem(sys.modules, driver, None)
    with pytest.raises(LibraryMissing, match=rf'{driver}: pip install "pinlake\[{extra}\]"'):
        connect(url)


def test_the_missing_driver_that_a_url_names_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "MySQLdb", None)
    with pytest.raises(SourceFailed, match="install MySQLdb"):
        connect("mysql+mysqldb://h/d")


def test_a_server_that_is_not_there_is_asked_about_without_the_password():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        url = f"mysql://reader:{SECRET}@127.0.0.1:{port}/data"
        with DatabaseSource(url) as source, pytest.raises(SourceFailed) as refused:
            source.count("pinterest_data")
    assert "is the database running" in str(refused.value)
    assert SECRET not in str(refused.value)


def test_reading_never_makes_an_empty_database(tmp_path):
    path = tmp_path / "source.db"
    with (
        DatabaseSource(f"sqlite:///{path}") as source,
        pytest.raises(SourceFailed, match="no such file: make it with `pinlake sample`"),
    ):
        source.count("pinterest_data")
    assert not path.exists()


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "source.db"
    path.write_text("something else " * 100)
    with (
        DatabaseSource(f"sqlite:///{path}") as source,
        pytest.raises(SourceFailed, match="file is not a database"),
    ):
        source.count("pinterest_data")


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?uri=true", "mysql+pymysql://h/d"]
)
def test_only_a_file_of_sqlite_has_a_path(url):
    assert sqlite_path(url) is None
