"""A lake in S3, with copies of its Parquet files on this machine."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import obstore
from obstore.store import S3Store

from pinlake.errors import LakeFailed, SettingInvalid
from pinlake.lake import requests
from pinlake.lake.copies import Copies
from pinlake.lake.credentials import of_profile
from pinlake.lake.requests import Asking, reason
from pinlake.lake.store import Content, Identity, Lake, Numbered
from pinlake.settings import S3

if TYPE_CHECKING:
    from obstore.store import S3Config

T = TypeVar("T")
U = TypeVar("U")

AT_ONCE = 8
"""Requests side by side; so many contents are read ahead of their turn."""
PART_BYTES = 16 * 1024 * 1024
"""Larger files go up in parts of this size."""
REQUEST_SECONDS = 120
STALLED_SECONDS = 20
_NUMBERED = re.compile(r"(\d{20})\.json\Z")
_COLOURS = re.compile("\x1b\\[[0-9;]*m")


class S3Lake(Lake):
    """A lake at ``s3://<bucket>/<prefix>``; the bucket is there.

    S3 writes a file whole or not at all. What is on this machine lies in ``folder``:
    copies of Parquet files in ``cache/lake``, drafts in ``drafts``, locks in
    ``claims``. ``keys`` are credentials and a region that the environment does not
    tell; they are shown nowhere.
    """

    may_tear = False

    def __init__(
        self, url: str, settings: S3, folder: Path, keys: Mapping[str, str] | None = None
    ) -> None:
        self.url = url.rstrip("/")
        bucket, prefix = _place(self.url)
        place = hashlib.sha256(f"{settings.endpoint} {self.url}".encode()).hexdigest()[:12]
        self.ground = folder / "cache" / "lake" / place
        self.spill = folder / "cache" / "spill"
        self._drafts, self._claims = folder / "drafts" / place, folder / "claims" / place
        self._settings, self._keys, self._folder = settings, dict(keys or {}), folder
        self._copies = Copies(self.ground, settings.cache_bytes)
        self._asking = Asking(self.url)
        self._store = self._opened(bucket, prefix)

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process without credentials: it has its own, as any tool of AWS's."""
        region = _region(self._settings, self._keys)
        settings = msgspec.structs.replace(self._settings, region=region)
        return _elsewhere, (self.url, settings, self._folder)

    def _opened(self, bucket: str, prefix: str) -> S3Store:
        options: S3Config = {
            "region": _region(self._settings, self._keys),
            "virtual_hosted_style_request": not self._settings.path_style,
            "conditional_put": "etag",
        }
        if self._settings.endpoint:
            options["endpoint"] = self._settings.endpoint
        for name in ("access_key_id", "secret_access_key", "session_token"):
            if name in self._keys:
                options[name] = self._keys[name]
        return S3Store(
            bucket,
            prefix=prefix or None,
            config=options,
            client_options={
                "allow_http": self._settings.allow_http,
                "timeout": timedelta(seconds=REQUEST_SECONDS),
                "read_timeout": timedelta(seconds=STALLED_SECONDS),
                "connect_timeout": timedelta(seconds=5),
            },
            # Asking repeats, conditional writes too.
            retry_config={"max_retries": 0},
        )

    @property
    def storage_options(self) -> dict[str, str]:
        """What deltalake needs beside the URL. It may hold secrets: never show it."""
        options = {
            "AWS_REGION": _region(self._settings, self._keys),
            "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": str(not self._settings.path_style).lower(),
            "AWS_ALLOW_HTTP": str(self._settings.allow_http).lower(),
            "AWS_CONDITIONAL_PUT": "etag",
            "max_retries": "8",
            "retry_timeout": f"{requests.PATIENCE * 1000:.0f}ms",
            **{f"AWS_{name.upper()}": text for name, text in self._keys.items()},
        }
        if self._settings.endpoint:
            options["AWS_ENDPOINT_URL"] = self._settings.endpoint
        return options

    def failure(self, error: OSError) -> Exception:
        """Return what deltalake met as LakeFailed."""
        return LakeFailed(url=self.url, reason=_COLOURS.sub("", reason(error)))

    def put(self, key: str, content: bytes) -> None:
        """Write a file, in place of what was there."""
        self._put(key, content, len(content))

    def create(self, key: str, content: bytes) -> bool:
        """Write a file if the key is free; tell whether it was."""
        with self._there():
            return self._asking.create(
                lambda: obstore.put(self._store, key, content, mode="create", use_multipart=False),
                lambda: self.get(key) == content,
            )

    def get(self, key: str) -> bytes | None:
        """Return a file's content, or None where there is none."""
        try:
            return self._asking.ask(lambda: obstore.get(self._store, key).bytes().to_bytes())
        except FileNotFoundError as error:
            self._check_bucket(error)
            return None

    def contents(self, keys: Sequence[str]) -> Iterator[Content | None]:
        """Yield each file's content, in order, or None; some are read ahead."""
        return _side_by_side(self.get, keys)

    def exists(self, key: str) -> bool:
        """Tell whether there is a file of this key."""
        return self.identity(key) is not None

    def sizes(self, keys: Sequence[str]) -> list[int]:
        """Return the files' sizes in bytes; FileNotFoundError where one is gone."""
        return [int(each["size"]) for each in _side_by_side(self._told, keys)]

    def written(self, key: str) -> float:
        """Return when a file was written, in seconds since 1970; FileNotFoundError."""
        return float(self._told(key)["last_modified"].timestamp())

    def identity(self, key: str) -> Identity | None:
        """Return a file's ETag, or None where there is none."""
        try:
            return _identity(self._told(key))
        except FileNotFoundError:
            return None

    def numbered(self, folder: str, since: int) -> list[Numbered]:
        """Return the numbered files of a folder from ``since`` on, without a gap: one listing."""
        found = {}
        for each in self._list(folder, f"{folder}/{since:020}"):
            if place := _NUMBERED.match(each["path"].rpartition("/")[2]):
                found[int(place[1])] = _identity(each)
        row = []
        while identity := found.get(since):
            row.append(Numbered(since, identity))
            since += 1
        return row

    def children(self, key: str) -> list[str]:
        """Return the names of the files and folders right below a key, sorted."""
        with self._there():
            found: Any = self._asking.ask(
                lambda: obstore.list_with_delimiter(self._store, key or None)
            )
        paths = [*found["common_prefixes"], *(each["path"] for each in found["objects"])]
        return sorted(path.rstrip("/").rpartition("/")[2] for path in paths)

    def files(self, folder: str, after: str = "") -> Iterator[str]:
        """Yield the keys of all files below a folder that sort after a key."""
        for each in self._list(folder, after):
            yield each["path"]

    def delete(self, key: str) -> None:
        """Delete a file, if it is there, and its copy."""
        with contextlib.suppress(FileNotFoundError):
            self._asking.ask(lambda: obstore.delete(self._store, key))
        self.path(key).unlink(missing_ok=True)

    def delete_tree(self, key: str) -> None:
        """Delete everything below a key, if it is there."""
        list(_side_by_side(self.delete, list(self.files(key))))

    def path(self, key: str) -> Path:
        """Return where the copy of a file lies, once it was fetched."""
        return self.ground / key

    def fetch(self, paths: Iterable[str]) -> None:
        """Bring the files of such paths to this machine, those that are not here."""
        missing = [each for each in map(Path, paths) if not self._copies.use(each)]
        list(_side_by_side(self._bring, missing))

    def adopt(self, folder: Path, names: Sequence[str], table: str) -> None:
        """Put files into a table, and keep them as its copies."""

        def put(name: str) -> None:
            source = folder / name
            self._put(f"{table}/{name}", source, source.stat().st_size)
            self._copies.take(source, self.path(f"{table}/{name}"))

        list(_side_by_side(put, names))

    def scratch(self, table: str) -> Path:
        """Return a folder of the home; make it."""
        (self._drafts / table).mkdir(parents=True, exist_ok=True)
        return self._drafts / table

    def lock_file(self, key: str) -> Path:
        """Return a file of the home: a claim is known to this machine alone."""
        return self._claims / key

    def open_lock(self, key: str) -> int:
        """Open that file, made where it is missing, and return its descriptor."""
        path = self.lock_file(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)

    def sync(self, keys: Iterable[str]) -> None:
        """Do nothing: what S3 has acknowledged is durable."""

    def sync_names(self, key: str) -> None:
        """Do nothing."""

    def sweep_drafts(self, key: str, before: float) -> int:
        """Return 0: a file that was not written whole was never there."""
        return 0

    def _put(self, key: str, content: bytes | Path, size: int) -> None:
        parts = size > PART_BYTES
        with self._there():
            self._asking.ask(
                lambda: obstore.put(
                    self._store, key, content, use_multipart=parts, chunk_size=PART_BYTES
                )
            )

    def _bring(self, path: Path) -> None:
        key = path.relative_to(self.ground).as_posix()
        with contextlib.suppress(FileNotFoundError), self._copies.draft(path) as draft:
            self._asking.ask(lambda: self._load(key, draft))

    def _load(self, key: str, draft: Path) -> None:
        with draft.open("wb") as file:
            for chunk in obstore.get(self._store, key).stream(min_chunk_size=PART_BYTES):
                file.write(chunk)

    def _told(self, key: str) -> Any:
        try:
            return self._asking.ask(lambda: obstore.head(self._store, key))
        except FileNotFoundError as error:
            raise FileNotFoundError(key) from error

    def _list(self, folder: str, after: str) -> list[Any]:
        with self._there():
            return self._asking.ask(
                lambda: list(obstore.list(self._store, folder, offset=after or None).collect())
            )

    @contextlib.contextmanager
    def _there(self) -> Iterator[None]:
        """Raise LakeFailed where there is no bucket: what is written or listed needs one."""
        try:
            yield
        except FileNotFoundError as error:
            raise LakeFailed(url=self.url, reason=reason(error)) from None

    def _check_bucket(self, error: FileNotFoundError) -> None:
        if "NoSuchBucket" in str(error):
            raise LakeFailed(url=self.url, reason=reason(error)) from None


