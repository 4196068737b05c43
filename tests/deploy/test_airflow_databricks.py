"""The DAGs run against an emulated workspace, whose runs really execute the notebooks."""

import json
import shutil
from pathlib import Path

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


def settings(api, folder, cluster, **others):
    """Return the DAGs' settings for a workspace and a new cluster a run."""
    file = Path(folder) / "cluster.json"
    file.write_text(json.dumps(CLUSTER | cluster))
    return {
        "PINLAKE_AIRFLOW_RUN": "databricks",
        "PINLAKE_AIRFLOW_NOTEBOOKS": FOLDER,
        "PINLAKE_AIRFLOW_WHEEL": WHEEL,
        "PINLAKE_AIRFLOW_CLUSTER": str(file),
        "PINLAKE_AIRFLOW_POLL_SECONDS": "0.2",
        "PINLAKE_AIRFLOW_RETRIES": "0",
        "PINLAKE_AIRFLOW_RETRY_SECONDS": "0.1",
        **api.connection(),
        **others,
    }


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_graph_of_notebooks_gives_the_cleaned_tables_and_answers_of_the_demo(
    migrated, sunk_home, demo_home, tmp_path
):
    require(spark_session.java_is_there(), "there is no Java for Spark")
    lake = tmp_path / "lake"
    shutil.copytree(sunk_home / "lake", lake)
    cluster = {
        "PINLAKE_ENGINE": "spark",
        "PINLAKE_LAKE": lake.as_uri(),
        "PINLAKE_HOME": "/local_disk0/pinlake",
    }
    (tmp_path / "airflow").mkdir()
    airflow = migrated.copy(tmp_path / "airflow")
    with JobsApi(tmp_path / "runs", {FOLDER: NOTEBOOKS}, wheels=[WHEEL]) as api:
        given = settings(api, tmp_path, {"spark_env_vars": cluster})
        [ran] = airflow.dag_test((DAG, given), timeout=500)
        printed = {
            name: [each.output for each in api.runs.of(name)] for name in ("clean", "questions")
        }
    assert ran["state"] == "success", airflow.log + str(printed)
    assert len(printed["clean"]) == 3
    for question in pinlake("query", "--home", demo_home).stdout.splitlines():
        assert question.partition(" ")[2].strip() in printed["questions"][0]
    home = tmp_path / "asking"
    environment = {"PINLAKE_LAKE": lake.as_uri()}
    mine, demo = everything(tmp_path), everything(demo_home)
    wanted = {name for name in demo if name.startswith("clean/")}
    assert len(wanted) == 3
    for name in wanted:
        assert mine[name] == demo[name], name
    for question in pinlake("query", "--home", demo_home).stdout.splitlines():
        name = question.split()[0]
        asked = pinlake("query", name, "--format", "json", "--home", home, environment=environment)
        assert json.loads(asked.stdout) == ask(demo_home, name)
