"""The emulation of Databricks' Jobs API keeps the published contract, and really carries runs out."""

import os
import signal

import pytest
import requests

from harness.jobs_api import TOKEN, JobsApi
from harness.pipeline import wait_until

NOTEBOOKS = {
    "hello": 'dbutils.widgets.text("name", "world")\n'
    'dbutils.notebook.exit("hello " + dbutils.widgets.get("name"))',
    "told": 'import os\nassert os.environ["PINLAKE_LAKE"] == "s3://pins"\n'
    'assert os.environ["KEY"] == "hush"\nassert "PYTEST_CURRENT_TEST" not in os.environ',
    "failing": "def broken():\n    raise ValueError('no such pin')\n\nbroken()",
    "slow": 'import os, time\nopen("pid", "w").write(str(os.getpid()))\ntime.sleep(60)',
    "widget": 'dbutils.widgets.get("absent")',
    "magic": "# MAGIC %sql\n# MAGIC SELECT 1",
}
CLUSTER = {"spark_version": "17.3.x-scala2.13", "node_type_id": "m5d.large", "num_workers": 1}
WHEEL = "/Workspace/pinlake-0.1.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    for name, code in NOTEBOOKS.items():
        text = (
            "# Databricks notebook source\n# MAGIC %md\n# MAGIC # Words\n\n# COMMAND ----------\n"
        )
        (folder / f"{name}.py").write_text(text + code + "\n")
    with JobsApi(
        tmp_path_factory.mktemp("runs"),
        {"/Shared/tests": folder},
        wheels=[WHEEL],
        secrets={("pins", "key"): "hush"},
        clusters={"1121-pins": {}},
        spark=False,
    ) as api:
        yield api


def call(api, name, body=None, token=TOKEN, version="2.2"):
    method = "POST" if name in {"submit", "cancel"} else "GET"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"{api.url}/api/{version}/jobs/runs/{name}"
    how = {"json": body} if method == "POST" else {"params": body}
    return requests.request(method, url, headers=headers, timeout=10, **how)


def task(notebook, cluster=CLUSTER, **parameters):
    path = f"/Shared/tests/{notebook}"
    return {
        "task_key": notebook,
        "notebook_task": {"notebook_path": path, "base_parameters": parameters},
        "new_cluster": cluster,
        "libraries": [{"whl": WHEEL}],
    }


def submitted(api, one, **others):
    answer = call(api, "submit", {"tasks": [one], **others})
    assert answer.status_code == 200, answer.text
    return answer.json()["run_id"]


def ended(api, run_id):
    wait_until(lambda: "result_state" in call(api, "get", {"run_id": run_id}).json()["state"])
    run = call(api, "get", {"run_id": run_id}).json()
    return run["state"], call(api, "get-output", {"run_id": run["tasks"][0]["run_id"]}).json()


def test_a_notebook_runs_with_its_parameters_and_exits_with_a_value(api):
    state, output = ended(api, submitted(api, task("hello", name="lake")))
    assert (state["life_cycle_state"], state["result_state"]) == ("TERMINATED", "SUCCESS")
    assert output["notebook_output"]["result"] == "hello lake"
    _, output = ended(api, submitted(api, task("hello")))
    assert output["notebook_output"]["result"] == "hello world"


def test_a_notebook_finds_the_clusters_variables_with_secrets_filled_in_and_no_others(api):
    variables = {"PINLAKE_LAKE": "s3://pins", "KEY": "{{secrets/pins/key}}"}
    state, output = ended(
        api, submitted(api, task("told", CLUSTER | {"spark_env_vars": variables}))
    )
    assert state["result_state"] == "SUCCESS", output


def test_a_notebook_that_raises_fails_with_its_error_and_where(api):
    state, output = ended(api, submitted(api, task("failing")))
    assert (state["life_cycle_state"], state["result_state"]) == ("TERMINATED", "FAILED")
    assert output["error"] == "ValueError: no such pin"
    assert "in broken" in output["error_trace"]


@pytest.mark.parametrize(("name", "words"), [("widget", "No input widget named"), ("magic", "%md")])
def test_what_a_notebook_cannot_have_is_an_error(api, name, words):
    state, output = ended(api, submitted(api, task(name)))
    assert state["result_state"] == "FAILED"
    assert words in output["error"]


def test_a_notebook_or_a_wheel_that_is_not_there_is_an_internal_error(api):
    state, _ = ended(api, submitted(api, task("nowhere")))
    assert (state["life_cycle_state"], state["result_state"]) == ("INTERNAL_ERROR", "FAILED")
    assert 'Unable to access the notebook "/Shared/tests/nowhere"' in state["state_message"]
    elsewhere = {"task_key": "t", "notebook_task": {"notebook_path": "/Shared/tests/hello"}}
    state, _ = ended(api, submitted(api, elsewhere | {"existing_cluster_id": "gone"}))
    assert state["state_message"] == "Cluster gone does not exist"
    state, _ = ended(api, submitted(api, task("hello") | {"libraries": [{"whl": "/x.whl"}]}))
    assert state["life_cycle_state"] == "INTERNAL_ERROR"


