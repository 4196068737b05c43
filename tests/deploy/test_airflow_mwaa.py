"""MWAA's start-up script, run here as MWAA runs it: sourced, and what it exports is kept."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from harness.airflow_home import PROJECT, ROOT

SAY = "import json, os; print(json.dumps(dict(os.environ)))"


def start(home, **options):
    """Source the script; return what it printed, and what is exported then."""
    script = f'source "{PROJECT}/startup.sh" && "{sys.executable}" -c "$SAY"'
    done = subprocess.run(
        ["bash", "-c", script],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "AIRFLOW_HOME": str(home), "SAY": SAY}
        | options,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    *said, exported = done.stdout.splitlines()
    return "\n".join(said) + done.stderr, json.loads(exported)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """An AIRFLOW_HOME with the wheel and its requirements beside the DAGs."""
    home = tmp_path_factory.mktemp("mwaa")
    folder = home / "dags" / "wheel"
    folder.mkdir(parents=True)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    shutil.copy(ROOT / "requirements" / "run.txt", folder / "requirements.txt")
    return home


@pytest.mark.slow
def test_the_wheel_is_installed_once_in_an_environment_of_its_own(home):
    said, exported = start(home, AIRFLOW__PINLAKE__LAKE="s3://pins/lake")
    assert "startup.sh: installed pinlake-" in said
    assert exported["PINLAKE_LAKE"] == "s3://pins/lake"
    assert exported["PINLAKE_HOME"] == str(home / "pinlake-home")
    command = [exported["PINLAKE_COMMAND"], "--version"]
    assert subprocess.check_output(command, text=True).startswith("pinlake 0")
    before = (home / "pinlake" / "venv" / "bin" / "pinlake").stat().st_mtime_ns
    said, again = start(home, AIRFLOW__PINLAKE__LAKE="s3://pins/lake")
    assert said == ""
    assert again["PINLAKE_COMMAND"] == exported["PINLAKE_COMMAND"]
    assert (home / "pinlake" / "venv" / "bin" / "pinlake").stat().st_mtime_ns == before


def test_without_a_wheel_it_says_so_and_lets_airflow_start(tmp_path):
    (tmp_path / "dags" / "wheel").mkdir(parents=True)
    said, exported = start(tmp_path)
    assert "dags/wheel is to hold one pinlake-<version>.whl" in said
    assert "tasks will fail until PINLAKE_COMMAND" in said
    assert "PINLAKE_COMMAND" not in exported


def test_where_tasks_run_on_databricks_nothing_is_installed(tmp_path):
    said, exported = start(
        tmp_path,
        AIRFLOW__PINLAKE__AIRFLOW_RUN="databricks",
        AIRFLOW__PINLAKE__AIRFLOW_NOTEBOOKS="/Workspace/Shared/pinlake",
    )
    assert said == ""
    assert exported["PINLAKE_AIRFLOW_RUN"] == "databricks"
    assert exported["PINLAKE_AIRFLOW_NOTEBOOKS"] == "/Workspace/Shared/pinlake"
    assert not (tmp_path / "pinlake").exists()
    assert "PINLAKE_HOME" not in exported


def test_the_page_of_airflow_installs_nothing(tmp_path):
    said, exported = start(tmp_path, MWAA_AIRFLOW_COMPONENT="webserver")
    assert said == ""
    assert "PINLAKE_COMMAND" not in exported
