"""A compose file as Docker's own library loads it, and what the Dockerfile adds to each service."""

import atexit
import functools
import json
import re
import shutil
import subprocess
import tempfile
from graphlib import TopologicalSorter
from pathlib import Path

from requirements_of_tests import require

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "compose"
FILE = FOLDER / "compose.yaml"
OURS = "pinlake:"


class LoadError(Exception):
    """The library does not take the file."""


def load(env_file, *profiles, file=FILE):
    """Return the project as `docker compose config --format json` prints it; raise LoadError."""
    done = subprocess.run(
        [_program(), file, env_file, *profiles], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LoadError(done.stderr)
    return json.loads(done.stdout)


def filled_env(to, **values):
    """Write .env as the documented command does from the example, and set some of its values."""
    require(shutil.which("openssl"), "there is no openssl for the secrets")
    script = re.search(r"```sh\n(\(umask.*?)```", _page(), re.DOTALL)[1]
    folder = to.parent
    shutil.copy(FOLDER / ".env.example", folder)
    subprocess.run(["bash", "-c", script], cwd=folder, check=True)
    lines = [line for line in to.read_text().splitlines() if line.partition("=")[0] not in values]
    to.write_text("\n".join([*lines, *(f"{name}={value}" for name, value in values.items()), ""]))
    return to


def order(model):
    """Return the services' names, each after those that it waits for; raise CycleError."""
    waits = {name: set(each.get("depends_on") or ()) for name, each in model["services"].items()}
    return list(TopologicalSorter(waits).static_order())


def is_ours(service):
    """Tell whether a service runs the image that the Dockerfile makes."""
    return service["image"].startswith(OURS)


def instructions():
    """Return the Dockerfile's instructions, in order: (stage, name, arguments)."""
    text = (FOLDER / "Dockerfile").read_text().replace("\\\n", "")
    found, stage = [], -1
    for line in text.splitlines():
        name, _, rest = line.partition(" ")
        if not name or name.startswith("#"):
            continue
        stage += name == "FROM"
        found.append((stage, name, rest.strip()))
    return found


def of_image(name):
    """Return the arguments of the last instruction of a name: what holds for the image."""
    return [rest for _, each, rest in instructions() if each == name][-1]


def image_environment():
    """Return the variables that the image sets, PATH left out."""
    pairs = dict(each.split("=", 1) for each in of_image("ENV").split())
    return {name: value for name, value in pairs.items() if name != "PATH"}


def command_line(service):
    """Return what a service of ours runs."""
    entry = service["entrypoint"] or json.loads(of_image("ENTRYPOINT"))
    return [*entry, *(service["command"] or ())]


def health_test(service):
    """Return the command that tells whether a service is well, or None where it ends by itself."""
    check = service.get("healthcheck") or {}
    if check.get("disable"):
        return None
    if "test" in check:
        kind, *command = check["test"]
        assert kind == "CMD", check
        return command
    return json.loads(of_image("HEALTHCHECK").partition("CMD ")[2])


@functools.cache
def _program():
    """Build the loader once."""
    require(shutil.which("go"), "there is no Go for Compose's own loader")
    folder = Path(tempfile.mkdtemp(prefix="pinlake-compose-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    program = folder / "load"
    done = subprocess.run(
        ["go", "build", "-o", program, "."],
        cwd=Path(__file__).parent / "compose", capture_output=True, text=True, check=False,
    )  # fmt: skip
    require(done.returncode == 0, f"Compose's own loader could not be built: {done.stderr[-300:]}")
    return program


def _page():
    return (ROOT / "docs" / "compose.md").read_text("utf-8")
