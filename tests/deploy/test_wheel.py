"""The wheel, in an empty environment outside the checkout, is the whole product."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

from harness import compose_model

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("pinlake/")}
    sources = {
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src" / "pinlake").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == sources
    suffixes = {Path(name).suffix for name in names}
    assert {".py", ".sql", ".toml"} <= suffixes


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment that holds the wheel and the lock of what runs, and nothing else."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, with_pip=True)
    pip = [
        folder / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    _run(*pip, "--require-hashes", "-r", ROOT / "requirements" / "run.txt")
    _run(*pip, "--no-deps", wheel)
    return folder


@pytest.mark.slow
def test_the_installed_wheel_runs_the_demo_and_each_wheel_task_of_the_bundle(installed, tmp_path):
    done = _run(installed / "bin" / "pinlake", "demo", "--posts", "20", cwd=tmp_path, timeout=240)
    assert "most_popular_category_by_year" in done.stdout
    assert (tmp_path / ".pinlake" / "report.html").stat().st_size > 10_000
    tasks = list(wheel_tasks())
    assert [task["parameters"] for task in tasks] == [["maintain"], ["quality"]]
    for task in tasks:
        names = task["package_name"], task["entry_point"], *task["parameters"]
        python = installed / "bin" / "python"
        called = _run(python, "-c", AS_DATABRICKS_CALLS, *names, cwd=tmp_path)
        assert called.stdout.endswith("it returned\n")


AS_DATABRICKS_CALLS = """
import sys
from importlib.metadata import distribution
package, name, *sys.argv[1:] = sys.argv[1:]
entry, = (each for each in distribution(package).entry_points if each.name == name)
entry.load()()
print("it returned")
"""


def wheel_tasks():
    for path in sorted((ROOT / "deploy" / "databricks" / "resources").glob("*.yml")):
        for job in yaml.safe_load(path.read_text())["resources"].get("jobs", {}).values():
            for task in job["tasks"]:
                if "python_wheel_task" in task:
                    yield task["python_wheel_task"]


@pytest.mark.slow
def test_the_image_is_made_by_the_dockerfiles_own_steps(installed, tmp_path):
    """Each stage's COPY and RUN lines, in order, over what .dockerignore lets through.

    The environment of the test above, less pinlake, stands for the image's: it holds what
    run.txt brings, so that this installs no more than what the image's lock adds.
    """
    _run(installed / "bin" / "python", "-m", "pip", "uninstall", "--yes", "--quiet", "pinlake")
    context = _context(tmp_path / "context")
    stages = {}
    for stage, name, rest in compose_model.instructions():
        if name == "FROM":
            at = stages[stage] = stages[rest.rpartition(" AS ")[2]] = tmp_path / f"stage-{stage}"
            (at / "build").mkdir(parents=True)
        elif name == "COPY" and "/opt/pinlake" not in rest:
            _copy(rest, context, stages, at / "build")
        elif name == "RUN" and "pip" in rest:
            command = rest.replace("/opt/pinlake", str(installed))
            if not command.startswith(
                "/"
            ):  # the first stage's own Python, which has the tools of build.txt
                command = f"{installed / 'bin'}/{command}"
            _run(*command.split(), cwd=at / "build")
    says = _run(installed / "bin" / "pinlake", "--version", cwd=tmp_path)
    assert says.stdout.split()[-1] == importlib.metadata.version("pinlake")
    _run(
        installed / "bin" / "python",
        "-c",
        "import boto3, confluent_kafka, psycopg, pymysql, aws_msk_iam_sasl_signer",
    )
    _run(installed / "bin" / "pinlake", "sample", "--rows", "10", cwd=tmp_path)


def _context(folder):
    """Return what Docker would be sent: the files of the checkout that .dockerignore lets through."""
    allowed = [
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    for name in allowed:
        source, place = ROOT / name, folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, place)
    return folder


def _copy(arguments, context, stages, to):
    """Do what COPY does, from the context or another stage, into a stage's working folder."""
    *options, last = arguments.split()
    sources = [each for each in options if not each.startswith("--")]
    [start] = [
        stages[each.removeprefix("--from=")] for each in options if each.startswith("--from=")
    ] or [context]
    for name in sources:
        source = start / name.removeprefix("/")
        place = to / last / source.name if last.endswith("/") else to / last
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, place) if source.is_dir() else shutil.copy(source, place)


def _run(*arguments, cwd=None, timeout=240):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(each) for each in arguments],
        cwd=cwd,
        env=clean,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done
