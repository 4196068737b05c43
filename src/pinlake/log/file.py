"""The embedded log's files: ``log.db``, opened by SQLite alone, and ``log.lock`` beside it."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pinlake.errors import LogInUse, LogUnusable, LogVersion
from pinlake.log.statements import SQL, schema, upgrade

APPLICATION_ID = 0x70696E6C
"""``pinl``: what SQLite's header says a log of ours is."""

FORMAT = 2
"""The layout of the tables, SQLite's user_version. Older ones are upgraded in place."""

_BUSY_SECONDS = 10.0


def hold_lock(path: Path) -> int:
    """Take the writer's lock of the log at ``path`` and return its descriptor.

    The lock is on ``log.lock``: closing a descriptor of log.db itself would
    drop SQLite's own locks. Raises LogInUse where another holds it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise LogUnusable(path=path, reason=error.strerror) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise LogInUse(path=path) from error
    return descriptor


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the log for writing, made if it is not there: WAL, every commit synced."""
    with unusable(path):
        connection = _connect(path, "rwc")
        if _is_blank(connection):
            _create(connection)
        _check(connection, path)
        _upgrade(connection)
        for pragma in (
            "journal_mode = wal",
            "synchronous = full",
            "fullfsync = 1",
            "checkpoint_fullfsync = 1",
            "secure_delete = fast",
            "wal_autocheckpoint = 16384",  # the committer does it sooner, after it has answered
            "journal_size_limit = 67108864",
        ):
            connection.execute(f"PRAGMA {pragma}")
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a log that is there for reading.

    Read and write for SQLite, which recovers after a crash where no writer
    runs; read only for whoever uses the connection. A log of an older format is
    upgraded first, unless a writer of another version holds it.
    """
    if not path.exists():
        raise LogUnusable(path=path, reason="there is none yet, start `pinlake serve` first")
    with unusable(path):
        connection = _connect(path, "rw")
        _check(connection, path)
        if _pragma(connection, "user_version") != FORMAT:
            _upgrade_under_lock(connection, path)
        connection.execute("PRAGMA query_only = 1")
    return connection


@contextmanager
def unusable(path: Path) -> Iterator[None]:
    """Turn what SQLite says of a broken or foreign file into LogUnusable."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise LogUnusable(path=path, reason=_told(path, error)) from error


def _told(path: Path, error: sqlite3.DatabaseError) -> str:
    if path.is_dir():
        return f"it is a folder ({error})"
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_CORRUPT:
        return f"it is damaged or cut short ({error}), bring back a copy of it if there is one"
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}:
        return f"it cannot be written here ({error}), let this user write it and its folder"
    return str(error)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block does, synced, or roll all of it back."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def patience(connection: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """Wait for another connection's locks so long, and no longer, while the block runs."""
    connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(_BUSY_SECONDS * 1000)}")


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _is_blank(connection: sqlite3.Connection) -> bool:
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    return tables == 0 and _pragma(connection, "application_id") == 0


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("PRAGMA synchronous = full")
    with transaction(connection):
        for statement in schema():
            connection.execute(statement)
        connection.execute(SQL["set_log_id"], (str(uuid.uuid4()),))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")


def _check(connection: sqlite3.Connection, path: Path) -> None:
    if _is_blank(connection):
        raise LogUnusable(path=path, reason="it is empty, start `pinlake serve` first")
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise LogUnusable(path=path, reason="it is another program's SQLite database")
    if not 1 <= (found := _pragma(connection, "user_version")) <= FORMAT:
        raise LogVersion(path=path, found=found, known=FORMAT)


def _upgrade(connection: sqlite3.Connection) -> None:
    """Bring a log to this version's format, all of it or nothing."""
    if _pragma(connection, "user_version") == FORMAT:
        return
    connection.execute("PRAGMA synchronous = full")
    with transaction(connection):
        for found in range(_pragma(connection, "user_version"), FORMAT):
            for statement in upgrade(found):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {FORMAT}")


def _upgrade_under_lock(connection: sqlite3.Connection, path: Path) -> None:
    lock = hold_lock(path)
    try:
        _upgrade(connection)
    finally:
        os.close(lock)
