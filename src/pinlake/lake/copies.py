"""Copies of a remote lake's files in a folder of this machine: bounded, and for all processes."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from pinlake.lake.file import DRAFT, sync_file

IN_USE_SECONDS = 3600.0
"""A copy that was asked for so lately stays: a query may not have opened it yet."""
ROOM = 0.8
"""The part of the bound that is left once the copies are past it."""
LOOK_EVERY = 0.05
"""After so much of the bound was added, a process counts what all have added."""
LOCK = ".trim.lock"
_drafts = itertools.count()


class _Copy(NamedTuple):
    used: float
    size: int
    path: Path


class Copies:
    """Files below a folder, each whole and durable under its name; when it was used is its mtime.

    Past ``bound`` bytes those that were not used for longest go, but none that was
    used within the last hour: for that long there may be more than the bound. Safe
    to use from several threads and processes.
    """

    def __init__(self, folder: Path, bound: int, clock: Callable[[], float] = time.time) -> None:
        self.folder, self._bound, self._clock = folder, bound, clock
        self._added = bound

    def use(self, path: Path) -> bool:
        """Tell whether there is a copy, which stays for the next hour then."""
        try:
            os.utime(path, (self._clock(), self._clock()))
        except FileNotFoundError:
            return False
        return True

    @contextlib.contextmanager
    def draft(self, path: Path) -> Iterator[Path]:
        """Yield where to write a copy; it has its place once the block ends well."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.parent / f"{DRAFT}{os.getpid()}-{next(_drafts)}"
        try:
            yield draft
            self.take(draft, path)
        finally:
            draft.unlink(missing_ok=True)

    def take(self, source: Path, path: Path) -> None:
        """Give a file of the same disk its place, its content durable before."""
        path.parent.mkdir(parents=True, exist_ok=True)
        sync_file(source)
        size = source.stat().st_size
        source.replace(path)
        self._added += size
        if self._added >= self._bound * LOOK_EVERY:
            self._added = 0
            self.trim()

    def trim(self) -> None:
        """Delete what was not used for longest while there is more than the bound."""
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._trim()
        except BlockingIOError:
            return  # another process does it
        finally:
            os.close(descriptor)

    def _trim(self) -> None:
        found = sorted(self._copies())
        total = sum(each.size for each in found)
        wanted = total if total <= self._bound else int(self._bound * ROOM)
        before = self._clock() - IN_USE_SECONDS
        for each in found:
            if each.used >= before or (total <= wanted and not each.path.name.startswith(DRAFT)):
                continue
            each.path.unlink(missing_ok=True)
            total -= each.size

    def _copies(self) -> Iterator[_Copy]:
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = Path(folder, name)
                with contextlib.suppress(FileNotFoundError):
                    if name != LOCK:
                        status = path.stat()
                        yield _Copy(status.st_mtime, status.st_size, path)
