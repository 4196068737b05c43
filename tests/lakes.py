"""Lakes of both stores, each as it can be opened again: by another process, over another way."""

from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from harness.s3_server import BUCKET, KEYS
from pinlake.lake.file import FileLake
from pinlake.lake.s3 import S3Lake
from pinlake.settings import S3


class Place(NamedTuple):
    """Where a lake is. ``endpoint`` and ``home`` are of S3 alone."""

    url: str
    endpoint: str = ""
    home: str = ""

    def open(self):
        if urlsplit(self.url).scheme == "file":
            return FileLake(self.url)
        keys = {name.removeprefix("AWS_").lower(): value for name, value in KEYS.items()}
        return S3Lake(self.url, self.settings, Path(self.home), keys)

    @property
    def settings(self):
        return S3(endpoint=self.endpoint, path_style=True, allow_http=True)

    @property
    def environment(self):
        """The place and its keys as the environment sets them."""
        return KEYS | {
            "PINLAKE_LAKE": self.url,
            "PINLAKE_S3_ENDPOINT": self.endpoint,
            "PINLAKE_S3_PATH_STYLE": "true",
            "PINLAKE_S3_ALLOW_HTTP": "true",
        }


def file_place(folder):
    return Place((folder / "lake").as_uri())


def s3_place(endpoint, folder):
    """Return a place in S3 that no other test has; its home is below the folder."""
    return Place(
        f"s3://{BUCKET}/{folder.parent.name}/{folder.name}", endpoint, str(folder / "home")
    )
