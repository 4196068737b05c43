"""The DAGs run against an emulated workspace, whose runs really execute the notebooks."""

import json
import shutil
import signal

import pytest

import spark_session
from harness.airflow_home import ROOT
from harness.answers import answers, cleaned, titles
from harness.jobs_api import JobsApi
from requirements_of_tests import require

DAG, KEEP = "0abc12345678_dag", "0abc12345678_keep"
NOTEBOOKS = ROOT / "deploy" / "databricks" / "notebooks"
FOLDER = "/Workspace/Shared/pinlake"
WHEEL = f"{FOLDER}/pinlake-0.1.0-py3-none-any.whl"
CLUSTER = {"spark_version": "17.3.x-scala2.13", "node_type_id": "m5d.large", "num_workers": 1}


def settings(api, **others):
    """Return the DAGs' settings for a workspace."""
    return {
        "PINLAKE_AIRFLOW_RUN": "databricks",
        "PINLAKE_AIRFLOW_NOTEBOOKS": FOLDER,
        "PINLAKE_AIRFLOW_WHEEL": WHEEL,
        "PINLAKE_AIRFLOW_POLL_SECONDS": "0.2",
        "PINLAKE_AIRFLOW_RETRIES": "0",
        "PINLAKE_AIRFLOW_RETRY_SECONDS": "0.1",
        **api.connection(),
        **others,
    }


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("cluster", "dags"),
    [
        ("that stays", (DAG, KEEP)),
        pytest.param("for each task", (DAG,), marks=pytest.mark.release),
    ],
    ids=["a cluster that stays", "a cluster for each task"],
)
def test_the_graph_of_notebooks_gives_the_cleaned_tables_and_answers_of_the_demo(
    migrated, sunk_home, demo_home, tmp_path, monkeypatch, cluster, dags
):
    require(spark_session.java_is_there(), "there is no Java for Spark")
    lake = shutil.copytree(sunk_home / "lake", tmp_path / "lake")
    variables = {
        "PINLAKE_ENGINE": "spark",
        "PINLAKE_LAKE": lake.as_uri(),
        "PINLAKE_HOME": "/local_disk0/pinlake",
    }
    new = tmp_path / "cluster.json"
    new.write_text(json.dumps(CLUSTER | {"spark_env_vars": variables}))
    compute = {
        "that stays": {"PINLAKE_AIRFLOW_CLUSTER_ID": "1121-pins"},
        "for each task": {"PINLAKE_AIRFLOW_CLUSTER": str(new)},
    }[cluster]
    (tmp_path / "airflow").mkdir()
    (tmp_path / "runs").mkdir()
    airflow = migrated.copy(tmp_path / "airflow")
    clusters = {"1121-pins": variables}
    workspace = {FOLDER: NOTEBOOKS}
    with JobsApi(tmp_path / "runs", workspace, wheels=[WHEEL], clusters=clusters) as api:
        graphs = [(dag, settings(api, **compute)) for dag in dags]
        ran = airflow.dag_test(*graphs, timeout=1000)
        outputs = {run.task["task_key"]: run.output for run in api.runs.all.values()}
    assert {each["state"] for each in ran} == {"success"}, airflow.log + str(outputs)
    assert {"load", "clean_pin", "clean_geo", "clean_user", "report"} <= outputs.keys()
    for title in titles(demo_home):
        assert title in outputs["report"]
    wanted = cleaned(demo_home), answers(demo_home)
    assert len(wanted[0]) == 3
    monkeypatch.setenv("PINLAKE_LAKE", lake.as_uri())
    assert (cleaned(tmp_path / "asking"), answers(tmp_path / "asking")) == wanted


SIMPLE = """# Databricks notebook source
import time

if "{name}" == "quality" and {hanging}:
    time.sleep(600)
dbutils.notebook.exit("{name} is done")
"""
CASES = ("lost", "again", "failing", "hanging", "absent", "forbidden", "unknown")


