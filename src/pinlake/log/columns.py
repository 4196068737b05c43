"""Columns of byte strings: made from values, cut and measured without a loop over records."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from pinlake.log.base import Column


def column(values: Sequence[bytes | None]) -> Column:
    """Return the column of these values."""
    nulls = values.count(None)
    if nulls == len(values):
        return absent(nulls)
    if not nulls:
        return Column(array("i", map(len, values)), b"".join(values))  # type: ignore[arg-type]
    present = [value or b"" for value in values]
    rows = frozenset(row for row, value in enumerate(values) if value is None)
    return Column(array("i", map(len, present)), b"".join(present), rows)


def absent(count: int) -> Column:
    """Return a column of ``count`` nulls."""
    return Column(array("i", bytes(4 * count)), b"", frozenset(range(count)))


def cut(whole: Column, start: int, stop: int) -> Column:
    """Return the rows start <= row < stop of a column."""
    if start == 0 and stop >= len(whole):
        return whole
    skipped = sum(whole.lengths[:start])
    lengths = whole.lengths[start:stop]
    blob = whole.blob[skipped : skipped + sum(lengths)]
    return Column(lengths, blob, _cut_nulls(whole.nulls, start, stop))


def fitting(lengths: Sequence[int], max_bytes: int) -> int:
    """Return how many values from the front hold at most ``max_bytes``, but 1 at least."""
    return max(1, bisect_right(list(accumulate(lengths)), max_bytes))


def _cut_nulls(nulls: frozenset[int], start: int, stop: int) -> frozenset[int]:
    return frozenset(row - start for row in nulls if start <= row < stop)
