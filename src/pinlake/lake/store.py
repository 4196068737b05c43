"""A lake: one root in an object store, and the paths below it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore.store
from obstore.store import LocalStore


class Lake:
    """The root of all objects, tables and plans.

    ``url`` is ``file:///<folder>`` (S3 comes with its adapter). Every file of the
    lake is written once under its name and then only deleted, but for
    ``_delta_log/_last_checkpoint``.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.folder = Path(unquote(urlsplit(self.url).path))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.store: LocalStore = obstore.store.LocalStore(self.folder)

    @property
    def storage_options(self) -> dict[str, str]:
        """What deltalake needs beside the URL."""
        return {}

    def table_url(self, table: str) -> str:
        """Return the URL of a table, such as ``clean/pin``."""
        return f"{self.url}/{table}"
