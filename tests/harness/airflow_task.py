"""Run by Airflow's Python: one command task by itself, for a test that kills it.

Arguments: the home, the command's program, and the command's own arguments.
"""

import os
import sys
from pathlib import Path

sys.path.append(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])

from pinlake_airflow.command import PinlakeOperator
from pinlake_airflow.settings import Local

if __name__ == "__main__":
    home, program, *arguments = sys.argv[1:]
    local = Local((program,), Path(home), os.environ)
    PinlakeOperator(task_id="task", arguments=arguments, local=local).execute({})
