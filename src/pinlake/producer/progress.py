"""How far a producer came, kept in a file so that the next run goes on there."""

from __future__ import annotations

import os
from io import FileIO
from pathlib import Path

import msgspec

from pinlake.dataset import Emulation
from pinlake.errors import ProducerStateUnusable

SECTOR = 512
"""A disk writes this many bytes whole."""


class Progress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place in a sequence of draws.

    ``posts`` draws are done, every record of them answered. Of the ``batch``
    draws behind them the first ``tables`` tables of the order are answered too.
    """

    seed: int
    first: int
    last: int
    order: tuple[str, ...]
    posts: int = 0
    tables: int = 0
    batch: int = 1


def start_of(emulation: Emulation) -> Progress:
    """Return the place before the first draw."""
    return Progress(emulation.seed, emulation.first, emulation.last, emulation.order)


def same_sequence(one: Progress, other: Progress) -> bool:
    """Tell whether two places are places in the same sequence."""
    return (one.seed, one.first, one.last, one.order) == (
        other.seed,
        other.first,
        other.last,
        other.order,
    )


class ProgressFile:
    """The file that holds a producer's progress, written after each answer.

    It is one JSON line, made anew at the start of a run and then written over in
    place: one write of a few hundred bytes, which kill -9 cannot tear, so that at
    most the last request is sent again and none is left out. It is synced at the
    end of a run only: a power cut may send more again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: FileIO | None = None
        self._width = 0

    def read(self, start: Progress) -> Progress:
        """Return the place in the sequence of ``start``: the start if there is none yet.

        A file about another seed, range or order is of another sequence and will be
        written over. Raises ProducerStateUnusable.
        """
        try:
            held = msgspec.json.decode(self.path.read_bytes(), type=Progress)
        except FileNotFoundError:
            return start
        except (OSError, msgspec.MsgspecError) as error:
            raise ProducerStateUnusable(path=self.path, reason=error) from error
        return held if same_sequence(held, start) else start

    def write(self, progress: Progress) -> None:
        """Put a place in the file's stead; raises ProducerStateUnusable."""
        line = msgspec.json.encode(progress)
        try:
            if self._file is None or len(line) >= self._width:
                self._create(line)
            assert self._file is not None
            os.pwrite(self._file.fileno(), line.ljust(self._width - 1) + b"\n", 0)
        except OSError as error:
            raise ProducerStateUnusable(path=self.path, reason=error) from error

    def close(self) -> None:
        """Sync the file and close it."""
        if self._file is not None:
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None

    def _create(self, line: bytes) -> None:
        """Make a file with room for the line and larger numbers, whole or not at all."""
        self.close()
        self._width = (len(line) // SECTOR + 1) * SECTOR
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        self._file = draft.open("wb", buffering=0)
        os.pwrite(self._file.fileno(), line.ljust(self._width - 1) + b"\n", 0)
        os.fsync(self._file.fileno())
        draft.replace(self.path)
