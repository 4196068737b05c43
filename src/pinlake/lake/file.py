"""A lake in a folder of this machine."""

from __future__ import annotations

import contextlib
import itertools
import mmap
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pinlake.errors import SettingInvalid
from pinlake.lake.store import Content, Identity, Lake, Numbered

DRAFT = ".draft~"
"""How files begin that are yet to be whole; no topic, stream or table is called so."""
SPILL = ".spill"
UNUSABLE = frozenset("[]^|\\%*?")
"""What deltalake cannot open in a path (it takes part of it for a host), or DuckDB expands."""
MAPPED_BYTES = 1024 * 1024
"""Contents from this size on are mapped, not read: a copy costs more than all their parsing."""
_drafts = itertools.count()


class FileLake(Lake):
    """A lake at ``file:///<folder>``, which is made.

    ``put`` and ``create`` sync a draft before they give it its name, which neither
    obstore nor deltalake does: a power cut would leave a torn file under a good name.
    """

    may_tear = True

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.folder = self.ground = _folder(url)
        self.spill = self.folder / SPILL
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, key: str) -> Path:
        """Return where a file lies."""
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

    def contents(self, keys: Sequence[str]) -> Iterator[Content | None]:
        """Yield each file's content, or None; a large one's stays in the system's page cache."""
        return map(self._content, keys)

    def exists(self, key: str) -> bool:
        """Tell whether there is a file (here: or a folder) of this key."""
        return self.path(key).exists()

    def sizes(self, keys: Sequence[str]) -> list[int]:
        """Return the files' sizes in bytes; FileNotFoundError where one is gone."""
        return [self.path(key).stat().st_size for key in keys]

    def written(self, key: str) -> float:
        """Return when a file was written, in seconds since 1970; FileNotFoundError."""
        return self.path(key).stat().st_mtime

    def identity(self, key: str) -> Identity | None:
        """Return a file's inode and time of writing, or None where there is none."""
        try:
            status = self.path(key).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return f"{status.st_ino}-{status.st_mtime_ns}"

    def numbered(self, folder: str, since: int) -> list[Numbered]:
        """Return the numbered files of a folder from ``since`` on, without a gap."""
        found: list[Numbered] = []
        while identity := self.identity(f"{folder}/{since:020}.json"):
            found.append(Numbered(since, identity))
            since += 1
        return found

    def children(self, key: str) -> list[str]:
        """Return the names of the files and folders right below a key, sorted; drafts are none."""
        try:
            found = os.listdir(self.path(key))  # noqa: PTH208 - half the time of Path.iterdir
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(name for name in found if not name.startswith(DRAFT))

    def files(self, folder: str, after: str = "") -> Iterator[str]:
        """Yield the keys of all files below a folder, but for drafts."""
        try:
            entries = list(os.scandir(self.path(folder)))
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            if entry.name.startswith(DRAFT):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self.files(f"{folder}/{entry.name}")
            else:
                yield f"{folder}/{entry.name}"

    def delete(self, key: str) -> None:
        """Delete a file, if it is there."""
        self.path(key).unlink(missing_ok=True)

    def delete_tree(self, key: str) -> None:
        """Delete everything below a key, durably, if it is there."""
        if self.exists(key):
            with contextlib.suppress(FileNotFoundError):  # another process deletes it too
                shutil.rmtree(self.path(key))
            sync_folder(self.path(key).parent)

    def fetch(self, paths: Iterable[str]) -> None:
        """Do nothing: every file lies here."""

    def adopt(self, folder: Path, names: Sequence[str], table: str) -> None:
        """Give files of a folder their places in a table, their content durable before."""
        for name in names:
            self.move(folder / name, f"{table}/{name}")
        if names:
            self.sync_names(table)

    def move(self, source: Path, target: str) -> None:
        """Give a file its key, its content durable before; the name needs ``sync_names``."""
        sync_file(source)
        source.replace(self.path(target))

    def scratch(self, table: str) -> Path:
        """Return the table's own folder: what is moved from it to it is not copied."""
        self.make_folder(table)
        return self.path(table)

    def lock_file(self, key: str) -> Path:
        """Return the file of this key."""
        return self.path(key)

    def open_lock(self, key: str) -> int:
        """Open the file of this key; its folder is made durably."""
        self.make_folder(key.rpartition("/")[0])
        return os.open(self.path(key), os.O_RDWR | os.O_CREAT, 0o644)

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
        """Delete what writers that were killed left unfinished below a key; return how many."""
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

    def _content(self, key: str) -> Content | None:
        try:
            with self.path(key).open("rb") as file:
                if os.fstat(file.fileno()).st_size < MAPPED_BYTES:
                    return file.read()
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            return None

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