def test_a_run_that_is_cancelled_ends_with_its_process(api):
    run_id = submitted(api, task("slow"))
    pid = pid_of(api, run_id)
    assert call(api, "cancel", {"run_id": run_id}).json() == {}
    state, _ = ended(api, run_id)
    assert (state["life_cycle_state"], state["result_state"]) == ("TERMINATED", "CANCELED")
    assert not os.path.exists(f"/proc/{pid}")
    assert call(api, "cancel", {"run_id": run_id}).status_code == 200


def test_a_run_ends_at_its_time_out(api):
    run_id = submitted(api, task("slow"), timeout_seconds="1")
    state, _ = ended(api, run_id)
    assert (state["life_cycle_state"], state["result_state"]) == ("TERMINATED", "TIMEDOUT")
    assert api.runs.all[run_id].process.returncode == -signal.SIGKILL


def test_a_token_starts_one_run_however_often_it_is_sent(api):
    first = submitted(api, task("hello"), idempotency_token="once")
    assert submitted(api, task("hello"), idempotency_token="once") == first
    assert submitted(api, task("hello"), idempotency_token="another") != first
    assert submitted(api, task("hello")) != submitted(api, task("hello"))
    longer = {"tasks": [task("hello")], "idempotency_token": "x" * 65}
    assert call(api, "submit", longer).json()["error_code"] == "INVALID_PARAMETER_VALUE"


def test_a_wheels_entry_point_runs_with_its_parameters(api):
    one = {"task_key": "version", "existing_cluster_id": "1121-pins"}
    wheel = {"package_name": "pinlake", "entry_point": "pinlake"}
    good = submitted(api, one | {"python_wheel_task": wheel | {"parameters": ["--version"]}})
    assert ended(api, good)[0]["result_state"] == "SUCCESS"
    assert api.runs.all[good].output.startswith("pinlake 0")
    bad = submitted(api, one | {"python_wheel_task": wheel | {"parameters": ["nonsense"]}})
    assert ended(api, bad)[0]["result_state"] == "FAILED"


def test_nobody_is_let_in_without_the_token(api):
    answer = call(api, "get", {"run_id": 1}, token=None)
    assert (answer.status_code, answer.json()["error_code"]) == (401, "401")
    answer = call(api, "submit", {"tasks": []}, token="dapi-other")
    assert (answer.status_code, answer.json()["error_code"]) == (403, "403")


@pytest.mark.parametrize("name", ["get", "get-output", "cancel"])
def test_a_run_that_is_not_there_is_an_invalid_parameter(api, name):
    for body, message in [
        ({"run_id": 7}, "Run 7 does not exist."),
        ({}, "Missing required field: run_id"),
    ]:
        answer = call(api, name, body)
        assert answer.status_code == 400
        assert answer.json() == {"error_code": "INVALID_PARAMETER_VALUE", "message": message}


@pytest.mark.parametrize(
    "change",
    [
        {"task_key": "a b"},
        {"notebook_task": {"notebook_path": "hello"}},
        {"python_wheel_task": {}},
        {"existing_cluster_id": "1"},
        *({"new_cluster": {k: v for k, v in CLUSTER.items() if k != key}} for key in CLUSTER),
    ],
)
def test_a_request_that_the_service_would_not_take_is_refused(api, change):
    answer = call(api, "submit", {"tasks": [task("hello") | change]})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_other_addresses_are_no_part_of_it(api):
    assert call(api, "repair").json()["error_code"] == "ENDPOINT_NOT_FOUND"
    assert call(api, "get", {"run_id": 7}, version="2.0").status_code == 404


def test_faults_are_answers_of_the_next_submits(api):
    before = len(api.runs.all)
    api.submits[:] = [503, 429, "lost"]
    answers = [
        call(api, "submit", {"tasks": [task("hello")], "idempotency_token": "lost"})
        for _ in range(4)
    ]
    assert [each.status_code for each in answers] == [503, 429, 503, 200]
    assert len(api.runs.all) == before + 2  # a run is known by its id and by its task's
    api.runs.failing["/Shared/tests/hello"] = 1
    states = [ended(api, submitted(api, task("hello")))[0]["result_state"] for _ in range(2)]
    assert states == ["FAILED", "SUCCESS"]


def pid_of(api, run_id):
    file = api.runs.folder / str(run_id) / "pid"
    wait_until(lambda: file.exists() and file.read_text())
    return file.read_text()
