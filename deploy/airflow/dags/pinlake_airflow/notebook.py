"""A task that is the run of a notebook in a Databricks workspace."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from airflow.providers.databricks.operators.databricks import DatabricksSubmitRunOperator
from airflow.sdk import BaseOperator

from pinlake_airflow.settings import Databricks
from pinlake_airflow.step import Step

API_TRIES = 5
"""How often a call to the Jobs API is made that is refused with 429 or fails in the server."""

GRACE = timedelta(minutes=5)
"""How much longer than its run a task may take, so that the run's own time-out is the one told."""

TRY = "{{ ti.id }}"
"""The id of a task's try: the same before and after it is deferred."""


class SubmitRun(DatabricksSubmitRunOperator):
    """Submit a run whose request is sent as it is.

    Only the token is a template: what Databricks fills in itself, such as
    ``{{secrets/scope/key}}`` of a cluster, would be one to Jinja too, and
    templates' values are kept in Airflow's database.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("idempotency_token",)


def notebook_task(
    step: Step, databricks: Databricks, *, timeout: timedelta, **kwargs: Any
) -> BaseOperator:
    """Return the task that carries out a step as the run of its notebook.

    The run's token is the try's own id: a call that is made again does not start
    a second run, a try that is made again does. The run ends at its time-out,
    and is cancelled with its task.
    """
    return SubmitRun(
        task_id=step.name,
        databricks_conn_id=databricks.connection,
        tasks=[_request(step, databricks)],
        run_name=f"pinlake {step.name}",
        timeout_seconds=max(1, round(timeout.total_seconds())),
        idempotency_token=TRY,
        execution_timeout=timeout + GRACE,
        deferrable=True,
        polling_period_seconds=databricks.poll.total_seconds(),
        databricks_retry_limit=API_TRIES,
        **kwargs,
    )


def _request(step: Step, databricks: Databricks) -> dict[str, Any]:
    """Return the run's one task as the Jobs API takes it."""
    libraries = [{"whl": databricks.wheel}] if databricks.wheel else []
    notebook = {
        "notebook_path": f"{databricks.notebooks}/{step.notebook}",
        "base_parameters": dict(step.parameters),
        "source": "WORKSPACE",
    }
    task = {"task_key": step.name, "notebook_task": notebook, "libraries": libraries}
    return task | dict(databricks.compute.request)
