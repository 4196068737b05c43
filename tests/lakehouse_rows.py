"""Everything that a home's tables hold, in a form that two homes can be compared by."""

from cells import tables_of
from pinlake.lake.file import FileLake


def everything(home):
    """Return every table's columns with their types, and its rows, sorted."""
    return everything_in(FileLake((home / "lake").as_uri()))


def everything_in(lake):
    """Return the same of a lake of any store, as another process would find it."""
    return tables_of(lake)
