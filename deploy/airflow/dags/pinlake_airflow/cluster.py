"""What a Databricks run computes on: a cluster that exists, or a new one for each run."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinlake_airflow.errors import SettingError

EXISTING = "PINLAKE_AIRFLOW_CLUSTER_ID"
NEW = "PINLAKE_AIRFLOW_CLUSTER"
NEEDED = (
    ("spark_version",),
    ("node_type_id", "instance_pool_id"),
    ("num_workers", "autoscale"),
)
"""Keys of ``new_cluster`` that the Jobs API asks for: one of each line."""


@dataclass(frozen=True)
class Compute:
    """Part of a task of the Jobs API: ``existing_cluster_id`` or ``new_cluster``.

    A new cluster may hold references such as ``{{secrets/scope/key}}``, which
    Databricks fills in: they are passed on as they are, and shown nowhere.
    """

    request: Mapping[str, Any]


def read_compute(environment: Mapping[str, str], folder: Path, wheel: str | None) -> Compute:
    """Return the compute that the environment names; ``folder`` is where relative paths start."""
    existing, new = environment.get(EXISTING), environment.get(NEW)
    if bool(existing) == bool(new):
        raise SettingError(
            f"set either {EXISTING} to the id of a cluster, or {NEW} to a JSON or TOML file "
            f"of a new cluster; {'both are' if new else 'none is'} set"
        )
    if existing:
        return Compute({"existing_cluster_id": existing})
    if wheel is None:
        raise SettingError(
            "PINLAKE_AIRFLOW_WHEEL is not set: a new cluster needs the path of pinlake's wheel"
        )
    return Compute({"new_cluster": _described(folder / str(new))})


def _described(path: Path) -> Mapping[str, Any]:
    cluster = _parsed(path)
    if not isinstance(cluster, dict):
        raise SettingError(f"{NEW}: {path} holds no table of a cluster's keys")
    for keys in NEEDED:
        if not cluster.keys() & set(keys):
            raise SettingError(
                f"{NEW}: {path} has no {' or '.join(keys)}: the Jobs API asks for it"
            )
    return cluster


def _parsed(path: Path) -> Any:
    """Read a file; an error tells where, never what stands there."""
    try:
        text = path.read_text("utf-8")
        return tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise SettingError(f"{NEW}: {path} cannot be read: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise SettingError(f"{NEW}: {path}, line {error.lineno}: {error.msg}") from None
    except ValueError as error:
        raise SettingError(f"{NEW}: {path}: {error}") from None
