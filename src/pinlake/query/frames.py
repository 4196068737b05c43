"""Answers as pyarrow tables and as data frames of pandas and polars, where these are installed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol, cast

from pinlake.errors import LibraryMissing

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa


class ArrowStream(Protocol):
    """Rows as an Arrow C stream."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


def to_arrow(rows: ArrowStream) -> pa.Table:
    """Return the rows as a pyarrow Table; LibraryMissing without pyarrow."""
    return _library("An Arrow table", "pyarrow", "pandas").table(rows)


def to_pandas(rows: ArrowStream) -> pd.DataFrame:
    """Return the rows as a pandas DataFrame in nullable types; LibraryMissing without pandas."""
    types = _nullable(_library("A pandas frame", "pandas", "pandas"))
    return cast("pd.DataFrame", to_arrow(rows).to_pandas(types_mapper=types.get))


def to_polars(rows: ArrowStream) -> pl.DataFrame:
    """Return the rows as a polars DataFrame; LibraryMissing without polars."""
    return cast("pl.DataFrame", _library("A polars frame", "polars", "polars").DataFrame(rows))


def _library(feature: str, library: str, extra: str) -> Any:
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise LibraryMissing(feature=feature, library=library, extra=extra) from error


def _nullable(pandas: Any) -> dict[Any, Any]:
    arrow = _library("A pandas frame", "pyarrow", "pandas")
    return {
        arrow.bool_(): pandas.BooleanDtype(),
        arrow.int8(): pandas.Int8Dtype(),
        arrow.int16(): pandas.Int16Dtype(),
        arrow.int32(): pandas.Int32Dtype(),
        arrow.int64(): pandas.Int64Dtype(),
        arrow.float32(): pandas.Float32Dtype(),
        arrow.float64(): pandas.Float64Dtype(),
        arrow.string(): pandas.StringDtype(),
    }
