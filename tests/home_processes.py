"""What the tests have other processes do with a home: a module that those can import."""

from pinlake.home import open_home


def name_of_dataset(path):
    """Open a home, made if it is not there, and return the name of its data set."""
    return open_home(path, create=True)[1].name
