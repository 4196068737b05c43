"""Run by Airflow's Python: ``dag.test()`` of DAGs of the DAGs' folder, one after another.

Reads a JSON list of (DAG, environment) from standard input; writes what came of each as JSON.
"""

import json
import sys
from pathlib import Path

from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from airflow_bag import bag_of


def ran(dag_id, environment):
    """Run the DAG once in this process and return the run's state and its tasks'."""
    with bag_of(environment, "dags-folder") as bag:
        assert not bag.import_errors, bag.import_errors
        run = bag.dags[dag_id].test()
    with create_session() as session:
        tasks = session.query(TaskInstance).filter_by(dag_id=dag_id, run_id=run.run_id)
        return {"state": run.state, "tasks": {each.task_id: told(each) for each in tasks}}


def told(task):
    """Return what the tests look at."""
    return {"state": task.state, "tries": task.try_number, "returned": task.xcom_pull(task.task_id)}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps([ran(*each) for each in json.load(sys.stdin)]))
