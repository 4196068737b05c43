"""The DAGs as Airflow parses them: for both ways to run, any data set, and settings that are wrong."""

import json
import shutil
from pathlib import Path

import pytest

from harness.airflow_home import Airflow

pytestmark = pytest.mark.slow
LIBRARY = Path(__file__).parents[1] / "library"
SECRET = "{{secrets/pinlake/kinesis}}"
CLUSTER = {
    "spark_version": "17.3.x-scala2.13",
    "node_type_id": "m5d.large",
    "num_workers": 1,
    "spark_env_vars": {"PINLAKE_LAKE": "s3://pins/lake", "PINLAKE_KINESIS_SECRET_KEY": SECRET},
    "aws_attributes": {
        "instance_profile_arn": "arn:aws:iam::123456789012:instance-profile/pinlake"
    },
}
WHEEL = "/Workspace/Shared/pinlake/pinlake-0.1.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Cluster files and data sets, good and bad, by name."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "cluster.json").write_text(json.dumps(CLUSTER))
    (folder / "cluster.toml").write_text(
        'spark_version = "17.3.x-scala2.13"\nnode_type_id = "m5d.large"\nnum_workers = 0\n'
    )
    (folder / "no_version.json").write_text(json.dumps({"node_type_id": "m5d.large"}))
    (folder / "no_machine.json").write_text(json.dumps({"spark_version": "17.3.x-scala2.13"}))
    (folder / "no_size.json").write_text(
        json.dumps({"spark_version": "17.3.x-scala2.13", "instance_pool_id": "p"})
    )
    (folder / "broken.json").write_text('{"spark_version": "17",\n "password": hush}')
    for name, text in {
        "torn": LIBRARY.joinpath("dataset.toml").read_text() + "\n[tables.book.columns\n",
        "empty": "rows = 3\n",
        "streams": '[tables.tap]\nkey = "k"\nstreams = "taps"\n',
        "evil": '[tables."x; rm -rf /"]\nkey = "k"\ntopics = "t"\n',
    }.items():
        (folder / name).mkdir()
        (folder / name / "dataset.toml").write_text(text)
    shutil.copytree(LIBRARY, folder / "library")
    return folder


@pytest.fixture(scope="module")
def parsed(tmp_path_factory, files):
    """What Airflow finds for each environment, by a name for it."""
    home = str(files / "home")
    local = {"PINLAKE_HOME": home}
    databricks = {
        "PINLAKE_AIRFLOW_RUN": "databricks",
        "PINLAKE_AIRFLOW_NOTEBOOKS": "/Workspace/Shared/pinlake/notebooks/",
        "PINLAKE_AIRFLOW_WHEEL": WHEEL,
        "PINLAKE_AIRFLOW_CLUSTER": str(files / "cluster.json"),
    }
    library = {"PINLAKE_DATASET": str(files / "library")}
    changed = {
        "PINLAKE_USER_ID": "ffff00000001",
        "PINLAKE_AIRFLOW_SCHEDULE": "30 2 * * *",
        "PINLAKE_AIRFLOW_KEEP_SCHEDULE": "@weekly",
        "PINLAKE_AIRFLOW_RETRIES": "5",
        "PINLAKE_AIRFLOW_RETRY_SECONDS": "7",
        "PINLAKE_AIRFLOW_TIMEOUT_SECONDS": "60",
    }
    cases = {
        "local": local,
        "databricks": databricks,
        "local library": local | library,
        "databricks library": databricks | library,
        "changed": local | changed,
        "toml": databricks | {"PINLAKE_AIRFLOW_CLUSTER": str(files / "cluster.toml")},
        "existing": databricks
        | {"PINLAKE_AIRFLOW_CLUSTER": "", "PINLAKE_AIRFLOW_CLUSTER_ID": "1121-0000-pins"},
        **{each: local | wrong for each, (wrong, _) in WRONG_LOCAL.items()},
        **{each: local | {"PINLAKE_DATASET": str(files / each)} for each in WRONG_DATASETS},
        **{
            each: databricks
            | {name: value.replace("FILES", str(files)) for name, value in wrong.items()}
            for each, (wrong, _) in WRONG_DATABRICKS.items()
        },
    }
    airflow = Airflow(tmp_path_factory.mktemp("airflow"))
    return dict(zip(cases, airflow.parse(list(cases.values())), strict=True))


