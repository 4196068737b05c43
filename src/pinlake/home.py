"""A home's own record: its format, and the one data set that it holds."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import msgspec
from msgspec.structs import replace

from pinlake import dataset as datasets
from pinlake.dataset import Dataset
from pinlake.errors import (
    HomeForeign,
    HomeMissing,
    HomeMoved,
    HomeMoving,
    HomeUnusable,
    HomeVersion,
)
from pinlake.settings import Home, Places, environment_name, read
from pinlake.telemetry import logger

FORMAT = 2
"""2 says which pinlake wrote the home, so that an older one can name it. The log in it has a
format of its own."""

FILE = "home.json"
DEFAULT_DATASET = "pinterest"


class HomeRecord(msgspec.Struct, frozen=True):
    """What ``home.json`` says, in the newest format.

    ``dataset`` is a shipped name or a folder's absolute path, ``written_by`` the
    version of pinlake that made the home or took it to its format. Of a home that was
    moved ``places`` tells where to, and ``moving_from``, until that is done, where from.
    """

    format: int
    dataset: str
    written_by: str = ""
    places: Places | None = None
    moving_from: Places | None = None


Upgrade = Callable[[HomeRecord], HomeRecord]


def _name_the_version(record: HomeRecord) -> HomeRecord:
    return replace(record, format=2, written_by=version("pinlake"))


UPGRADES: Mapping[int, Upgrade] = {1: _name_the_version}
"""How to take a home of each older format one format further."""


def open_home(
    path: Path | None = None, dataset: str | None = None, *, create: bool = False
) -> tuple[Home, Dataset]:
    """Return a home with its settings and the data set it holds; make it when told to.

    It is made too where the lake is elsewhere: a cluster of its own for each task asks
    what another one's cleaned.
    The data set is the one asked for, else the setting, else the recorded one,
    else ``pinterest``. Raises HomeMissing, HomeForeign, HomeVersion, HomeUnusable
    and the errors of settings and data sets.
    """
    home = read(path)
    held = recorded(home)
    wanted = _identity(dataset or home.settings.dataset or (held.dataset if held else ""))
    if held is None:
        if not create and not home.settings.lake:
            raise HomeMissing(home=home.path)
        held = _record(home, HomeRecord(FORMAT, wanted, version("pinlake")))
    if held.dataset != wanted:
        raise HomeForeign(home=home.path, held=held.dataset, wanted=wanted)
    if held.format < FORMAT:
        _upgrade(home, held)
    _check_places(home, held)
    return home, datasets.load(held.dataset)


def note(home: Home, record: HomeRecord) -> None:
    """Write a home's own record durably, in place of the one that is there."""
    draft = _draft(home, record)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(home.path / FILE)
    folder = os.open(home.path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _check_places(home: Home, record: HomeRecord) -> None:
    """Raise HomeMoving in the middle of a move, HomeMoved where settings are of before it."""
    if record.moving_from is not None:
        raise HomeMoving(home=home.path)
    for name in Places.__struct_fields__ if record.places else ():
        held, found = getattr(record.places, name), getattr(home.places, name)
        if held.rstrip("/") != found.rstrip("/"):
            variable = environment_name(name)
            raise HomeMoved(home=home.path, name=name, held=held, set=found, variable=variable)


def recorded(home: Home) -> HomeRecord | None:
    """Return what the home's own record says, or None where there is no home yet."""
    path = home.path / FILE
    try:
        record = msgspec.json.decode(path.read_bytes(), type=HomeRecord)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise HomeUnusable(home=home.path, reason=f"{FILE}: {error}") from error
    if record.format != FORMAT and record.format not in UPGRADES:
        by = record.written_by or "one that this version does not know"
        raise HomeVersion(home=home.path, found=record.format, known=FORMAT, by=by)
    return record


def _upgrade(home: Home, record: HomeRecord) -> None:
    """Write the record anew, format by format; a home that cannot be written is only read."""
    while record.format < FORMAT:
        record = UPGRADES[record.format](record)
    with contextlib.suppress(OSError):
        note(home, record)
        logger("home").info("home_upgraded", home=str(home.path), format=FORMAT)


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
        draft = _draft(home, record)
        with contextlib.suppress(FileExistsError):
            os.link(draft, home.path / FILE)
        draft.unlink()
    except OSError as error:
        raise HomeUnusable(home=home.path, reason=error) from error
    standing = recorded(home)
    assert standing is not None
    return standing


def _draft(home: Home, record: HomeRecord) -> Path:
    draft = home.path / f".{FILE}.{os.getpid()}"
    draft.write_bytes(msgspec.json.encode(record) + b"\n")
    return draft
