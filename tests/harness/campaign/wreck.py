"""What a kill left: where the process stood, by its stacks, and what lies on the disk."""

import json
import os
import re
from pathlib import Path
from typing import NamedTuple

from harness.campaign.fates import OUTPUTS

FRAME = re.compile(r'  File "(?P<file>[^"]+)", line \d+ in (?P<name>\S+)')
THREAD = re.compile(r"^(?:Current thread|Thread) 0x", re.MULTILINE)
PRODUCT = re.compile(r".*/src/pinlake/|.*/site-packages/pinlake/")


class Death(NamedTuple):
    """One kill: of which service, after how long, at which boundary, where, and what it left."""

    service: str
    seconds: float
    boundary: str
    where: str
    left: tuple[str, ...]

    @property
    def point(self):
        """What makes it a crash point of its own."""
        return self.service, self.boundary or self.where


def stacks(path, start):
    """Return where each thread stood, by the stacks that were written after an offset."""
    text = path.read_bytes()[start:].decode("utf-8", "replace") if path.exists() else ""
    threads = THREAD.split(text)[1:]
    if not threads:
        return "before Python listened"
    found = {_innermost(each) for each in threads} - {None}
    return " + ".join(sorted(found)) or "in imports"


def _innermost(thread):
    for match in FRAME.finditer(thread):
        file, count = PRODUCT.subn("", match["file"])
        if count:
            return f"{file}:{match['name']}"
    return None


def left(home, service):
    """Return what half-done work of a stage lies on the disk."""
    lake = Path(home, "lake")
    folders = [f"progress/{service}", *OUTPUTS.get(service, ("topics",) * (service == "sink"))]
    found = {f"torn or unnamed file in {each}" for each in folders if _drafts(lake / each)}
    if service == "sink":
        found |= set(_open_plans_of_sink(lake))
    for folder in OUTPUTS.get(service, ()):
        for table in lake.glob(f"{folder}/*"):
            found |= {f"{folder}: {each}" for each in _of_table(table)}
    for plans in lake.glob(f"progress/{service}/*") if service in OUTPUTS else ():
        found |= set(_open_plan(lake, service, plans))
    return tuple(sorted(found))


def _drafts(folder):
    """Tell whether a file lies below a folder that got no name; what goes meanwhile is passed over."""
    return any(name.startswith(".draft~") for _, _, names in os.walk(folder) for name in names)


def _open_plans_of_sink(lake):
    for folder in lake.glob("progress/sink/*"):
        plan = _newest(folder)
        keys = plan.get("objects", []) if plan else []
        missing = [key for key in keys if not (lake / key).exists()]
        if missing:
            yield "plan with none of its objects" if missing == keys else "plan with some objects"


def _of_table(table):
    for draft in (table / name for name in _names(table) if name.startswith("_draft-")):
        files = [name for name in _names(draft) if name.startswith("part-")]
        commits = [name for name in _names(draft / "_delta_log") if name.endswith("1.json")]
        yield "draft " + ("with commit" if commits else "with file" if files else "empty")
    if table.is_dir() and not any(".json" in name for name in _names(table / "_delta_log")):
        yield "folder without commit"


def _names(folder):
    """Return the names in a folder, none where it has gone."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _open_plan(lake, stage, plans):
    plan = _newest(plans)
    if plan is None:
        return
    done = [_committed(lake / folder / plans.name) for folder in OUTPUTS[stage]]
    if done[-1] < plan["number"]:
        first = len(done) > 1 and done[0] == plan["number"]
        yield "plan, quarantine committed, table not" if first else "plan without commit"


def _newest(folder):
    names = sorted(name for name in _names(folder) if name[:1].isdigit())
    return json.loads((folder / names[-1]).read_bytes()) if names else None


def _committed(table):
    """Return the txn number of a table's newest commits, 0 where there is none."""
    log = table / "_delta_log"
    names = sorted(
        (name for name in _names(log) if re.fullmatch(r"\d{20}\.json", name)), reverse=True
    )
    for name in names[:9]:
        for line in (log / name).read_text().splitlines():
            action = json.loads(line)
            if "txn" in action:
                return action["txn"]["version"]
    return 0