WRONG_LOCAL = {
    "no home": ({"PINLAKE_HOME": ""}, "PINLAKE_HOME is not set: set it to the absolute path"),
    "relative home": ({"PINLAKE_HOME": ".pinlake"}, "PINLAKE_HOME = '.pinlake': it is an absolute"),
    "user id": ({"PINLAKE_USER_ID": "Jo"}, "PINLAKE_USER_ID = 'Jo': it is 12 hex digits"),
    "way": ({"PINLAKE_AIRFLOW_RUN": "spark"}, "'spark': say one of local, databricks"),
    "command": (
        {"PINLAKE_COMMAND": "'pinlake"},
        'PINLAKE_COMMAND = "\'pinlake": it cannot be split',
    ),
    "dataset": ({"PINLAKE_DATASET": "pins"}, "PINLAKE_DATASET = 'pins': it is the absolute path"),
    "relative dataset": ({"PINLAKE_DATASET": "./pins"}, "PINLAKE_DATASET = './pins': it is the"),
    "retries": (
        {"PINLAKE_AIRFLOW_RETRIES": "few"},
        "PINLAKE_AIRFLOW_RETRIES = 'few': it is a number",
    ),
    "timeout": (
        {"PINLAKE_AIRFLOW_TIMEOUT_SECONDS": "0"},
        "_TIMEOUT_SECONDS = '0': it is 0.1 or more",
    ),
    "schedule": ({"PINLAKE_AIRFLOW_SCHEDULE": "daily"}, "'daily': it is one of @hourly, @daily"),
}
WRONG_DATASETS = {
    "torn": ("torn/dataset.toml", "line 36", "`pinlake check"),
    "empty": ("empty/dataset.toml has no [tables.<name>]",),
    "streams": ("streams/dataset.toml: no table has topics or from",),
    "evil": ("'x; rm -rf /' is no table name",),
}
NO_CLUSTER = {"PINLAKE_AIRFLOW_CLUSTER": ""}
WRONG_DATABRICKS = {
    "no notebooks": ({"PINLAKE_AIRFLOW_NOTEBOOKS": ""}, "PINLAKE_AIRFLOW_NOTEBOOKS is not set"),
    "relative notebooks": ({"PINLAKE_AIRFLOW_NOTEBOOKS": "x"}, "a workspace path begins with /"),
    "no cluster": (
        NO_CLUSTER,
        "PINLAKE_AIRFLOW_CLUSTER to a JSON or TOML file of a new cluster; none",
    ),
    "two clusters": ({"PINLAKE_AIRFLOW_CLUSTER_ID": "1"}, "both are set"),
    "no wheel": ({"PINLAKE_AIRFLOW_WHEEL": ""}, "PINLAKE_AIRFLOW_WHEEL is not set: a new cluster"),
    "wheel": ({"PINLAKE_AIRFLOW_WHEEL": "pinlake.zip"}, "it is the path of pinlake's wheel"),
    "cluster is gone": ({"PINLAKE_AIRFLOW_CLUSTER": "FILES/gone.json"}, "gone.json cannot be read"),
    "cluster is torn": ({"PINLAKE_AIRFLOW_CLUSTER": "FILES/broken.json"}, "broken.json, line 2"),
    "no version": ({"PINLAKE_AIRFLOW_CLUSTER": "FILES/no_version.json"}, "has no spark_version"),
    "no size": (
        {"PINLAKE_AIRFLOW_CLUSTER": "FILES/no_size.json"},
        "has no num_workers or autoscale",
    ),
    "no machine": (
        {"PINLAKE_AIRFLOW_CLUSTER": "FILES/no_machine.json"},
        "has no node_type_id or instance_pool_id",
    ),
}


@pytest.mark.parametrize("way", ["local", "databricks"])
@pytest.mark.parametrize(
    ("suffix", "tables"), [("", ("pin", "geo", "user")), (" library", ("loan", "book"))]
)
def test_load_comes_before_every_tables_clean_and_the_report_after_all(parsed, way, suffix, tables):
    found = parsed[way + suffix]
    assert found["errors"] == {}
    tasks = found["dags"]["0abc12345678_dag"]["tasks"]
    cleans = [f"clean_{table}" for table in tables]
    assert {name: each["upstream"] for name, each in tasks.items()} == {
        "load": [],
        **{name: ["load"] for name in cleans},
        "report": sorted(cleans),
    }
    keep = found["dags"]["0abc12345678_keep"]["tasks"]
    assert {name: each["upstream"] for name, each in keep.items()} == {
        "maintain": [],
        "quality": ["maintain"],
    }


