"""The seam to a lake: one root in an object store, and what every store of one promises."""

from __future__ import annotations

import mmap
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

Identity = str
"""What tells a file from another one that later has its name."""
Content = bytes | mmap.mmap


class ArrowStream(Protocol):
    """Rows as an Arrow C stream (a DuckDB relation, a pyarrow table, a polars frame...)."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the rows as a capsule of Arrow's C stream interface."""
        ...


class Numbered(NamedTuple):
    """A file that is named by its number alone, ``<n, 20 digits>.json``: a commit or a plan."""

    number: int
    identity: Identity


class Lake(ABC):
    """The root of all objects, tables and plans. ``pinlake.lake.open.open_lake`` opens a home's.

    Keys are paths below the root, with ``/``. Every file is written once under its
    name and then only deleted, but for ``_delta_log/_last_checkpoint``, and for
    objects that an erasure or a rebuilt sink writes anew. A write is whole and
    durable when it returns, a file that is read is whole, and what was written is
    seen by whoever looks next, in whatever process.

    Parquet is read as files of this machine: ``path`` tells where a file lies here
    once ``fetch`` was called for it. Safe to use from several threads.
    """

    url: str
    ground: Path
    """The folder of this machine below which every ``path`` lies."""
    spill: Path
    """The folder of this machine for what does not fit into memory; there once it is needed."""
    may_tear: bool
    """Whether a power cut may leave half of what other libraries wrote under a good name."""

    @property
    def storage_options(self) -> dict[str, str]:
        """What deltalake needs beside the URL. It may hold secrets: never show it."""
        return {}

    def failure(self, error: OSError) -> Exception:
        """Return what deltalake met, as an error that tells a user what to do."""
        return error

    def table_url(self, table: str) -> str:
        """Return the URL of a table, such as ``clean/pin``."""
        return f"{self.url}/{table}"

    @abstractmethod
    def put(self, key: str, content: bytes) -> None:
        """Write a file, in place of what was there."""

    @abstractmethod
    def create(self, key: str, content: bytes) -> bool:
        """Write a file if the key is free; tell whether it was.

        Of several writers of different contents one gets True. Of a remote store so does
        who finds there what it wants to write: the answer to its own write may be lost.
        """

    @abstractmethod
    def get(self, key: str) -> bytes | None:
        """Return a file's content, or None where there is none."""

    @abstractmethod
    def contents(self, keys: Sequence[str]) -> Iterator[Content | None]:
        """Yield each file's content, in order, or None; fetched ahead where that takes time."""

    @abstractmethod
    def exists(self, key: str) -> bool:
        """Tell whether there is a file of this key."""

    @abstractmethod
    def sizes(self, keys: Sequence[str]) -> list[int]:
        """Return the files' sizes in bytes; FileNotFoundError where one is gone."""

    @abstractmethod
    def written(self, key: str) -> float:
        """Return when a file was written, in seconds since 1970; FileNotFoundError."""

    @abstractmethod
    def identity(self, key: str) -> Identity | None:
        """Return what tells a file from a later one of its name, or None where there is none."""

    @abstractmethod
    def numbered(self, folder: str, since: int) -> list[Numbered]:
        """Return the numbered files of a folder from ``since`` on, up to the first that is missing.

        It costs the same however many are before ``since``. Empty where that one is missing.
        """

    @abstractmethod
    def children(self, key: str) -> list[str]:
        """Return the names of the files and folders right below a key, sorted; drafts are none."""

    @abstractmethod
    def files(self, folder: str, after: str = "") -> Iterator[str]:
        """Yield the keys of all files below a folder, however deep, but for drafts.

        Those that do not sort after the key ``after`` may be left out.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete a file, if it is there."""

    @abstractmethod
    def delete_tree(self, key: str) -> None:
        """Delete everything below a key, if it is there."""

    @abstractmethod
    def path(self, key: str) -> Path:
        """Return where a file lies on this machine, once it was fetched."""

    @abstractmethod
    def fetch(self, paths: Iterable[str]) -> None:
        """Bring the files of such paths to this machine, those that are not here.

        One that is gone from the lake stays away.
        """

    @abstractmethod
    def adopt(self, folder: Path, names: Sequence[str], table: str) -> None:
        """Give files of a ``scratch`` folder, by their paths below it, their places in a table."""

    @abstractmethod
    def scratch(self, table: str) -> Path:
        """Return the folder of this machine for what is not yet the table's; make it."""

    @abstractmethod
    def lock_file(self, key: str) -> Path:
        """Return the file of this machine to lock for a key, the same one for all its processes."""

    @abstractmethod
    def open_lock(self, key: str) -> int:
        """Open that file, made where it is missing, and return its descriptor."""

    @abstractmethod
    def sync(self, keys: Iterable[str]) -> None:
        """Make files that others wrote durable, and their names too."""

    @abstractmethod
    def sync_names(self, key: str) -> None:
        """Make the names in a folder durable."""

    @abstractmethod
    def sweep_drafts(self, key: str, before: float) -> int:
        """Delete what writers that were killed left unfinished below a key; return how many.

        ``before`` is seconds since the epoch: a draft that was written later may be alive.
        """
