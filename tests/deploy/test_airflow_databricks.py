"""The DAGs run against an emulated workspace, whose runs really execute the notebooks."""

import json
import shutil

import pytest

import spark_session
from harness.airflow_home import ROOT
from harness.jobs_api import JobsApi
from harness.pipeline import ask, pinlake
from lakehouse_rows import everything
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
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "cluster", ["that stays", pytest.param("for each task", marks=pytest.mark.release)]
)
def test_the_graph_of_notebooks_gives_the_cleaned_tables_and_answers_of_the_demo(
    migrated, sunk_home, demo_home, tmp_path, cluster
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
        graphs = [(DAG, settings(api, **compute)), (KEEP, settings(api, **compute))]
        ran, kept = airflow.dag_test(*graphs, timeout=500)
        outputs = {run.task["task_key"]: run.output for run in api.runs.all.values()}
    assert ran["state"] == kept["state"] == "success", airflow.log + str(outputs)
    assert {"load", "clean_pin", "clean_geo", "clean_user", "report"} <= outputs.keys()
    same_cleaned_tables(everything(tmp_path), everything(demo_home))
    environment = {"PINLAKE_LAKE": lake.as_uri()}
    for question in pinlake("query", "--home", demo_home).stdout.splitlines():
        name, _, title = question.partition(" ")
        assert title.strip() in outputs["report"]
        place = ("--home", tmp_path / "asking")
        asked = pinlake("query", name, "--format", "json", *place, environment=environment)
        assert json.loads(asked.stdout) == ask(demo_home, name)


def same_cleaned_tables(mine, demo):
    wanted = {name for name in demo if name.startswith("clean/")}
    assert len(wanted) == 3
    for name in wanted:
        assert mine[name] == demo[name], name
