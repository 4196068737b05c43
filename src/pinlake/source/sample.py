"""Rows made from a seed: a data set's ``sample.py`` says what they look like.

That file has ``COLUMNS``, each table's columns with their SQL types, and ``post(number, rng)``,
which returns one row of each table as a tuple. All chance comes from ``rng``.
"""

from __future__ import annotations

import importlib.util
import random
import traceback
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, NoReturn

import msgspec

from pinlake.dataset import Dataset
from pinlake.errors import DatasetInvalid
from pinlake.source.base import Row

FILE = "sample.py"
BLOCK = 1024
"""Rows that share one generator; another number here means other rows."""

Values = tuple[Any, ...]
Post = Callable[[int, random.Random], Mapping[str, Values]]


class Sample(msgspec.Struct, frozen=True):
    """What a data set's ``sample.py`` offers: each table's column types, and a post's rows."""

    columns: Mapping[str, Mapping[str, str]]
    post: Post


class SampleReport(msgspec.Struct, frozen=True):
    """What was written: ``rows`` rows of each of ``tables``; the URL without its password."""

    url: str
    tables: tuple[str, ...]
    rows: int
    seed: int

    def __str__(self) -> str:
        return f"{self.rows} rows each of {', '.join(self.tables)} in {self.url}"


def write_sample(
    dataset: Dataset,
    url: str,
    rows: int,
    *,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> SampleReport:
    """Fill a database with ``rows`` rows of each table of a data set and return what was written.

    Row offset n of a table holds number n. Tables of an earlier sample are
    replaced, in one transaction where the database can; a table that no sample
    wrote is left alone. Memory does not grow with ``rows``. ``progress`` gets the
    rows done so far of ``rows``. Raises SourceTableForeign, SourceFailed,
    LibraryMissing and DatasetInvalid.
    """
    from pinlake.source.fill import fill

    sample = load_sample(dataset)
    names = {table: source_table(dataset, table) for table in sample.columns}
    shown = fill(
        url,
        {names[table]: columns for table, columns in sample.columns.items()},
        ({names[t]: made for t, made in block.items()} for block in blocks(sample, rows, seed)),
        seed=seed,
        progress=progress or (lambda _done: None),
    )
    return SampleReport(shown, tuple(names.values()), rows, seed)


def generate(dataset: Dataset, table: str, first: int, count: int, seed: int = 0) -> Iterator[Row]:
    """Yield rows ``first .. first + count - 1`` of a table of the data set.

    Row n depends on seed and n alone, so any range can be made by itself and again.
    """
    sample = load_sample(dataset)
    columns = tuple(sample.columns[table])
    for _, made in _posts(sample.post, first, first + count, seed):
        yield dict(zip(columns, made[table], strict=True))


def source_table(dataset: Dataset, table: str) -> str:
    """Return what a table of the data set is called in its source."""
    return dataset.tables[table].source_table or table


def blocks(sample: Sample, rows: int, seed: int) -> Iterator[dict[str, list[Values]]]:
    """Yield rows 0 .. rows - 1 of each table, a block of them at a time."""
    for first in range(0, rows, BLOCK):
        block: dict[str, list[Values]] = {table: [] for table in sample.columns}
        for _, made in _posts(sample.post, first, min(first + BLOCK, rows), seed):
            for table, values in made.items():
                block[table].append(values)
        yield block


def _posts(
    post: Post, first: int, end: int, seed: int
) -> Iterator[tuple[int, Mapping[str, Values]]]:
    """Yield each number of ``first .. end - 1`` with its rows.

    A block's rows share one generator, so those in front of ``first`` are made too.
    """
    for start in range(first - first % BLOCK, end, BLOCK):
        rng = random.Random(f"{seed}/{start}")  # noqa: S311
        for number in range(start, min(start + BLOCK, end)):
            made = post(number, rng)
            if number >= first:
                yield number, made


def load_sample(dataset: Dataset) -> Sample:
    """Read a data set's ``sample.py``; raises DatasetInvalid with the line that is wrong."""
    module = _import(dataset)
    for name in ("COLUMNS", "post"):
        if not hasattr(module, name):
            _invalid(dataset, 1, f"it has no {name}: it needs COLUMNS and post(number, rng)")
    sample = Sample(module.COLUMNS, module.post)
    _check(dataset, sample)
    return sample


def _import(dataset: Dataset) -> ModuleType:
    path = dataset.path / FILE
    if not path.exists():
        _invalid(
            dataset,
            1,
            "there is no such file, so this data set has no sample: write one (docs/source.md), "
            "set `source` to a database with its tables, or run `pinlake up` and post over HTTP",
        )
    spec = importlib.util.spec_from_file_location(f"pinlake_sample_{dataset.path.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        _invalid(dataset, error.lineno or 1, error.msg)
    except Exception as error:  # noqa: BLE001 - it is the user's code, and may raise anything
        _raised(dataset, error)
    return module


def _check(dataset: Dataset, sample: Sample) -> None:
    """Make one post: its tables and the lengths of its rows must be those of COLUMNS."""
    if not sample.columns:
        _invalid(dataset, 1, "COLUMNS has no table")
    for table in sample.columns:
        if table not in dataset.tables:
            _invalid(dataset, 1, f"COLUMNS has a table {table!r} that dataset.toml does not have")
    try:
        made = sample.post(0, random.Random(0))  # noqa: S311
    except Exception as error:  # noqa: BLE001 - as above
        _raised(dataset, error)
    if made.keys() != sample.columns.keys():
        _invalid(dataset, 1, f"post makes {sorted(made)}, COLUMNS has {sorted(sample.columns)}")
    for table, values in made.items():
        if len(values) != len(sample.columns[table]):
            wanted = len(sample.columns[table])
            _invalid(dataset, 1, f"post makes {len(values)} of {wanted} columns of {table}")


def _raised(dataset: Dataset, error: Exception) -> NoReturn:
    path = str(dataset.path / FILE)
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno or 1 for frame in frames if frame.filename == path]
    _invalid(dataset, lines[-1] if lines else 1, f"{type(error).__name__}: {error}")


def _invalid(dataset: Dataset, line: int, reason: str) -> NoReturn:
    raise DatasetInvalid(path=dataset.path / FILE, line=line, reason=reason)
