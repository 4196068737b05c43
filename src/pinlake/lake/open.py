"""Opening the lake that a home's settings name."""

from __future__ import annotations

from pinlake.lake.file import FileLake
from pinlake.lake.store import Lake
from pinlake.settings import Home


def open_lake(home: Home) -> Lake:
    """Return a home's lake. Raises SettingInvalid where no lake can be there."""
    return FileLake(home.lake_url)
