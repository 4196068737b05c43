"""How far a producer came, kept in a file so that the next run goes on there."""

from __future__ import annotations

import os
from io import FileIO
from pathlib import Path

import msgspec

from pinlake.dataset import Emulation
from pinlake.errors import ProducerStateUnusable


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
    """The file that holds a producer's progress.

    It is exchanged whole after each answer: kill -9 leaves the old place or the
    new one, so at most the last request is sent again and none is left out. It is
    synced at the end of a run only: a power cut may send more again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._draft = path.with_name(f".{path.name}.{os.getpid()}")

    def read(self, start: Progress) -> Progress:
        """Return the place in the sequence of ``start``: the start if there is none yet.

        A file about another seed, range or order is of another sequence and is
        written over. Raises ProducerStateUnusable.
        """
        try:
            held = msgspec.json.decode(self.path.read_bytes(), type=Progress)
        except FileNotFoundError:
            return start
        except (OSError, msgspec.MsgspecError) as error:
            raise ProducerStateUnusable(path=self.path, reason=error) from error
        return held if same_sequence(held, start) else start

    def write(self, progress: Progress, *, sync: bool = False) -> None:
        """Put a place in the file's stead; raises ProducerStateUnusable."""
        try:
            with _opened(self._draft) as draft:
                draft.write(msgspec.json.encode(progress) + b"\n")
                if sync:
                    os.fsync(draft.fileno())
            self._draft.replace(self.path)
        except OSError as error:
            raise ProducerStateUnusable(path=self.path, reason=error) from error


def _opened(path: Path) -> FileIO:
    try:
        return path.open("wb", buffering=0)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb", buffering=0)
