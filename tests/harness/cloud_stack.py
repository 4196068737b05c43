"""The AWS stack, synthesised once a size for all tests of a run, by the Python of deploy/aws."""

import fcntl
import json
import os
import subprocess
import zipfile
from pathlib import Path

from requirements_of_tests import require

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "deploy" / "aws"
PYTHON = PROJECT / ".venv" / "bin" / "python"
USER_ID = "0abc12345678"
DATABRICKS = "01234567-89ab-cdef-0123-456789abcdef"


class Stack:
    """A template, the assembly around it, and what was printed."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "Pinlake.template.json"
        self.template = json.loads(self.file.read_text())
        self.resources = self.template["Resources"]
        self.told = (folder / "told.txt").read_text()

    def of(self, kind):
        """Return the properties of each resource of a type, by logical id."""
        return {
            name: each.get("Properties", {})
            for name, each in self.resources.items()
            if each["Type"] == f"AWS::{kind}"
        }

    def only(self, kind, **having):
        """Return the properties of the one resource of a type that has these."""
        found = [
            each
            for each in self.of(kind).values()
            if all(each.get(name) == value for name, value in having.items())
        ]
        assert len(found) == 1, f"{len(found)} of {kind} with {having}"
        return found[0]


def stack(tmp_path_factory, size):
    """Return the stack of a size with every optional part."""
    require(PYTHON.exists(), "deploy/aws/.venv is missing: run script/setup aws")
    base = tmp_path_factory.getbasetemp()
    base = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    folder = base / f"aws-{size}"
    with open(base / f"aws-{size}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "told.txt").exists():
            ran = synthesise(folder, size=size, source="true", databricks_account=DATABRICKS)
            assert ran.returncode == 0, ran.stderr + ran.stdout
            (folder / "told.txt").write_text(ran.stderr)
    return Stack(folder)


def synthesise(folder, **context):
    """Run the app with values of its context, as the CDK's command line does; return the process."""
    asked = {"email": "someone@example.com", "plugin": str(plugin(folder.parent)), **context}
    environment = {"CDK_CONTEXT_JSON": json.dumps(asked), "CDK_OUTDIR": str(folder)}
    return run("app.py", environment=environment)


def run(*arguments, environment, typed=None):
    """Run the project's Python in its folder, with something typed; return the ended process."""
    return subprocess.run(
        [PYTHON, *arguments],
        cwd=PROJECT,
        env=os.environ | environment,
        input=typed,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def plugin(folder):
    """Return an archive in the place of Confluent's, which its licence keeps out of here."""
    archive = folder / "plugin.zip"
    if not archive.exists():
        draft = folder / f"plugin-{os.getpid()}.zip"
        with zipfile.ZipFile(draft, "w") as written:
            written.writestr("connector.jar", "stands for the connector")
        draft.rename(archive)
    return archive