def _side_by_side(work: Callable[[T], U], given: Sequence[T]) -> Iterator[U]:
    """Yield the results in order, some worked out ahead of their turn."""
    if len(given) <= 1:
        yield from map(work, given)
        return
    coming: deque[Future[U]] = deque()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for each in given:
                coming.append(pool.submit(work, each))
                if len(coming) > AT_ONCE:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        finally:
            for future in coming:
                future.cancel()


def _elsewhere(url: str, settings: S3, folder: Path) -> S3Lake:
    """Open a lake in a worker's process; what it keeps lies in the home where that is here too."""
    here = folder if folder.is_dir() else Path.cwd() / ".pinlake"
    return S3Lake(url, settings, here, of_profile(os.environ, Path.home()))


def _identity(told: Any) -> Identity:
    return str(told["e_tag"] or told["last_modified"])


def _region(settings: S3, keys: Mapping[str, str]) -> str:
    told = (os.environ.get(name) for name in ("AWS_REGION", "AWS_DEFAULT_REGION"))
    return settings.region or next(filter(None, told), None) or keys.get("region") or "us-east-1"


def _place(url: str) -> tuple[str, str]:
    """Return the bucket and the prefix of a lake's URL; raise SettingInvalid."""
    parts = urlsplit(url)
    prefix = parts.path.strip("/")
    wrong = parts.query or parts.fragment or "@" in parts.netloc or "//" in prefix
    if not parts.netloc or wrong or re.search(r"[^\w./=-]", prefix, re.ASCII):
        why = "s3://<bucket>/<prefix> is wanted, the prefix of letters, digits and . _ - = /"
        raise SettingInvalid(where="settings", name="lake", value=url, reason=why)
    return parts.netloc, prefix
