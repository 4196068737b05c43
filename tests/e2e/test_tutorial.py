"""The tutorial of docs/datasets.md is run, command by command, as a reader would."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.free_port import free_port
from requirements_of_tests import require

PAGE = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text("utf-8")
TUTORIAL = PAGE[PAGE.index("## A pipeline of your own") : PAGE.index("## The folder")]


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """Run every shell block in one shell; return what it printed."""
    require(Path("/usr/bin/curl").exists(), "the tutorial posts with curl")
    folder, port = tmp_path_factory.mktemp("tutorial"), free_port()
    (folder / "bin").mkdir()
    (folder / "bin" / "pinlake").write_text(f'#!/bin/sh\nexec {sys.executable} -m pinlake "$@"\n')
    (folder / "bin" / "pinlake").chmod(0o755)
    script = "set -e\n" + "\n".join(re.findall(r"```sh\n(.*?)```", TUTORIAL, re.DOTALL))
    done = subprocess.run(
        ["bash", "-c", script.replace(":8082/", f":{port}/")],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "PINLAKE_GATEWAY_PORT": str(port),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_tutorials_data_set_is_checked_and_takes_every_record(said):
    assert "cafe: nothing to mend" in said
    assert '"offset":4' in said
    assert "load: 6 rows in 2 commits, 0 duplicates left out, 1 quarantined" in said


def test_the_tutorials_answers_are_those_on_the_page(said):
    answers = re.findall(r"```csv\n(.*?)```", TUTORIAL, re.DOTALL)
    assert len(answers) == 2
    for answer in answers:
        assert answer in said
