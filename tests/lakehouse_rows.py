"""Everything that a home's tables hold, in a form that two homes can be compared by."""

import polars as pl

from pinlake.lake import tables
from pinlake.lake.file import FileLake


def everything(home):
    """Return of every table its columns with their types, and its rows, sorted."""
    return everything_in(FileLake((home / "lake").as_uri()))


def everything_in(lake):
    """Return the same of a lake of any store, as another process would find it."""
    for name in tables.names(lake):
        tables.forget(lake, name)
    return {name: _of(lake, name) for name in tables.names(lake)}


def _of(lake, name):
    schema = tables.head(lake, name).schema.to_json()
    told = lake.storage_options.items()
    options = {name: text for name, text in told if name.startswith("AWS_")}
    rows = pl.read_delta(lake.table_url(name), storage_options=options).rows()
    return schema, sorted(rows, key=repr)
