"""An Airflow of its own for the tests: deploy/airflow's environment, a home, a migrated database."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from requirements_of_tests import require

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "deploy" / "airflow"
PYTHON = PROJECT / ".venv" / "bin" / "python"
SCRIPTS = Path(__file__).parent
PINLAKE = ROOT / ".venv" / "bin" / "pinlake"


class Airflow:
    """Airflow's programs with everything in one folder, nothing bound but loopback."""

    def __init__(self, folder):
        require(PYTHON.exists(), "Airflow is not installed: script/setup airflow")
        self.folder = Path(folder)
        self.database = self.folder / "airflow.db"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not _of_others(name)},
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.database}",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }

    def run(self, *arguments, environment=None, stdin=None, timeout=280):
        """Run a program of Airflow's Python and return it, finished."""
        return subprocess.run(
            [PYTHON, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            env=self.environment | (environment or {}),
            cwd=self.folder,
            timeout=timeout,
            check=False,
        )

    def migrate(self):
        """Make the database, once; copies of its file serve the other tests."""
        done = self.run("-m", "airflow", "db", "migrate")
        assert done.returncode == 0, done.stdout + done.stderr
        return self

    def copy(self, folder):
        """Return another Airflow with a copy of the database."""
        other = Airflow(folder)
        shutil.copy(self.database, other.database)
        return other

    def dag_test(self, *runs, timeout=280):
        """Run ``dag.test()`` of each (DAG, environment) and return what came of them.

        ``log`` is what was printed on the way.
        """
        answer = self.folder / "ran.json"
        done = self.run(SCRIPTS / "airflow_run.py", answer, stdin=json.dumps(runs), timeout=timeout)
        self.log = done.stdout + done.stderr
        assert done.returncode == 0, self.log
        return json.loads(answer.read_text())

    def parse(self, environments):
        """Return what Airflow finds in the DAGs' folder for each environment, without a database."""
        answer = self.folder / "parsed.json"
        nowhere = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////no/such/folder/airflow.db"}
        done = self.run(
            SCRIPTS / "airflow_parse.py",
            answer,
            environment=nowhere,
            stdin=json.dumps(environments),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(answer.read_text())


def _of_others(name):
    """Tell whether a variable would set something of Airflow or pinlake that the test did not."""
    return name.startswith(("AIRFLOW", "PINLAKE_", "PYTHON"))
