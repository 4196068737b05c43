"""What every check of a doctor looks at."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from pinlake.dataset import Dataset
from pinlake.lake.store import Lake
from pinlake.log.base import LogReader
from pinlake.settings import Home


class Patient(msgspec.Struct, frozen=True):
    """A home that could be opened. ``log`` is None where there is none that can be read.

    ``now`` is seconds since the epoch.
    """

    home: Home
    dataset: Dataset
    lake: Lake
    log: LogReader | None
    now: Callable[[], float]
