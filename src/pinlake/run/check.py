"""``pinlake check``: everything that is wrong with a data set, file by file."""

from __future__ import annotations

import msgspec

from pinlake import dataset as datasets
from pinlake.engine.check import check_dataset
from pinlake.errors import DatasetInvalid
from pinlake.source import sample


class Fault(msgspec.Struct, frozen=True):
    """A mistake in a data set, with the file and the line (from 1) to mend."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}."


def faults_of(name: str) -> list[Fault]:
    """Return what is wrong with a data set: the first fault of each file.

    What cannot be read hides what is behind it: dataset.toml comes first, then
    SQL, then ``sample.py`` where there is one. Raises DatasetUnknown.
    """
    try:
        held = datasets.load(name)
        found = check_dataset(held)
        if not found and (held.path / sample.FILE).exists():
            sample.load_sample(held)
    except DatasetInvalid as fault:
        return [Fault(str(fault.path), fault.line, fault.reason)]
    return [Fault(str(fault.where), fault.line, str(fault.reason)) for fault in found]
