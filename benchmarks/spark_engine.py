"""Time the Spark engine against the same SQL by hand in PySpark: objects to raw, cleaned, answered.

.venv/bin/python benchmarks/spark_engine.py [--posts 100000] [--runs 1]

Both run on two cores with Delta, each in a process of its own, and are warmed by a batch of
10,000 posts, which is told apart with the start-up.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--posts", type=int, default=100_000)
    arguments.add_argument("--runs", type=int, default=1)
    arguments.add_argument("--lakes", nargs="+", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.lakes:
        timed(options.lakes)
        return
    import batch_spark
    import load_clean

    with tempfile.TemporaryDirectory() as folder:
        megabytes = load_clean.write_objects(Path(folder, "all"), options.posts)
        load_clean.write_objects(Path(folder, "few"), batch_spark.WARMING)
        print(f"{options.posts} posts, 3 records each, {megabytes:.0f} MB of JSON lines")
        ratios = []
        for _ in range(options.runs):
            theirs, ours = batch_spark.spark(Path(folder)), engine(Path(folder))
            assert theirs["answers"] == ours["answers"], (theirs, ours)
            told = batch_spark.told
            print(f"by hand: {told(theirs)}\nengine:  {told(ours)}", flush=True)
            ratios.append(theirs["seconds"] / ours["seconds"])
        median = statistics.median(ratios)
        print(f"the engine's speed over PySpark by hand: {median:.2f} (median of {options.runs})")


def engine(folder: Path) -> dict[str, float]:
    import batch_spark

    with batch_spark.lake_of(folder / "few") as few, batch_spark.lake_of(folder / "all") as lake:
        return batch_spark.child([__file__, "--lakes", few, lake])


def timed(lakes: list[str]) -> None:
    """Load, clean and ask in each lake; print the times of the last."""
    import load_clean

    import spark_session
    from pinlake import dataset
    from pinlake.engine.spark.engine import SparkEngine
    from pinlake.engine.spark.session import Opened
    from pinlake.lake.file import FileLake

    spark_session.LOCAL["spark.driver.memory"] = "6g"
    began, pinterest, spark = time.monotonic(), dataset.load("pinterest"), spark_session.start()
    jvm = Path(f"/proc/{spark.sparkContext._gateway.proc.pid}/stat")  # noqa: SLF001
    for folder in lakes:
        start, used = time.monotonic(), sum(map(int, jvm.read_text().split()[13:15]))
        lake = FileLake(Path(folder).as_uri())
        made = SparkEngine(lake, None, pinterest.functions_sql, Opened(spark, ours=False))
        load_clean.load_and_clean_by(made, lake, pinterest)
        for name in pinterest.tables:
            rows = spark.read.format("delta").load(f"{folder}/clean/{name}")
            rows.createOrReplaceTempView(f"`{name}`")
        found = sum(len(spark.sql(each.sql).collect()) for each in pinterest.questions.values())
    seconds, total = time.monotonic() - start, sum(map(int, jvm.read_text().split()[13:15]))
    told = {"answers": found, "start": start - began, "seconds": seconds}
    print(json.dumps(told | {"processor": (total - used) / 100}))


if __name__ == "__main__":
    main()
