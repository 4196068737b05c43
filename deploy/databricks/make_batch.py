"""Write resources/batch.yml: the batch job of a data set, load -> clean of each table -> questions.

``python deploy/databricks/make_batch.py [dataset]`` after a table came or went; a test tells
where the committed file is not what this makes of the data set ``pinterest``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from pinlake import dataset
from pinlake.dataset import Table

OUTPUT = Path(__file__).parent / "resources" / "batch.yml"
JOB = """\
# The batch, daily. Made by make_batch.py from dataset.toml; do not edit.
resources:
  jobs:
    batch:
      name: pinlake_batch_${var.user_id}
      schedule:
        quartz_cron_expression: 0 0 3 * * ?
        timezone_id: UTC
        pause_status: UNPAUSED
      max_concurrent_runs: 1
      timeout_seconds: 7200
      email_notifications:
        on_failure:
          - ${var.email}
      job_clusters:
        - job_cluster_key: batch
          new_cluster:
            spark_version: ${var.runtime}
            node_type_id: ${var.node_type}
            num_workers: ${var.workers}
            data_security_mode: ${var.access_mode}
            aws_attributes:
              instance_profile_arn: ${var.instance_profile}
            spark_env_vars: ${var.environment}
      tasks:
"""
TASK = """\
        - task_key: %s
          job_cluster_key: batch
          max_retries: 3
          min_retry_interval_millis: 300000
          notebook_task:
            notebook_path: ../notebooks/%s.py
          libraries:
            - whl: ../dist/*.whl
"""
PARAMETERS = """\
            base_parameters:
              table: %s
"""


def text(tables: Mapping[str, Table]) -> str:
    """Return the file: the cleans of the tables that load fills run side by side."""
    loaded = (name for name, each in tables.items() if each.topics or each.origin)
    cleans = {f"clean_{name}": name for name in loaded}
    tasks = [_task("load", "load")]
    tasks += [_task(task, "clean", ["load"], table) for task, table in cleans.items()]
    tasks.append(_task("questions", "questions", list(cleans)))
    return JOB + "".join(tasks)


def _task(key: str, notebook: str, after: Iterable[str] = (), table: str = "") -> str:
    before, _, following = (TASK % (key, notebook)).partition("          job_cluster_key")
    depends = "".join(f"            - task_key: {each}\n" for each in after)
    if depends:
        before += f"          depends_on:\n{depends}"
    task, _, libraries = following.partition("          libraries")
    given = PARAMETERS % table if table else ""
    return f"{before}          job_cluster_key{task}{given}          libraries{libraries}"


def main() -> None:
    """Write the file for the data set of the first argument."""
    name = sys.argv[1] if len(sys.argv) > 1 else "pinterest"
    OUTPUT.write_text(text(dataset.load(name).tables), "utf-8")


if __name__ == "__main__":
    main()
