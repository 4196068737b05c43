"""The wheel, in an empty environment outside the checkout, is the whole product."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

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
def python(wheel, tmp_path_factory):
    """The Python of an environment in which nothing but the wheel was installed."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run(*pip, "--require-hashes", "-r", ROOT / "requirements" / "run.txt")
    _run(*pip, "--no-deps", wheel)
    return python


@pytest.mark.slow
def test_the_installed_wheel_runs_the_demo_and_each_wheel_task_of_the_bundle(python, tmp_path):
    pinlake = python.with_name("pinlake")
    done = _run(pinlake, "demo", "--posts", "20", cwd=tmp_path, timeout=240)
    assert "most_popular_category_by_year" in done.stdout
    assert (tmp_path / ".pinlake" / "report.html").stat().st_size > 10_000
    tasks = list(wheel_tasks())
    assert [task["parameters"] for task in tasks] == [["maintain"], ["quality"]]
    for task in tasks:
        names = task["package_name"], task["entry_point"], *task["parameters"]
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