@pytest.fixture(scope="module")
def sad(migrated, tmp_path_factory):
    """What came of the upkeep's DAG in each case: (runs, the workspace, the whole log)."""
    folder = tmp_path_factory.mktemp("sad")
    for case in CASES[:-3]:
        (folder / case).mkdir()
        for name in ("maintain", "quality"):
            text = SIMPLE.format(name=name, hanging=case == "hanging")
            (folder / case / f"{name}.py").write_text(text)
    (folder / "cluster.json").write_text(json.dumps(CLUSTER))
    workspace = {f"/Shared/{case}": folder / case for case in CASES}
    airflow = migrated.copy(tmp_path_factory.mktemp("airflow-sad"))
    with JobsApi(tmp_path_factory.mktemp("runs"), workspace, wheels=[WHEEL], spark=False) as api:
        api.submits[:] = ["lost", 429]
        api.runs.failing.update({"/Shared/again/maintain": 1, "/Shared/failing/quality": 1})
        others = {
            "again": {"PINLAKE_AIRFLOW_RETRIES": "1"},
            "hanging": {"PINLAKE_AIRFLOW_TIMEOUT_SECONDS": "4"},
            "forbidden": api.connection(password="dapi-of-somebody-else"),
            "unknown": api.connection(login="somebody", password="dapi-of-nobody"),
        }
        compute = {"PINLAKE_AIRFLOW_CLUSTER": str(folder / "cluster.json")}
        given = [
            (
                KEEP,
                settings(api, PINLAKE_AIRFLOW_NOTEBOOKS=f"/Shared/{case}", **compute)
                | others.get(case, {}),
            )
            for case in CASES
        ]
        found = airflow.dag_test(*given)
    return dict(zip(CASES, found, strict=True)), api, airflow.log


def states(run):
    return {name: (each["state"], each["tries"]) for name, each in run["tasks"].items()}


@pytest.mark.slow
def test_a_submit_whose_answer_is_lost_or_put_off_starts_one_run(sad):
    runs, api, _ = sad
    assert states(runs["lost"]) == {"maintain": ("success", 1), "quality": ("success", 1)}
    assert len(api.runs.of("/Shared/lost/maintain")) == 1
    asked = [body for name, body in api.requests if name == "submit"][:3]
    assert {each["run_name"] for each in asked} == {"pinlake maintain"}
    assert len({each["idempotency_token"] for each in asked}) == 1


@pytest.mark.slow
def test_a_run_that_fails_is_tried_again_as_another_run(sad):
    runs, api, _ = sad
    assert states(runs["again"]) == {"maintain": ("success", 2), "quality": ("success", 1)}
    results = [run.result_state for run in api.runs.of("/Shared/again/maintain")]
    assert results == ["FAILED", "SUCCESS"]
    tokens = {run.request["idempotency_token"] for run in api.runs.of("/Shared/again/maintain")}
    assert len(tokens) == 2


@pytest.mark.slow
def test_a_failing_run_fails_its_task_and_the_dag_with_the_notebooks_error(sad):
    runs, _, log = sad
    assert runs["failing"]["state"] == "failed"
    assert states(runs["failing"]) == {"maintain": ("success", 1), "quality": ("failed", 1)}
    assert "RuntimeError: /Shared/failing/quality was told to fail" in log


@pytest.mark.slow
def test_a_run_that_takes_too_long_ends_in_the_workspace_and_fails_its_task(sad):
    runs, api, log = sad
    assert states(runs["hanging"]) == {"maintain": ("success", 1), "quality": ("failed", 1)}
    [run] = api.runs.of("/Shared/hanging/quality")
    assert (run.result_state, run.process.returncode) == ("TIMEDOUT", -signal.SIGKILL)
    assert "TIMEDOUT" in log


@pytest.mark.slow
def test_a_notebook_that_is_not_in_the_workspace_is_named(sad):
    runs, _, log = sad
    assert states(runs["absent"])["maintain"] == ("failed", 1)
    assert "Unable to access the notebook" in log
    assert "/Shared/absent/maintain" in log


@pytest.mark.slow
def test_a_bad_token_fails_the_task_with_the_services_words_and_stands_in_no_log(sad):
    runs, api, log = sad
    for case in ("forbidden", "unknown"):
        assert runs[case]["state"] == "failed"
        assert api.runs.of(f"/Shared/{case}/maintain") == []
    assert "Invalid access token" in log
    assert "Credential was not sent" in log
    for token in (api.token, "dapi-of-somebody-else", "dapi-of-nobody"):
        assert token not in log
