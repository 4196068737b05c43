"""What is asked of the stack: values of CDK's context, ``-c name=value``."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinlake_aws.errors import SettingInvalid
from pinlake_aws.names import Names, names_of
from pinlake_aws.size import Size, size_of

REPOSITORY = Path(__file__).resolve().parents[3]
BUILT = "deploy/aws/build"
PLUGIN = "deploy/aws/plugin/confluentinc-kafka-connect-s3.zip"
Context = Callable[[str], Any]


@dataclass(frozen=True)
class Settings:
    """What the stack is made from, checked."""

    user_id: str
    size: Size
    dataset: str
    names: Names
    email: str
    budget: int  # USD a month
    source: bool
    plugin: Path
    airflow: Path
    image: Path
    airflow_run: str
    wheel: tuple[Path, ...]  # what `deploy` built of pinlake for Airflow, if it did
    databricks_account: str
    databricks_external_id: str


def settings_of(context: Context) -> Settings:
    """Read and check the context; raises SettingInvalid."""
    user_id = _matching(context, "user_id", "0abc12345678", r"[0-9a-f]{12}", "12 hex digits")
    folder = context("dataset") or "src/pinlake/datasets/pinterest"
    return Settings(
        user_id=user_id,
        size=size_of(context("size") or "small"),
        dataset=Path(folder).name,
        names=names_of(REPOSITORY / folder, user_id),
        email=_matching(
            context, "email", "", r"[^@\s]+@[^@\s]+", "who hears of alarms, an address"
        ),
        budget=int(_matching(context, "budget", "400", r"[1-9][0-9]*", "USD a month")),
        source=_flag(context, "source"),
        plugin=_there(
            context, "plugin", PLUGIN, "run deploy/aws/deploy, which fetches it, or docs/aws.md"
        ),
        airflow=_there(context, "airflow", "deploy/airflow", "the folder of the Airflow project"),
        airflow_run=_matching(
            context, "airflow_run", "local", r"local|databricks", "local or databricks"
        ),
        wheel=tuple(each for each in (REPOSITORY / BUILT,) if each.is_dir()),
        image=_there(context, "image", "deploy/compose/Dockerfile", "the gateway's Dockerfile"),
        databricks_account=_matching(
            context, "databricks_account", "", r"([0-9a-f-]{36})?", "Databricks' account id, a UUID"
        ),
        databricks_external_id=_matching(
            context, "databricks_external_id", "0000", r"[0-9a-f-]+", "the storage credential's"
        ),
    )


def _matching(context: Context, name: str, default: str, pattern: str, meaning: str) -> str:
    value = str(context(name) or default)
    if not re.fullmatch(pattern, value):
        raise SettingInvalid(name, value, f"say {meaning}: -c {name}=...")
    return value


def _flag(context: Context, name: str) -> bool:
    value = str(context(name) or "false").lower()
    if value not in {"true", "false"}:
        raise SettingInvalid(name, value, "say true or false")
    return value == "true"


def _there(context: Context, name: str, default: str, advice: str) -> Path:
    path = REPOSITORY / (context(name) or default)
    if not path.exists():
        raise SettingInvalid(name, str(path), f"it is not there: {advice}")
    return path
