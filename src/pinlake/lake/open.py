"""Opening the lake that a home's settings name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pinlake.errors import SettingInvalid
from pinlake.lake.file import FileLake
from pinlake.lake.store import Lake
from pinlake.settings import Home


def open_lake(home: Home, environment: Mapping[str, str] = os.environ) -> Lake:
    """Return a home's lake, by the scheme of its URL; nothing is asked of it yet.

    Raises SettingInvalid where no lake can be there.
    """
    scheme = urlsplit(home.lake_url).scheme
    if scheme == "file":
        return FileLake(home.lake_url)
    if scheme == "s3":
        from pinlake.lake.credentials import of_profile
        from pinlake.lake.s3 import S3Lake

        keys = of_profile(environment, Path.home())
        return S3Lake(home.lake_url, home.settings.s3, home.path, keys)
    reason = "file:// or s3:// is wanted"
    raise SettingInvalid(where="settings", name="lake", value=home.lake_url, reason=reason)
