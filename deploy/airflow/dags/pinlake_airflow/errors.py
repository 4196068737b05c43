"""What is wrong with the settings or the data set, as Airflow's import errors show it."""


class SettingError(ValueError):
    """A variable is missing or has a value that cannot be meant; the message says what to set."""


class DatasetError(ValueError):
    """dataset.toml cannot be read or has no table to clean; the message says where."""
