"""Run by Airflow's Python: parse the DAGs' folder once for each environment, without a database.

Reads a JSON list of environments from standard input; prints a JSON list of what
Airflow finds: import errors by file, and each DAG's structure.
"""

import json
import sys
from pathlib import Path

from airflow.serialization.serialized_objects import DagSerialization
from airflow_bag import bag_of


def found(environment):
    """Return what Airflow finds in the folder where these variables are set."""
    with bag_of(environment, "dags") as bag:
        pass
    return {
        "errors": bag.import_errors,
        "dags": {each.dag_id: told(each) for each in bag.dags.values()},
    }


def told(dag):
    """Return what the tests look at."""
    return {
        "schedule": dag.schedule,
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "stored": json.dumps(DagSerialization.to_dict(dag)),
        "tasks": {each.task_id: task_told(each) for each in dag.tasks},
    }


def task_told(task):
    """Return what the tests look at; seconds for times."""
    return {
        "kind": type(task).__name__,
        "upstream": sorted(task.upstream_task_ids),
        "retries": task.retries,
        "retry_delay": task.retry_delay.total_seconds(),
        "backoff": task.retry_exponential_backoff,
        "max_retry_delay": task.max_retry_delay.total_seconds(),
        "timeout": task.execution_timeout.total_seconds(),
        "deferrable": getattr(task, "deferrable", None),
        "request": task._get_merged_json() if hasattr(task, "_get_merged_json") else None,
    }


if __name__ == "__main__":
    answers = [found(each) for each in json.load(sys.stdin)]
    Path(sys.argv[1]).write_text(json.dumps(answers))
