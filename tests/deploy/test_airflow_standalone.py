"""Airflow as a service (scheduler, DAG processor, triggerer, API) runs the graphs of both ways."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import requests

from harness.airflow_home import PINLAKE, PROJECT, PYTHON, SCRIPTS
from harness.answers import answers, cleaned
from harness.free_port import free_port
from harness.jobs_api import JobsApi
from harness.pipeline import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.release, pytest.mark.timeout(600)]
HERE, THERE = "0abc12345678_dag", "ffff00000001_dag"
CLEANS = ("clean_pin", "clean_geo", "clean_user")
FOLDER = "/Workspace/Shared/slow"
SLOW = "# Databricks notebook source\nimport time\n\ntime.sleep(5)\n"
OTHER_DAG = """
from pathlib import Path

from pinlake_airflow import graph, settings  # airflow finds a dag here

_environment = {environment}
dag = graph.pipeline(settings.read(_environment, Path({dags!r})))
"""


@pytest.fixture(scope="module")
def services(migrated, sunk_home, tmp_path_factory):
    """Airflow with the DAG of this machine and one of a workspace of slow notebooks; (URL, home, API)."""
    folder = tmp_path_factory.mktemp("standalone")
    home = shutil.copytree(sunk_home, folder / "home")
    airflow = migrated.copy(tmp_path_factory.mktemp("airflow"))
    notebooks = tmp_path_factory.mktemp("notebooks")
    for name in ("load", "clean", "questions"):
        (notebooks / f"{name}.py").write_text(SLOW)
    with JobsApi(
        tmp_path_factory.mktemp("runs"), {FOLDER: notebooks}, clusters={"1": {}}, spark=False
    ) as api:
        api.runs.failing[f"{FOLDER}/load"] = 1
        bundle = tmp_path_factory.mktemp("bundle")
        (bundle / "other.py").write_text(
            OTHER_DAG.format(environment=elsewhere(), dags=str(PROJECT / "dags"))
        )
        port = free_port()
        environment = airflow.environment | {
            "PATH": f"{PYTHON.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(PROJECT / "dags"),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(
                [bundle_of("here", PROJECT / "dags"), bundle_of("there", bundle)]
            ),
            "PINLAKE_HOME": str(home),
            "PINLAKE_COMMAND": str(PINLAKE),
            **api.connection(),
        }
        with started(environment, folder / "airflow.log") as process:
            yield Service(f"http://127.0.0.1:{port}", process), home, api


def elsewhere():
    return {
        "PINLAKE_USER_ID": "ffff00000001",
        "PINLAKE_AIRFLOW_RUN": "databricks",
        "PINLAKE_AIRFLOW_NOTEBOOKS": FOLDER,
        "PINLAKE_AIRFLOW_CLUSTER_ID": "1",
        "PINLAKE_AIRFLOW_POLL_SECONDS": "0.5",
        "PINLAKE_AIRFLOW_RETRY_SECONDS": "1",
    }


def bundle_of(name, path):
    kind = "airflow.dag_processing.bundles.local.LocalDagBundle"
    return {"name": name, "classpath": kind, "kwargs": {"path": str(path), "refresh_interval": 300}}


@contextlib.contextmanager
def started(environment, log):
    """Run Airflow while the block runs; all of it ends with the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [PYTHON, SCRIPTS / "airflow_standalone.py"],
            env=environment,
            cwd=environment["AIRFLOW_HOME"],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Service:
    """Airflow's API, asked as its page asks it."""

    def __init__(self, url, process):
        self.url, self.process, self._session = url, process, requests.Session()

    def ready(self):
        """Tell whether scheduler, DAG processor and triggerer beat, and both DAGs are known."""
        assert self.process.poll() is None, "airflow ended"
        try:
            health = self._session.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
            token = self._session.get(f"{self.url}/auth/token", timeout=5).json()["access_token"]
        except (requests.RequestException, KeyError):
            return False
        self._session.headers["Authorization"] = f"Bearer {token}"
        beating = all(health[each]["status"] == "healthy" for each in ("scheduler", "triggerer"))
        return beating and {HERE, THERE} <= {each["dag_id"] for each in self.get("dags")["dags"]}

    def get(self, path):
        answer = self._session.get(f"{self.url}/api/v2/{path}", timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def unpause(self, dag):
        """Let the scheduler have the DAG: it starts the newest day's run, and no older one's."""
        url = f"{self.url}/api/v2/dags/{dag}"
        answer = self._session.patch(url, json={"is_paused": False}, timeout=30)
        assert answer.status_code == 200, answer.text

    def runs(self, dag):
        """Return the ids of a DAG's runs."""
        return [each["dag_run_id"] for each in self.get(f"dags/{dag}/dagRuns")["dag_runs"]]

    def trigger(self, dag):
        """Start a run as a click on the page does, without a date; return its id."""
        url = f"{self.url}/api/v2/dags/{dag}/dagRuns"
        answer = self._session.post(url, json={"logical_date": None}, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()["dag_run_id"]

    def ended(self, dag, run):
        """Wait for a run's end; return its state and its tasks by their ids."""
        path = f"dags/{dag}/dagRuns/{run}"
        wait_until(lambda: self.get(path)["state"] in {"success", "failed"}, seconds=240, pause=0.5)
        tasks = self.get(f"{path}/taskInstances")["task_instances"]
        return self.get(path)["state"], {each["task_id"]: each for each in tasks}


@pytest.fixture(scope="module")
def runs(services):
    """The run that the scheduler starts of each DAG, both at once."""
    service, _, _ = services
    wait_until(service.ready, seconds=240, pause=0.5)
    for dag in (HERE, THERE):
        service.unpause(dag)
    wait_until(lambda: service.runs(HERE) and service.runs(THERE), pause=0.5)
    return {dag: service.ended(dag, service.runs(dag)[0]) for dag in (HERE, THERE)}


def test_of_the_days_before_one_run_is_made(services, runs):
    assert runs.keys() == {HERE, THERE}
    for dag in runs:
        [run] = services[0].runs(dag)
        assert run.startswith("scheduled__")


@pytest.mark.parametrize("dag", [HERE, THERE])
def test_the_three_cleans_run_side_by_side_after_load_and_before_the_report(runs, dag):
    state, tasks = runs[dag]
    assert state == "success", tasks
    cleans = [tasks[name] for name in CLEANS]
    assert max(each["start_date"] for each in cleans) < min(each["end_date"] for each in cleans)
    assert tasks["load"]["end_date"] <= min(each["start_date"] for each in cleans)
    assert max(each["end_date"] for each in cleans) <= tasks["report"]["start_date"]


@pytest.mark.usefixtures("runs")
def test_the_tables_are_those_of_the_demo(services, demo_home):
    assert cleaned(services[1]) == cleaned(demo_home)
    assert answers(services[1]) == answers(demo_home)
    assert (services[1] / "report.html").stat().st_size > 10_000


def test_a_run_that_failed_in_the_workspace_is_tried_again_by_the_scheduler(runs, services):
    assert runs[THERE][1]["load"]["try_number"] == 2
    loads = services[2].runs.of(f"{FOLDER}/load")
    assert [run.result_state for run in loads] == ["FAILED", "SUCCESS"]
    assert len({run.request["idempotency_token"] for run in loads}) == 2


@pytest.mark.usefixtures("runs")
def test_a_task_that_is_marked_failed_while_it_waits_cancels_its_run(services):
    service, _, api = services
    load = api.runs.notebooks[FOLDER] / "load.py"
    load.write_text(SLOW.replace("sleep(5)", "sleep(600)"))
    before = len(api.runs.of(f"{FOLDER}/load"))
    run = service.trigger(THERE)
    wait_until(lambda: len(api.runs.of(f"{FOLDER}/load")) > before, seconds=120)
    path = f"dags/{THERE}/dagRuns/{run}/taskInstances/load"
    wait_until(lambda: service.get(path)["state"] == "deferred", seconds=60, pause=0.1)
    url = f"{service.url}/api/v2/{path}"
    answer = service._session.patch(url, json={"new_state": "failed"}, timeout=30)
    assert answer.status_code == 200, answer.text
    newest = api.runs.of(f"{FOLDER}/load")[-1]
    wait_until(lambda: newest.result_state is not None, seconds=60)
    assert newest.result_state == "CANCELED"


@pytest.mark.usefixtures("runs")
def test_nothing_of_it_listens_beyond_loopback(services):
    group = services[0].process.pid
    mine = {each for each in processes() if os.getpgid(each) == group or os.getsid(each) == group}
    listening = [address for address, inode in listeners() if inode in sockets(mine)]
    assert listening
    assert set(listening) == {"127.0.0.1"}


def processes():
    return [int(each) for each in os.listdir("/proc") if each.isdigit()]


def sockets(pids):
    """Return the inodes of the sockets that these processes hold."""
    held = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    target = os.readlink(link)
                    if target.startswith("socket:["):
                        held.add(target[8:-1])
    return held


def listeners():
    """Yield the address and the inode of each socket that listens, IPv6 as it is written."""
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                address = fields[1].partition(":")[0]
                yield ("127.0.0.1" if address == "0100007F" else address), fields[9]
