"""Keys in a file of SQLite: a look-up costs the same however many there are."""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

Affinity = Literal["INTEGER", "TEXT"]
Key = tuple[int] | tuple[str]

_SETTINGS = (
    "journal_mode = OFF",
    "synchronous = OFF",
    "locking_mode = EXCLUSIVE",
    "temp_store = MEMORY",
    "cache_size = -16384",
)
"""Nothing reads the file after this process, so nothing in it needs to survive one."""

_files = itertools.count()


class StoredKeys:
    """A set of keys of one kind, whole numbers or text, in a file of a folder.

    The file loses its name as soon as it is open: the system takes its space back
    when the process ends, however that comes. Raises sqlite3.Error, after which the
    set is not to be used: what was being added may be half there.
    """

    def __init__(self, folder: Path, affinity: Affinity) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"keys-{os.getpid()}-{next(_files)}"
        path.unlink(missing_ok=True)
        self._open = sqlite3.connect(path, isolation_level=None)
        try:
            for setting in _SETTINGS:
                self._open.execute(f"PRAGMA {setting}")
            rows = " WITHOUT ROWID" if affinity == "TEXT" else ""
            self._open.execute(f"CREATE TABLE keys (key {affinity} PRIMARY KEY){rows}")
            self._open.execute(f"CREATE TEMP TABLE asked (key {affinity})")
        finally:
            path.unlink(missing_ok=True)

    def add(self, keys: Sequence[Key]) -> None:
        """Add keys; quickest in order. Those that are there already change nothing."""
        with self._transaction():
            self._open.executemany("INSERT OR IGNORE INTO keys VALUES (?)", keys)

    def held(self, keys: Sequence[Key]) -> list[int | str]:
        """Return those of the keys that are in the set."""
        with self._transaction():
            self._open.execute("DELETE FROM asked")
            self._open.executemany("INSERT INTO asked VALUES (?)", keys)
            found = self._open.execute("SELECT key FROM asked WHERE key IN keys")
            return [key for (key,) in found]

    def close(self) -> None:
        """Give the space back. Idempotent."""
        self._open.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._open.execute("BEGIN")
        yield
        self._open.execute("COMMIT")
