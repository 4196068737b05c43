"""What lies on the disk, read without the product: the log by SQL, objects, Delta logs, Parquet."""

import base64
import json
import sqlite3
from array import array
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

import polars as pl

POSITION_BITS = 44


class Stored:
    """A partition of the log: the records that are there, and its bounds."""

    def __init__(self, beginning, end):
        self.beginning, self.end = beginning, end
        self.values, self.keys = {}, {}


def log(home):
    """Return {(kind, name, partition): Stored} of an embedded log that nobody writes to."""
    found = {}
    uri = f"file:{Path(home, 'log.db')}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = database.execute(
            "SELECT partitions.id, kind, name, number, beginning, next_position FROM partitions"
            " JOIN topics ON topics.id = topic"
        ).fetchall()
        for row, kind, name, number, beginning, end in rows:
            stored = found[kind, name, number] = Stored(beginning, end)
            _read_batches(database, row, stored)
    return found


def _read_batches(database, partition, stored):
    columns = "id, records, lengths, nulls, key_lengths, keys, data"
    span = (partition << POSITION_BITS, (partition + 1) << POSITION_BITS)
    expected = None
    for row, records, lengths, nulls, key_lengths, keys, data in database.execute(
        f"SELECT {columns} FROM batches WHERE id >= ? AND id < ? ORDER BY id", span
    ):
        first = row & (1 << POSITION_BITS) - 1
        assert expected in (None, first), f"the log has a gap or an overlap at {first}"
        assert expected is not None or first >= stored.beginning, "a trimmed batch is there"
        for place, value in enumerate(_cut(data, lengths, nulls)):
            stored.values[first + place] = value
        for place, key in enumerate(_cut(keys, key_lengths, None) if key_lengths else ()):
            stored.keys[first + place] = key
        expected = first + records
    assert expected in (None, stored.end), "the log's last batch and its end differ"


def _cut(data, lengths, nulls):
    absent, at = set(array("i", nulls or b"")), 0
    for place, length in enumerate(array("i", lengths)):
        yield None if place in absent else data[at : at + length]
        at += length


def ledger(folder):
    """Yield every request that the clients noted, with its values as bytes."""
    for path in sorted(Path(folder).glob("client-*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            request = json.loads(line)
            request["values"] = [each.encode("latin-1") for each in request["values"]]
            yield request


def objects(lake):
    """Return {(topic, partition): [(first offset, path)]}, in order."""
    found = defaultdict(list)
    for path in Path(lake, "topics").glob("*/partition=*/*.json"):
        topic, partition, start = path.name.removesuffix(".json").rsplit("+", 2)
        assert path.parent.name == f"partition={partition}"
        assert path.parent.parent.name == topic
        found[topic, int(partition)].append((int(start), path))
    return {place: sorted(paths) for place, paths in found.items()}


def sent(line):
    """Return the bytes that a record had, by its line in an object."""
    if line[:1] == b'"' == line[-1:]:
        try:
            content = base64.b64decode(line[1:-1], validate=True)
            json.loads(content.decode("utf-8"))
        except UnicodeDecodeError:
            return content
        except ValueError as error:
            return content if isinstance(error, json.JSONDecodeError) else line
    return line


class Delta:
    """A Delta table by its own log: its commits in order, and the files that are live."""

    def __init__(self, folder):
        self.folder, self.commits, self.faults = Path(folder), [], []
        self.live, self.transactions = {}, defaultdict(list)
        versions = [
            int(path.stem) for path in self.folder.glob("_delta_log/*.json") if path.stem.isdigit()
        ]
        self._replay(_unbroken(versions))

    @property
    def complete(self):
        """Whether every commit since the first is still there."""
        return not self.commits or self.commits[0][0] == 0

    def _replay(self, versions):
        """Apply the commits, after the checkpoint where the first ones are gone."""
        log = self.folder / "_delta_log"
        if versions and versions[0]:
            self._checkpoint(log / f"{versions.pop(0):020}.checkpoint.parquet")
        for version in versions:
            self._commit(version, log / f"{version:020}.json")

    def _checkpoint(self, path):
        frame = pl.read_parquet(path)
        for row in frame["add"].drop_nulls().to_list():
            self.live[unquote(row["path"])] = row
        for row in frame["txn"].drop_nulls().to_list():
            self.transactions[row["appId"]].append(row["version"])

    def _commit(self, version, path):
        info = {}
        for line in path.read_bytes().splitlines():
            ((name, action),) = json.loads(line).items()
            if name == "commitInfo":
                info = action
            else:
                self._apply(name, action)
        self.commits.append((version, info))

    def _apply(self, name, action):
        if name == "add":
            file = unquote(action["path"])
            if file in self.live and action["dataChange"]:
                self.faults.append(f"{file} is added twice")
            self.live[file] = action
        elif name == "remove":
            if self.live.pop(unquote(action["path"]), None) is None:
                self.faults.append(f"{action['path']} is removed and was not there")
        elif name == "txn":
            self.transactions[action["appId"]].append(action["version"])

    def missing(self):
        return [file for file in self.live if not (self.folder / file).is_file()]

    def unreferenced(self):
        """Return the Parquet files of rows that the newest version does not name."""
        return [p.name for p in self.folder.glob("*.parquet") if p.name not in self.live]

    def rows(self):
        """Return the rows as a frame, each live file checked against its statistics."""
        frames = []
        for file, action in sorted(self.live.items()):
            frame = pl.read_parquet(self.folder / file)
            stated = json.loads(action.get("stats") or "{}").get("numRecords")
            if stated != frame.height or action["size"] != (self.folder / file).stat().st_size:
                self.faults.append(f"{file} is not as its commit says")
            frames.append(frame)
        return pl.concat(frames, how="diagonal") if frames else pl.DataFrame()

    def total(self, name):
        """Return the sum of a count over the commits that tell it."""
        return sum(int(info.get(name, 0)) for _, info in self.commits)


def _unbroken(versions):
    """Return the last row of versions without a gap: what was let go of lies before it."""
    row = []
    for version in sorted(versions):
        row = [*row, version] if row and version == row[-1] + 1 else [version]
    return row


def tables(lake):
    """Return every table of a lake by its key, such as ``raw/pin``."""
    found = {}
    for log_folder in Path(lake).rglob("_delta_log"):
        folder = log_folder.parent
        if not folder.name.startswith("_draft-"):
            found[str(folder.relative_to(lake))] = Delta(folder)
    return found


def plans(lake):
    """Return {(stage, name): [plan]} of the plans that are still there, in order."""
    found = defaultdict(list)
    for path in sorted(Path(lake).glob("progress/*/*/" + "[0-9]" * 20 + ".json")):
        found[path.parts[-3], path.parts[-2]].append(json.loads(path.read_bytes()))
    return found
