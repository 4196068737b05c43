"""Which chart fits an answer, told from the names, types and number of its columns alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from pinlake.query.answer import Column, Row
from pinlake.query.types import is_number

TIME_NAME = re.compile(r"(\A|_)(year|quarter|month|week|day|date|hour)s?(_|\Z)")

SERIES = 6
POINTS = 12
BARS = 20
TOP = 15
FILLED = 0.5


class Figure(msgspec.Struct, frozen=True):
    """One row: its first value large, the others beneath as (name, value)."""

    value: Any
    details: tuple[tuple[str, Any], ...]


class Bar(msgspec.Struct, frozen=True):
    """A labelled length; ``labels`` from the most general on."""

    labels: tuple[Any, ...]
    value: Any


class Bars(msgspec.Struct, frozen=True):
    """Lengths side by side; ``others`` rows are left out, for they are too many."""

    measure: str
    bars: tuple[Bar, ...]
    others: int = 0


class Series(msgspec.Struct, frozen=True):
    """Numbers of one name along a chart's points; None where the answer has none."""

    name: str
    values: tuple[Any, ...]


class OverTime(msgspec.Struct, frozen=True):
    """A few series over points of time: columns where these are few, else lines."""

    measure: str
    points: tuple[Any, ...]
    series: tuple[Series, ...]

    @property
    def lines(self) -> bool:
        """Tell whether there are too many points for columns."""
        return len(self.points) > POINTS


class Matrix(msgspec.Struct, frozen=True):
    """Many series over points of time: a table whose cells are shaded."""

    measure: str
    points: tuple[Any, ...]
    series: tuple[Series, ...]


class Plain(msgspec.Struct, frozen=True):
    """Nothing to draw: the table says it all."""


Shape = Figure | Bars | OverTime | Matrix | Plain


def shape_of(columns: Sequence[Column], rows: Sequence[Row]) -> Shape:
    """Choose a chart.

    One row is a figure. A measure is the last column of numbers that is no time;
    a time column is told by its type or name. Time with one measure, or with one
    label more, goes over time; everything else with a measure is bars.
    """
    if not rows:
        return Plain()
    if len(rows) == 1:
        return _figure(columns, rows[0])
    time, measure = _time(columns), _measure(columns)
    if measure is None:
        return Plain()
    labels = [place for place in range(len(columns)) if place not in (time, measure)]
    if time is not None and len(labels) <= 1 and not _sparse(rows, time, labels):
        return _over_time(columns[measure].name, rows, (time, labels, measure))
    leading = labels if time is None else [time, *labels]
    return _bars(columns[measure].name, rows, leading, measure)


def _figure(columns: Sequence[Column], row: Row) -> Figure:
    names = [column.name for column in columns]
    return Figure(row[0], tuple(zip(names[1:], row[1:], strict=True)))


def _time(columns: Sequence[Column]) -> int | None:
    for place, column in enumerate(columns):
        if column.type in {"DATE", "TIMESTAMP"} or TIME_NAME.search(column.name.lower()):
            return place
    return None


def _measure(columns: Sequence[Column]) -> int | None:
    time = _time(columns)
    numbers = [place for place, column in enumerate(columns) if is_number(column.type)]
    return next((place for place in reversed(numbers) if place != time), None)


def _sparse(rows: Sequence[Row], time: int, labels: Sequence[int]) -> bool:
    """Tell the few labels of each point, such as its winners, from a series of each label."""
    if not labels:
        return False
    cells = len({row[time] for row in rows}) * len({row[labels[0]] for row in rows})
    return len(rows) < FILLED * cells


def _over_time(
    measure: str, rows: Sequence[Row], places: tuple[int, Sequence[int], int]
) -> OverTime | Matrix:
    time, labels, number = places
    points = tuple(sorted({row[time] for row in rows if row[time] is not None}))
    names = list(dict.fromkeys(row[labels[0]] if labels else measure for row in rows))
    cells = {(row[labels[0]] if labels else measure, row[time]): row[number] for row in rows}
    series = tuple(
        Series(str(name), tuple(cells.get((name, point)) for point in points)) for name in names
    )
    return (OverTime if len(series) <= SERIES else Matrix)(measure, points, series)


def _bars(measure: str, rows: Sequence[Row], labels: Sequence[int], number: int) -> Bars:
    counted = [row for row in rows if row[number] is not None]
    if len(counted) > BARS:
        counted = sorted(counted, key=lambda row: -row[number])[:TOP]
    bars = tuple(Bar(tuple(row[place] for place in labels), row[number]) for row in counted)
    return Bars(measure, bars, len(rows) - len(bars))
