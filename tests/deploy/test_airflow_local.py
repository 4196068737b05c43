"""The DAGs run on this machine: dag.test() over a home that was posted to gives what the demo gives."""

import contextlib
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.airflow_home import PINLAKE, PYTHON, SCRIPTS
from harness.answers import answers, cleaned
from harness.pipeline import wait_until

pytestmark = pytest.mark.slow
DAG, KEEP = "0abc12345678_dag", "0abc12345678_keep"
LIBRARY = Path(__file__).parents[1] / "library"


def settings(home, **others):
    return {
        "PINLAKE_HOME": str(home),
        "PINLAKE_COMMAND": str(PINLAKE),
        "PINLAKE_AIRFLOW_RETRIES": "1",
        "PINLAKE_AIRFLOW_RETRY_SECONDS": "1",
        **others,
    }


@pytest.fixture(scope="module")
def homes(sunk_home, tmp_path_factory):
    """A home that was posted to, and one of the other data set, whose quality is too strict."""
    folder = tmp_path_factory.mktemp("local")
    shutil.copytree(sunk_home, folder / "posts")
    dataset = shutil.copytree(LIBRARY, folder / "strict")
    text = (dataset / "dataset.toml").read_text()
    strict = 'weighs_something = { constraint = "grams > 1000000", action = "fail" }'
    (dataset / "dataset.toml").write_text(text.replace('weighs_something = "grams > 0"', strict))
    return folder


@pytest.fixture(scope="module")
def ran(migrated, homes, tmp_path_factory):
    """What came of both DAGs over both homes: (home, DAG) -> run; and the log of all."""
    posts = settings(homes / "posts")
    books = settings(homes / "books", PINLAKE_DATASET=str(homes / "strict"))
    airflow = migrated.copy(tmp_path_factory.mktemp("airflow"))
    runs = [(dag, environment) for environment in (posts, books) for dag in (DAG, KEEP)]
    found = airflow.dag_test(*runs)
    names = [(home, dag) for home in ("posts", "books") for dag in (DAG, KEEP)]
    return dict(zip(names, found, strict=True)) | {"log": airflow.log}


def test_the_cleaned_tables_and_answers_are_those_of_the_demo(ran, homes, demo_home):
    found = ran["posts", DAG]
    assert found["state"] == "success", ran["log"]
    assert {each["state"] for each in found["tasks"].values()} == {"success"}
    assert len(cleaned(demo_home)) == 3
    assert cleaned(homes / "posts") == cleaned(demo_home)
    assert answers(homes / "posts") == answers(demo_home)


def test_a_task_returns_what_its_command_said_and_the_report_is_there(ran, homes):
    said = {name: each["returned"] for name, each in ran["posts", DAG]["tasks"].items()}
    assert said["load"]["rows"] > said["clean_pin"]["rows"] > 0
    report = Path(said["report"]["report"])
    assert report == homes / "posts" / "report.html"
    assert said["report"]["unanswered"] == []
    assert report.stat().st_size > 10_000


def test_the_upkeep_passes_where_every_expectation_is_met(ran):
    found = ran["posts", KEEP]
    assert {name: each["state"] for name, each in found["tasks"].items()} == {
        "maintain": "success",
        "quality": "success",
    }


def test_another_data_set_needs_no_other_dag(ran):
    tasks = ran["books", DAG]["tasks"]
    assert {name: each["state"] for name, each in tasks.items() if name != "report"} == {
        "load": "success",
        "clean_loan": "success",
        "clean_book": "success",
    }
    assert tasks["clean_book"]["returned"]["rows"] > 0


def test_a_task_that_fails_is_tried_again_and_then_fails_the_run_in_its_own_words(ran):
    found = ran["books", DAG]  # no loan has arrived, so no question has an answer
    assert found["state"] == "failed"
    assert (found["tasks"]["report"]["state"], found["tasks"]["report"]["tries"]) == ("failed", 2)
    assert "pinlake: no answer to loans_by_month" in ran["log"]


def test_a_failed_expectation_fails_its_task_at_the_first_try(ran):
    found = ran["books", KEEP]
    assert found["state"] == "failed"
    assert {name: (each["state"], each["tries"]) for name, each in found["tasks"].items()} == {
        "maintain": ("success", 1),
        "quality": ("failed", 1),
    }
    assert "weighs_something" in ran["log"]


@pytest.fixture(scope="module")
def sad(migrated, tmp_path_factory):
    """What came of the upkeep's DAG with commands that cannot do it: by case; and the log."""
    folder = tmp_path_factory.mktemp("sad")
    script = f"echo $$ >> {folder}/pids; echo $PINLAKE_USER_ID$AIRFLOW_HOME >> {folder}/passed; exec sleep 600"
    cases = {
        "silent": {"PINLAKE_COMMAND": "true"},
        "gone": {"PINLAKE_COMMAND": "/no/such/pinlake"},
        "wrong": {"PINLAKE_COMMAND": f"{PINLAKE} nonsense"},
        "endless": {
            "PINLAKE_COMMAND": shlex.join(["bash", "-c", script]),
            "PINLAKE_AIRFLOW_TIMEOUT_SECONDS": "1",
            "PINLAKE_USER_ID": "0abc12345678",
        },
    }
    airflow = migrated.copy(tmp_path_factory.mktemp("airflow-sad"))
    found = airflow.dag_test(*((KEEP, settings(folder / "home") | each) for each in cases.values()))
    return dict(zip(cases, found, strict=True)) | {"log": airflow.log, "folder": folder}


def test_a_command_that_is_not_there_is_not_tried_again_and_the_setting_is_named(sad):
    assert (
        sad["gone"]["tasks"]["maintain"]["state"],
        sad["gone"]["tasks"]["maintain"]["tries"],
    ) == (
        "failed",
        1,
    )
    assert "set PINLAKE_COMMAND to pinlake's path" in sad["log"]


def test_a_command_that_says_nothing_has_done_its_work(sad):
    assert sad["silent"]["state"] == "success"


def test_a_command_that_is_used_wrongly_is_not_tried_again(sad):
    task = sad["wrong"]["tasks"]["maintain"]
    assert (task["state"], task["tries"]) == ("failed", 1)
    assert "No such command 'nonsense'" in sad["log"]


def test_a_command_that_takes_too_long_ends_with_its_task_and_is_tried_again(sad):
    task = sad["endless"]["tasks"]["maintain"]
    assert (task["state"], task["tries"]) == ("failed", 2)
    pids = (sad["folder"] / "pids").read_text().split()
    assert len(pids) == 2
    wait_until(lambda: not any(Path("/proc", pid).exists() for pid in pids))


def test_a_command_finds_no_variable_of_airflows_or_of_the_dags_own(sad):
    assert (sad["folder"] / "passed").read_text().split() == []


def test_a_command_ends_when_its_tasks_process_is_killed(migrated, sunk_home, tmp_path):
    home = shutil.copytree(sunk_home, tmp_path / "home")
    task = subprocess.Popen(
        [PYTHON, SCRIPTS / "airflow_task.py", home, PINLAKE, "load", "--home", home],
        env=migrated.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until((home / "lake" / "raw" / "pin").exists)  # without --once it runs for ever
    [command] = commands(home)
    task.kill()
    task.wait()
    wait_until(lambda: not commands(home))
    assert command != task.pid


def commands(home):
    """Return the processes of the pinlake command over a home."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().decode(errors="replace").split("\0")
            if str(home) in words and "airflow_task.py" not in " ".join(words):
                found.append(int(path.parent.name))
    return found
