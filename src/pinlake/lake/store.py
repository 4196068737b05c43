"""A lake: one root in an object store, and the durable writes below it."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import obstore.store
from obstore.store import LocalStore

from pinlake.errors import SettingInvalid

DRAFT = ".draft~"
"""How files begin that are yet to be whole; no topic, stream or table is called so."""
UNUSABLE = frozenset("[]^|\\%*?")
"""What deltalake cannot open in a path (it takes part of it for a host), or DuckDB expands."""
_drafts = itertools.count()


class ArrowStream(Protocol):
    """Rows as an Arrow C stream (a DuckDB relation, a pyarrow table, a polars frame...)."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the rows as a capsule of Arrow's C stream interface."""
        ...


class Lake:
    """The root of all objects, tables and plans.

    ``url`` is ``file:///<folder>`` (S3 comes with its adapter). Every file of the
    lake is written once under its name and then only deleted, but for
    ``_delta_log/_last_checkpoint``. Keys are paths below the root, with ``/``.

    ``put`` and ``create`` sync a draft before they give it its name: obstore
    syncs nothing, so a power cut would leave a torn file under a good name.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.folder = _folder(url)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.store: LocalStore = obstore.store.LocalStore(self.folder)

    @property
    def storage_options(self) -> dict[str, str]:
        """What deltalake needs beside the URL."""
        return {}

    def table_url(self, table: str) -> str:
        """Return the URL of a table, such as ``clean/pin``."""
        return f"{self.url}/{table}"

    def path(self, key: str) -> Path:
        """Return where a key lies on disk."""
        return self.folder / key

    def put(self, key: str, content: bytes) -> None:
        """Write a file whole and durably, in place of what was there."""
        draft = self._draft(key, content)
        draft.replace(self.path(key))
        sync_folder(self.path(key).parent)

    def create(self, key: str, content: bytes) -> bool:
        """Write a file whole and durably if the key is free; tell whether it was."""
        draft = self._draft(key, content)
        try:
            os.link(draft, self.path(key))
        except FileExistsError:
            return False
        finally:
            draft.unlink()
        sync_folder(self.path(key).parent)
        return True

    def get(self, key: str) -> bytes | None:
        """Return a file's content, or None where there is none."""
        try:
            return self.path(key).read_bytes()
        except FileNotFoundError:
            return None

    def exists(self, key: str) -> bool:
        """Tell whether there is a file or folder of this key."""
        return self.path(key).exists()

    def size(self, key: str) -> int:
        """Return a file's size in bytes."""
        return self.path(key).stat().st_size

    def children(self, key: str) -> list[str]:
        """Return the names of the files and folders right below a key, sorted; drafts are none."""
        try:
            found = os.listdir(self.path(key))  # noqa: PTH208 - half the time of Path.iterdir
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(name for name in found if not name.startswith(DRAFT))

    def delete(self, key: str) -> None:
        """Delete a file, if it is there."""
        self.path(key).unlink(missing_ok=True)

    def delete_tree(self, key: str) -> None:
        """Delete everything below a key, durably, if it is there."""
        if self.exists(key):
            with contextlib.suppress(FileNotFoundError):  # another process deletes it too
                shutil.rmtree(self.path(key))
            sync_folder(self.path(key).parent)

    def move(self, source: str, target: str) -> None:
        """Give a file another name, its content durable before; the name needs ``sync_names``."""
        sync_file(self.path(source))
        self.path(source).replace(self.path(target))

    def sync_names(self, key: str) -> None:
        """Make the names in a folder durable."""
        sync_folder(self.path(key))

    def sync(self, keys: Iterable[str]) -> None:
        """Make files that others wrote durable, and their names too."""
        paths = [self.path(key) for key in keys]
        for path in paths:
            sync_file(path)
        for folder in sorted({path.parent for path in paths}):
            sync_folder(folder)

    def sweep_drafts(self, key: str, before: float) -> int:
        """Delete what writers that were killed left unfinished below a key; return how many.

        ``before`` is seconds since the epoch: a draft that was written later may be alive.
        """
        swept = 0
        for folder, _, names in os.walk(self.path(key)):
            for name in names:
                draft = Path(folder, name)
                with contextlib.suppress(FileNotFoundError):  # it became whole meanwhile
                    if name.startswith(DRAFT) and draft.stat().st_mtime < before:
                        draft.unlink()
                        swept += 1
        return swept

    def make_folder(self, key: str) -> None:
        """Make a folder with those above it, durably."""
        path = self.path(key)
        missing = [above for above in (path, *path.parents) if not above.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for made in missing:
            sync_folder(made.parent)

    def _draft(self, key: str, content: bytes) -> Path:
        """Write content durably under a name that nobody reads."""
        folder = self.path(key).parent
        if not folder.exists():
            self.make_folder(str(folder.relative_to(self.folder)))
        draft = folder / f"{DRAFT}{os.getpid()}-{next(_drafts)}"
        try:
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise
        return draft


def _folder(url: str) -> Path:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.scheme != "file":
        raise SettingInvalid(where="settings", name="lake", value=url, reason="file:// is wanted")
    if refused := UNUSABLE.intersection(path):
        reason = f"the path must not hold {' '.join(sorted(refused))}"
        raise SettingInvalid(where="settings", name="lake", value=url, reason=reason)
    return Path(path)


def sync_file(path: Path) -> None:
    """Make a file's content durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    sync_file(path)
