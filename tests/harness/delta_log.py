"""An independent reader of a Delta table's log: plain JSON, no library of ours."""

import json
from collections import Counter
from pathlib import Path
from urllib.parse import unquote


def actions(table):
    """Return (version, action name, action) of every commit of a table folder, in order."""
    found = []
    for path in sorted(Path(table, "_delta_log").glob("*.json")):
        if path.stem.isdigit():
            for line in path.read_text().splitlines():
                ((name, action),) = json.loads(line).items()
                found.append((int(path.stem), name, action))
    return found


def assert_sound(table):
    """Assert what must hold of any table of ours, whatever was killed."""
    log = actions(table)
    versions = sorted({version for version, _, _ in log})
    assert versions == list(range(len(versions))), f"{table}: a gap in the versions"
    protocols = [action for _, name, action in log if name == "protocol"]
    assert [(each["minReaderVersion"], each["minWriterVersion"]) for each in protocols] == [(1, 2)]
    assert sum(name == "metaData" for _, name, _ in log) == 1, f"{table}: its schema changed"
    adds = Counter(unquote(action["path"]) for _, name, action in log if name == "add")
    assert set(adds.values()) <= {1}, f"{table}: a file is added twice"
    for path in adds:
        assert Path(table, path).is_file(), f"{table}: {path} is referenced and missing"
    per_app = {}
    for _, name, action in log:
        if name == "txn":
            per_app.setdefault(action["appId"], []).append(action["version"])
    assert len(per_app) == 1, f"{table}: written by {sorted(per_app)}"
    (numbers,) = per_app.values()
    assert numbers == sorted(set(numbers)), f"{table}: a plan was committed twice"


def schema_of(table):
    """Return the (name, type) pairs of a table's only schema."""
    (text,) = [action["schemaString"] for _, name, action in actions(table) if name == "metaData"]
    return [(field["name"], field["type"]) for field in json.loads(text)["fields"]]