@pytest.mark.parametrize(("way", "timeout"), [("local", 7200), ("databricks", 7500)])
def test_runs_are_daily_without_catch_up_and_tries_are_made_again_ever_later(parsed, way, timeout):
    dags = parsed[way]["dags"]
    assert {name: each["schedule"] for name, each in dags.items()} == {
        "0abc12345678_dag": "@daily",
        "0abc12345678_keep": "0 4 * * *",
    }
    for dag in dags.values():
        assert (dag["catchup"], dag["max_active_runs"]) == (False, 1)
        for name, task in dag["tasks"].items():
            assert task["retries"] == (0 if name == "quality" else 3)
            assert (task["retry_delay"], task["backoff"]) == (300, True)
            assert (task["max_retry_delay"], task["timeout"]) == (3600, timeout)


def test_settings_change_the_id_the_hours_and_the_tries(parsed):
    dags = parsed["changed"]["dags"]
    assert {name: each["schedule"] for name, each in dags.items()} == {
        "ffff00000001_dag": "30 2 * * *",
        "ffff00000001_keep": "@weekly",
    }
    load = dags["ffff00000001_dag"]["tasks"]["load"]
    assert (load["retries"], load["retry_delay"], load["timeout"]) == (5, 7, 60)


def test_a_task_on_databricks_is_a_deferrable_run_of_a_notebook_on_the_cluster(parsed):
    dags = parsed["databricks"]["dags"]
    task = dags["0abc12345678_dag"]["tasks"]["clean_geo"]
    assert (task["kind"], task["deferrable"]) == ("SubmitRun", True)
    request = task["request"]
    assert request["timeout_seconds"] == 7200
    assert request["idempotency_token"] == "{{ ti.id }}"
    assert request["tasks"] == [
        {
            "task_key": "clean_geo",
            "notebook_task": {
                "notebook_path": "/Workspace/Shared/pinlake/notebooks/clean",
                "base_parameters": {"table": "geo"},
                "source": "WORKSPACE",
            },
            "libraries": [{"whl": WHEEL}],
            "new_cluster": CLUSTER,
        }
    ]
    notebooks = {
        name: each["request"]["tasks"][0]["notebook_task"]["notebook_path"].rpartition("/")[2]
        for dag in dags.values()
        for name, each in dag["tasks"].items()
    }
    assert notebooks == {
        "load": "load",
        **dict.fromkeys(("clean_pin", "clean_geo", "clean_user"), "clean"),
        "report": "questions",
        "maintain": "maintain",
        "quality": "quality",
    }


def test_a_cluster_is_described_in_toml_or_exists_already(parsed):
    for name, wanted in {
        "toml": {
            "new_cluster": {
                "spark_version": "17.3.x-scala2.13",
                "node_type_id": "m5d.large",
                "num_workers": 0,
            }
        },
        "existing": {"existing_cluster_id": "1121-0000-pins"},
    }.items():
        task = parsed[name]["dags"]["0abc12345678_dag"]["tasks"]["load"]["request"]["tasks"][0]
        assert {key: task[key] for key in wanted} == wanted
        assert len({"new_cluster", "existing_cluster_id"} & task.keys()) == 1


@pytest.mark.parametrize("way", ["local", "databricks"])
def test_what_airflow_stores_of_a_dag_holds_no_setting_of_the_cluster_or_the_commands(parsed, way):
    for dag in parsed[way]["dags"].values():
        for hidden in (SECRET, "PINLAKE_", "instance_profile"):
            assert hidden not in dag["stored"]


@pytest.mark.parametrize("case", [*WRONG_LOCAL, *WRONG_DATABRICKS])
def test_a_wrong_setting_is_an_import_error_that_says_what_to_set(parsed, case):
    _, words = (WRONG_LOCAL | WRONG_DATABRICKS)[case]
    [error] = parsed[case]["errors"].values()
    assert words in error
    assert parsed[case]["dags"] == {}
    assert "hush" not in error


@pytest.mark.parametrize("case", WRONG_DATASETS)
def test_a_broken_data_set_is_an_import_error_that_says_where(parsed, case):
    [error] = parsed[case]["errors"].values()
    for words in WRONG_DATASETS[case]:
        assert words in error
    assert parsed[case]["dags"] == {}
