"""Everything that a home's tables hold, in a form that two homes can be compared by."""

import polars as pl

from pinlake.lake import tables
from pinlake.lake.file import FileLake


def everything(home):
    """Return of every table its columns with their types, and its rows, sorted."""
    lake = FileLake((home / "lake").as_uri())
    return {name: _of(home, lake, name) for name in tables.names(lake)}


def _of(home, lake, name):
    schema = tables.head(lake, name).schema.to_json()
    return schema, sorted(pl.read_delta(str(home / "lake" / name)).rows(), key=repr)
