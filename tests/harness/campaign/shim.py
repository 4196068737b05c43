"""Children that can be killed, failed and shifted in time from outside: the shim and its settings."""

import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent


class Rule(NamedTuple):
    """Do ``action`` at the nth (0: every, -n: every nth) ``op`` on a path of the home that fits; see shim.c."""

    op: str
    glob: str
    nth: int = 1
    when: str = "before"
    action: str = "kill"

    def __str__(self):
        return "|".join(map(str, self))


def build(folder):
    """Compile the shim into a folder and return its path, or None where nothing can."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or os.uname().sysname != "Linux":
        return None
    shim = Path(folder, "shim.so")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", "-U_FORTIFY_SOURCE", "-o", shim]
        + [HERE / "shim.c", "-ldl"],
        check=True,
    )
    return shim


def environment(shim, root, *, rules=(), stacks=None, gate=None, clock=None, trace=None):
    """Return what a child's environment needs for these faults; without a shim, for the stacks."""
    path = os.pathsep.join(filter(None, [str(HERE / "child"), os.environ.get("PYTHONPATH")]))
    given = {
        "LD_PRELOAD": shim,
        "PYTHONPATH": path,
        "CHAOS_ROOT": root,
        "CHAOS_RULES": "\n".join(map(str, rules)),
        "CHAOS_STACKS": stacks,
        "CHAOS_GATE": gate,
        "CHAOS_CLOCK": clock,
        "CHAOS_TRACE": trace,
    }
    return {name: str(value) for name, value in given.items() if value}


def set_clock(path, seconds):
    """Shift the wall clock of the children that look at this file, at once."""
    content = struct.pack("q", int(seconds * 1_000_000_000))
    if not path.exists():
        path.write_bytes(content)
        return
    with path.open("r+b") as file:  # in place: the children have it mapped
        file.write(content)
