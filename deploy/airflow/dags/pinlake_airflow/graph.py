"""The two DAGs: the pipeline, and what keeps the lake in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, BaseOperator

from pinlake_airflow.settings import Local, Settings
from pinlake_airflow.step import LOAD, MAINTAIN, QUALITY, REPORT, Step, clean
from pinlake_airflow.tables import cleaned_tables

START = datetime(2026, 1, 1, tzinfo=UTC)
LONGEST_DELAY = timedelta(hours=1)


def pipeline(settings: Settings) -> DAG:
    """Return ``<user_id>_dag``: load, then every table's clean side by side, then the report."""
    with _dag(settings, f"{settings.user_id}_dag", settings.schedule, settings.retries) as dag:
        cleans = [_task(clean(table), settings) for table in cleaned_tables(settings.dataset)]
        _task(LOAD, settings) >> cleans >> _task(REPORT, settings)
    return dag


def keeping(settings: Settings) -> DAG:
    """Return ``<user_id>_keep``: maintain, then quality, which is not tried again."""
    with _dag(
        settings, f"{settings.user_id}_keep", settings.keep_schedule, settings.retries
    ) as dag:
        _task(MAINTAIN, settings) >> _task(QUALITY, settings, retries=0)
    return dag


def _dag(settings: Settings, name: str, schedule: str, retries: int) -> DAG:
    """Return an empty DAG without catch-up, one run at a time, whose tasks are tried again."""
    return DAG(
        dag_id=name,
        schedule=schedule,
        start_date=START,
        catchup=False,
        max_active_runs=1,
        tags=["pinlake"],
        default_args={
            "owner": "pinlake",
            "retries": retries,
            "retry_delay": settings.retry_delay,
            "retry_exponential_backoff": True,
            "max_retry_delay": max(LONGEST_DELAY, settings.retry_delay),
            "execution_timeout": settings.timeout,
        },
    )


def _task(step: Step, settings: Settings, **kwargs: Any) -> BaseOperator:
    if isinstance(settings.way, Local):
        from pinlake_airflow.command import command_task

        return command_task(step, settings.way, **kwargs)
    from pinlake_airflow.notebook import notebook_task

    return notebook_task(step, settings.way, timeout=settings.timeout, **kwargs)
