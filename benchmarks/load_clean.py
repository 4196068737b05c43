"""Time load and clean against the same writes by hand, turn by turn in one run.

.venv/bin/python benchmarks/load_clean.py [--posts 1000000] [--runs 3]
"""

import argparse
import itertools
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pinlake import dataset
from pinlake.dataset import Dataset
from pinlake.engine.base import Engine, Objects, Step, Versions
from pinlake.engine.duckdb import DuckdbEngine
from pinlake.lake import objects, tables
from pinlake.lake.file import FileLake
from pinlake.lake.objects import ObjectKey
from pinlake.lake.store import Lake

TABLES = {"pin": "index", "geo": "ind", "user": "ind"}
DISTINCT = 20_000
OBJECT = 10_000
BASELINE = Path(__file__).with_name("baseline_load_clean.py")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--posts", type=int, default=1_000_000)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--lake", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.lake:
        print(json.dumps(load_and_clean(FileLake(Path(options.lake).as_uri()))))
        return
    with tempfile.TemporaryDirectory() as folder:
        megabytes = write_objects(Path(folder), options.posts)
        print(f"{options.posts} posts, 3 records each, {megabytes:.0f} MB of JSON lines")
        compare(Path(folder), options.runs)


def compare(folder: Path, runs: int) -> None:
    pairs = []
    for _ in range(runs):
        pairs.append((timed(folder, [str(BASELINE)]), timed(folder, [__file__, "--lake"])))
        for name, run in zip(("by hand", "pinlake"), pairs[-1], strict=True):
            told = (f"{part} {wall:.2f} s ({used:.2f} s)" for part, (wall, used) in run.items())
            print(f"{name}, wall and processor: {'; '.join(told)}", flush=True)
    for part, place in itertools.product(pairs[0][0], (0, 1)):
        ratio = statistics.median(theirs[part][place] / ours[part][place] for theirs, ours in pairs)
        kind = ("wall", "processor")[place]
        print(f"pinlake's speed over the script's, {part}, {kind}: {ratio:.2f} (median of {runs})")


def timed(folder: Path, command: list[str]) -> dict[str, tuple[float, float]]:
    """Return wall and processor seconds of a whole run, start-up in it, and of its parts."""
    with tempfile.TemporaryDirectory(dir=folder) as lake:
        Path(lake, "topics").symlink_to(folder / "topics")
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run([sys.executable, *command, lake], check=True, stdout=subprocess.PIPE)
        wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    steps = [
        (wall - wall_before, used - used_before)
        for (wall_before, used_before), (wall, used) in itertools.pairwise(json.loads(done.stdout))
    ]
    return {"all": (wall, used), "load": added(steps[::2]), "clean": added(steps[1::2])}


def added(steps: list[tuple[float, float]]) -> tuple[float, float]:
    return sum(wall for wall, _ in steps), sum(used for _, used in steps)


def load_and_clean(lake: Lake) -> list[tuple[float, float]]:
    """Load and clean each table; return the times of wall and processor before and after each."""
    marks = [(time.monotonic(), time.process_time())]
    pinterest = dataset.load("pinterest")
    engine = DuckdbEngine(lake, None, pinterest.functions_sql)
    engine.prepare()
    marks += load_and_clean_by(engine, lake, pinterest)
    engine.close()
    return marks


def load_and_clean_by(engine: Engine, lake: Lake, pinterest: Dataset) -> list[tuple[float, float]]:
    """Do so by any engine; return the times after each."""
    marks = []
    for topic in objects.topics(lake):
        table = pinterest.table_of_topic(topic)
        assert table is not None
        keys = tuple(str(each.key) for each in objects.list_after(lake, topic, 0, None))
        loaded = engine.run(Step("load", table, 1, Objects(keys)))
        marks.append((time.monotonic(), time.process_time()))
        raw = tables.snapshot(lake, f"raw/{table.name}")
        assert raw is not None
        assert loaded.version is not None
        versions = Versions(f"raw/{table.name}", raw.table_id, None, loaded.version)
        engine.run(Step("clean", table, 1, versions))
        marks.append((time.monotonic(), time.process_time()))
    return marks


def write_objects(folder: Path, posts: int) -> float:
    """Write objects of each table's texts; return their megabytes."""
    written = 0
    for table in TABLES:
        topic, found = f"0123456789ab.{table}", texts(table, posts)
        for start in range(0, posts, OBJECT):
            path = folder / str(ObjectKey(topic, 0, start))
            path.parent.mkdir(parents=True, exist_ok=True)
            written += path.write_text("".join(f"{text}\n" for text in islice(found, OBJECT)))
    return written / 1e6


def texts(table: str, count: int) -> Iterator[str]:
    """Yield rows drawn again and again, their keys drawn from 0.8 of their number."""
    from pinlake.source.sample import generate  # not among the imports of what is timed

    rng, rows = random.Random(1), generate(dataset.load("pinterest"), table, 0, DISTINCT)
    written = (json.dumps(row, separators=(",", ":")) for row in rows)
    tails = itertools.cycle([text[text.index(",") :] for text in written])
    for _ in range(count):
        yield f'{{"{TABLES[table]}":{rng.randrange(count * 4 // 5 + 1)}{next(tails)}'


if __name__ == "__main__":
    main()
