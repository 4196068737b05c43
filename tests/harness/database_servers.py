"""Real database servers in a folder of their own, on a free loopback port."""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import pytest

from harness.free_port import free_port
from pinlake.source.connection import connect
from requirements_of_tests import require


@contextlib.contextmanager
def mariadb(folder):
    """Run a MariaDB and yield the URL of an empty utf8mb4 database in it."""
    require(shutil.which("mariadbd"), "there is no MariaDB server (mariadbd)")
    port = free_port()
    data = folder / "data"
    _run(
        "mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db",
        f"--user={getpass.getuser()}", "--auth-root-authentication-method=normal",
    )  # fmt: skip
    server = subprocess.Popen(
        ["mariadbd", "--no-defaults", f"--user={getpass.getuser()}", f"--datadir={data}",
         f"--socket={folder / 's'}", "--bind-address=127.0.0.1", f"--port={port}",
         "--skip-log-bin", "--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with _ended(server):
        _wait_for(port, server)
        _run(
            "mariadb", "--no-defaults", f"--socket={folder / 's'}", "-e",
            "CREATE DATABASE pinterest_data CHARACTER SET utf8mb4;"
            "CREATE USER 'reader'@'127.0.0.1' IDENTIFIED BY 's3cret';"
            "GRANT ALL ON *.* TO 'reader'@'127.0.0.1' WITH GRANT OPTION",
        )  # fmt: skip
        yield f"mysql://reader:s3cret@127.0.0.1:{port}/pinterest_data"


@contextlib.contextmanager
def postgres(folder):
    """Run a PostgreSQL and yield the URL of an empty database in it."""
    pytest.importorskip("psycopg", reason="psycopg, our extra postgres, is not installed")
    require(shutil.which("initdb"), "there is no PostgreSQL server (initdb)")
    port = free_port()
    with _home_of_nobody() as (user, home), (folder / "server.log").open("w") as told:
        secret = home / "password"
        secret.write_text("s3cret")
        _run(*user, "initdb", "-D", "data", "-U", "reader", f"--pwfile={secret}",
             "-A", "scram-sha-256", "--no-sync", "--locale=C", "-E", "UTF8", cwd=home)  # fmt: skip
        server = subprocess.Popen(
            [*user, shutil.which("postgres"), "-D", "data", "-k", str(home), "-F",
             "-c", "listen_addresses=127.0.0.1", "-p", str(port)],
            cwd=home, stdout=subprocess.DEVNULL, stderr=told,
        )  # fmt: skip
        with _ended(server):
            _wait_for(port, server)
            yield f"postgres://reader:s3cret@127.0.0.1:{port}/postgres"


@contextlib.contextmanager
def empty_database(server):
    """Make a database of its own on a server that runs, and yield its URL."""
    name = f"d{uuid.uuid4().hex}"
    _run_sql(server, f"CREATE DATABASE {name}")
    try:
        yield f"{server.rpartition('/')[0]}/{name}"
    finally:
        _run_sql(server, f"DROP DATABASE {name}")


def _run_sql(url, sql):
    engine = connect(url).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(sql)
    engine.dispose()


@contextlib.contextmanager
def _home_of_nobody():
    """Yield what runs a command as a user that PostgreSQL takes, not root, and a folder of theirs.

    It lies beside pytest's folders, which another pytest that starts closes to all but their owner.
    """
    with tempfile.TemporaryDirectory(prefix="pinlake-postgres-") as name:
        if os.getuid() != 0:
            yield [], Path(name)
            return
        shutil.chown(name, "nobody", "nogroup")
        yield ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"], Path(name)


@contextlib.contextmanager
def _ended(server):
    try:
        yield
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(port, server):
    deadline = time.monotonic() + 60
    while True:
        assert server.poll() is None, "the database server ended"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            time.sleep(0.3)
            return
        assert time.monotonic() < deadline, "the database server did not start"
        time.sleep(0.1)


def _run(*command, cwd=None):
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"
