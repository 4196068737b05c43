"""A home's own record: its format, and the one data set that it holds."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from pinlake import dataset as datasets
from pinlake.dataset import Dataset
from pinlake.errors import HomeForeign, HomeMissing, HomeUnusable, HomeVersion
from pinlake.settings import Home, read

FORMAT = 1
FILE = "home.json"
DEFAULT_DATASET = "pinterest"


class HomeRecord(msgspec.Struct, frozen=True):
    """What ``home.json`` says. ``dataset`` is a shipped name or a folder's absolute path."""

    format: int
    dataset: str


def open_home(
    path: Path | None = None, dataset: str | None = None, *, create: bool = False
) -> tuple[Home, Dataset]:
    """Return a home with its settings and the data set it holds; make it when told to.

    The data set is the one asked for, else the setting, else the recorded one,
    else ``pinterest``. Raises HomeMissing, HomeForeign, HomeVersion, HomeUnusable
    and the errors of settings and data sets.
    """
    home = read(path)
    held = recorded(home)
    wanted = _identity(dataset or home.settings.dataset or (held.dataset if held else ""))
    if held is None:
        if not create:
            raise HomeMissing(home=home.path)
        held = _record(home, HomeRecord(FORMAT, wanted))
    if held.dataset != wanted:
        raise HomeForeign(home=home.path, held=held.dataset, wanted=wanted)
    return home, datasets.load(held.dataset)


def recorded(home: Home) -> HomeRecord | None:
    """Return what the home's own record says, or None where there is no home yet."""
    path = home.path / FILE
    try:
        record = msgspec.json.decode(path.read_bytes(), type=HomeRecord)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise HomeUnusable(home=home.path, reason=f"{FILE}: {error}") from error
    if record.format != FORMAT:
        raise HomeVersion(home=home.path, found=record.format, known=FORMAT)
    return record


def _identity(name: str) -> str:
    """Turn a folder into its absolute path, so that a home is the same from everywhere."""
    if not name:
        return DEFAULT_DATASET
    return str(Path(name).resolve()) if os.sep in name or Path(name).is_dir() else name


def _record(home: Home, record: HomeRecord) -> HomeRecord:
    """Write the record unless another process was first, and return the one that stands."""
    datasets.load(record.dataset)
    try:
        home.path.mkdir(parents=True, exist_ok=True)
        draft = home.path / f".{FILE}.{os.getpid()}"
        draft.write_bytes(msgspec.json.encode(record) + b"\n")
        with contextlib.suppress(FileExistsError):
            os.link(draft, home.path / FILE)
        draft.unlink()
    except OSError as error:
        raise HomeUnusable(home=home.path, reason=error) from error
    standing = recorded(home)
    assert standing is not None
    return standing
