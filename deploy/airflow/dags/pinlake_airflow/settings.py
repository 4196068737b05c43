"""Every setting of the DAGs, read from the environment once, with an error that says what to do."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from pinlake_airflow.cluster import Compute, read_compute
from pinlake_airflow.errors import SettingError

OWN = ("PINLAKE_USER_ID", "PINLAKE_COMMAND", "PINLAKE_AIRFLOW_")
"""How the variables begin that are for the DAGs alone: the pinlake command knows none of them."""

USER_ID = re.compile(r"[0-9a-f]{12}")
WAYS = ("local", "databricks")
PRESETS = ("@hourly", "@daily", "@weekly", "@monthly")
CRON_FIELDS = 5


@dataclass(frozen=True)
class Local:
    """Tasks that run the ``pinlake`` command on the worker's own machine."""

    command: tuple[str, ...]
    home: Path
    environment: Mapping[str, str]
    """What the commands find set: no variable of Airflow's or the DAGs' own."""


@dataclass(frozen=True)
class Databricks:
    """Tasks that are runs of notebooks in a workspace."""

    connection: str
    notebooks: str
    compute: Compute
    wheel: str | None
    poll: timedelta


@dataclass(frozen=True)
class Settings:
    """What both DAGs are made from."""

    user_id: str
    dataset: Path
    schedule: str
    keep_schedule: str
    retries: int
    retry_delay: timedelta
    timeout: timedelta
    way: Local | Databricks


def read(environment: Mapping[str, str], folder: Path) -> Settings:
    """Return the settings; ``folder`` is the DAGs', where relative paths start.

    Raises SettingError with the variable's name and what it takes.
    """
    given = _Given(environment)
    dataset = given.text("PINLAKE_DATASET", "pinterest")
    kind = given.text("PINLAKE_AIRFLOW_RUN", "local")
    given.refuse_unless(kind in WAYS, "PINLAKE_AIRFLOW_RUN", f"say one of {', '.join(WAYS)}")
    return Settings(
        user_id=_user_id(given),
        dataset=_dataset_folder(given, folder, dataset),
        schedule=given.schedule("PINLAKE_AIRFLOW_SCHEDULE", "@daily"),
        keep_schedule=given.schedule("PINLAKE_AIRFLOW_KEEP_SCHEDULE", "0 4 * * *"),
        retries=given.number("PINLAKE_AIRFLOW_RETRIES", 3, int, at_least=0),
        retry_delay=given.seconds("PINLAKE_AIRFLOW_RETRY_SECONDS", 300),
        timeout=given.seconds("PINLAKE_AIRFLOW_TIMEOUT_SECONDS", 7200),
        way=_local(given, dataset) if kind == "local" else _databricks(given, folder),
    )


def _user_id(given: _Given) -> str:
    user_id = given.text("PINLAKE_USER_ID", "0abc12345678")
    given.refuse_unless(USER_ID.fullmatch(user_id), "PINLAKE_USER_ID", "it is 12 hex digits")
    return user_id


def _dataset_folder(given: _Given, folder: Path, dataset: str) -> Path:
    """Return the folder of a data set: a name beside the DAGs, or an absolute path."""
    named = "/" not in dataset
    found = folder / "datasets" / dataset if named else Path(dataset)
    wanted = "the absolute path of a folder with a dataset.toml, or a name in dags/datasets"
    fits = found.is_absolute() and (found / "dataset.toml").is_file()
    given.refuse_unless(fits, "PINLAKE_DATASET", f"it is {wanted}")
    return found


def _local(given: _Given, dataset: str) -> Local:
    home = Path(given.required("PINLAKE_HOME", "the absolute path of the folder that holds it all"))
    fits = home.is_absolute() and home.parent.is_dir()
    given.refuse_unless(fits, "PINLAKE_HOME", "it is an absolute path in a folder that exists")
    try:
        command = tuple(shlex.split(given.text("PINLAKE_COMMAND", "pinlake")))
    except ValueError as error:
        raise given.invalid("PINLAKE_COMMAND", f"it cannot be split into words: {error}") from None
    passed = {
        name: value
        for name, value in given.environment.items()
        if not name.startswith((*OWN, "AIRFLOW_"))
    }
    return Local(command, home, passed | {"PINLAKE_DATASET": dataset})


def _databricks(given: _Given, folder: Path) -> Databricks:
    notebooks = given.required(
        "PINLAKE_AIRFLOW_NOTEBOOKS", "the workspace folder of the notebooks, /Workspace/Shared/..."
    )
    given.refuse_unless(
        notebooks.startswith("/"), "PINLAKE_AIRFLOW_NOTEBOOKS", "a workspace path begins with /"
    )
    wheel = given.environment.get("PINLAKE_AIRFLOW_WHEEL") or None
    given.refuse_unless(
        wheel is None or wheel.endswith(".whl"),
        "PINLAKE_AIRFLOW_WHEEL",
        "it is the path of pinlake's wheel as the cluster sees it, .../pinlake-<version>.whl",
    )
    return Databricks(
        connection=given.text("PINLAKE_AIRFLOW_CONNECTION", "databricks_default"),
        notebooks=notebooks.rstrip("/"),
        compute=read_compute(given.environment, folder, wheel),
        wheel=wheel,
        poll=given.seconds("PINLAKE_AIRFLOW_POLL_SECONDS", 30),
    )


class _Given:
    """The environment, asked for one variable at a time. An empty one counts as not set."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment

    def text(self, name: str, default: str) -> str:
        return self.environment.get(name) or default

    def required(self, name: str, meaning: str) -> str:
        value = self.environment.get(name)
        if not value:
            raise SettingError(f"{name} is not set: set it to {meaning}")
        return value

    def number(self, name: str, default: float, kind: Callable[[str], Any], at_least: float) -> Any:
        try:
            value = kind(self.text(name, str(default)))
        except ValueError:
            raise self.invalid(name, "it is a number") from None
        self.refuse_unless(at_least <= value < float("inf"), name, f"it is {at_least} or more")
        return value

    def seconds(self, name: str, default: int) -> timedelta:
        return timedelta(seconds=self.number(name, default, float, at_least=0.1))

    def schedule(self, name: str, default: str) -> str:
        value = self.text(name, default)
        fits = value in PRESETS or len(value.split()) == CRON_FIELDS
        presets = ", ".join(PRESETS)
        self.refuse_unless(fits, name, f"it is one of {presets}, or cron's five fields, in UTC")
        return value

    def refuse_unless(self, holds: object, name: str, reason: str) -> None:
        if not holds:
            raise self.invalid(name, reason)

    def invalid(self, name: str, reason: str) -> SettingError:
        return SettingError(f"{name} = {self.environment.get(name, '')!r}: {reason}")


__all__ = ["Databricks", "Local", "SettingError", "Settings", "read"]
