"""Time the whole batch, objects to three cleaned tables and ten answers, against warm PySpark.

.venv/bin/python benchmarks/batch_spark.py [--posts 1000000] [--runs 1]

Spark runs the same SQL on two cores with Delta (its jars come by script/setup), warmed by a
batch of 10,000 posts; pinlake starts cold, in its own process. Start-up is told apart: of Spark
with its warming, of pinlake its imports.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

BASELINE = Path(__file__).with_name("baseline_batch_spark.py")
WARMING = 10_000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--posts", type=int, default=1_000_000)
    arguments.add_argument("--runs", type=int, default=1)
    arguments.add_argument("--home", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.home:
        timed_batch(Path(options.home))
        return
    import load_clean

    with tempfile.TemporaryDirectory() as folder:
        megabytes = load_clean.write_objects(Path(folder, "all"), options.posts)
        load_clean.write_objects(Path(folder, "few"), WARMING)
        print(f"{options.posts} posts, 3 records each, {megabytes:.0f} MB of JSON lines")
        compare(Path(folder), options.runs)


def compare(folder: Path, runs: int) -> None:
    ratios = []
    for _ in range(runs):
        theirs, ours = spark(folder), pinlake(folder)
        assert theirs["answers"] == ours["answers"], (theirs, ours)
        print(f"Spark: {told(theirs)}\npinlake: {told(ours)}")
        ratios.append(theirs["seconds"] / ours["seconds"])
    print(f"pinlake's speed over Spark's: {statistics.median(ratios):.1f} (median of {runs})")


def told(run: dict[str, float]) -> str:
    used = run["processor"]
    return f"{run['seconds']:.1f} s, processor {used:.1f} s; start-up {run['start']:.1f} s"


def spark(folder: Path) -> dict[str, float]:
    with lake_of(folder / "few") as few, lake_of(folder / "all") as lake:
        return child([str(BASELINE), few, lake])


def pinlake(folder: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=folder) as home:
        Path(home, "lake").mkdir()
        Path(home, "lake", "topics").symlink_to(folder / "all" / "topics")
        return child([__file__, "--home", home])


class lake_of(tempfile.TemporaryDirectory[str]):  # noqa: N801 - used as a function
    """A new folder with the objects of another, for a lake."""

    def __init__(self, objects: Path) -> None:
        super().__init__(dir=objects)
        Path(self.name, "topics").symlink_to(objects / "topics")


def child(command: Sequence[str]) -> dict[str, float]:
    """Return what a run prints last, a JSON object."""
    done = subprocess.run([sys.executable, *command], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def timed_batch(home: Path) -> None:
    began = time.monotonic()
    import load_clean

    from pinlake import dataset
    from pinlake.lake.file import FileLake
    from pinlake.query.lake import OpenLake
    from pinlake.settings import Home

    ready, before = time.monotonic(), time.process_time()
    load_clean.load_and_clean(FileLake((home / "lake").as_uri()))
    pinterest = dataset.load("pinterest")
    with OpenLake(Home(home), pinterest) as lake:
        answers = sum(len(lake.ask(name).rows()) for name in pinterest.questions)
    seconds, used = time.monotonic() - ready, time.process_time() - before
    found = {"start": ready - began, "seconds": seconds, "answers": answers, "processor": used}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
