"""Time stage stream against tuned Spark Structured Streaming: one Kafka topic to one Delta table.

.venv/bin/python benchmarks/stream_spark.py [--records 400000] [--runs 1] [--batch 200000]

Spark runs the same SQL on two cores, drops the keys it has seen by its state store, and is warmed
by another topic, which is told apart with its start-up. That of `pinlake stream --once` is what it
takes when it is run again and finds nothing. ``--batch`` is how many records one of Spark's
micro-batches takes, and by their bytes one of our plans.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import batch_spark
import kafka
import load_clean

BASELINE = Path(__file__).with_name("baseline_stream_spark.py")
FEW, ALL = "few", "0123456789ab.pin"
PARTITIONS = 2


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--records", type=int, default=400_000)
    arguments.add_argument("--runs", type=int, default=1)
    arguments.add_argument("--batch", type=int, default=200_000)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, kafka.broker(Path(folder)) as servers:
        megabytes = fill(servers, FEW, 20_000) and fill(servers, ALL, options.records)
        print(f"{options.records} pins in {PARTITIONS} partitions, {megabytes:.0f} MB of JSON")
        compare(Path(folder), servers, options, int(megabytes * 1e6 / options.records))


def compare(folder: Path, servers: str, options: argparse.Namespace, size: int) -> None:
    ratios, a_plan = [], options.batch * size
    for run in range(options.runs):
        into = folder / f"spark{run}"
        given = [servers, str(into), str(options.batch), FEW, ALL]
        theirs = batch_spark.child([str(BASELINE), *given])
        ours = pinlake(folder / f"home{run}", servers, a_plan)
        assert theirs["rows"] == ours["rows"], (theirs, ours)
        for name, found in (("Spark", theirs), ("pinlake", ours)):
            a_second = options.records / found["seconds"]
            print(f"{name}: {batch_spark.told(found)}; {a_second:,.0f} records/s", flush=True)
        ratios.append(theirs["seconds"] / ours["seconds"])
    print(f"pinlake's speed over Spark's: {statistics.median(ratios):.1f} (of {options.runs})")


def pinlake(home: Path, servers: str, a_plan: int) -> dict[str, float]:
    """Run the stage as a user does, with plans of so many bytes."""
    seconds, used = stage(home, servers, a_plan)
    start, start_used = stage(home, servers, a_plan)
    found = {"start": start, "seconds": seconds - start, "processor": used - start_used}
    return found | {"rows": rows_of(home)}


def stage(home: Path, servers: str, a_plan: int) -> tuple[float, float]:
    """Return wall and processor seconds of a run."""
    settings = {"PINLAKE_TOPICS": f"kafka://{servers}", "PINLAKE_STREAM_TOPICS": "true"}
    settings |= {"PINLAKE_STREAM_PLAN_BYTES": str(a_plan)}
    command = [sys.executable, "-m", "pinlake", "stream", "--once", "--home", str(home)]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, check=True, env=os.environ | settings, stdout=subprocess.DEVNULL)
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used


def rows_of(home: Path) -> int:
    import pinlake

    with pinlake.open(str(home)) as lake:
        return lake.describe("stream/pin").rows


def fill(servers: str, topic: str, count: int) -> float:
    """Produce pins, half of them into each partition; return their megabytes."""
    from confluent_kafka import Producer
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(topic, PARTITIONS)])[topic].result(30)
    producer, written = Producer({"bootstrap.servers": servers, "linger.ms": 20}), 0
    for at, text in enumerate(load_clean.texts("pin", count)):
        value = text.encode()
        written += len(value)
        while True:
            try:
                producer.produce(topic, value, partition=at % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()
    return written / 1e6


if __name__ == "__main__":
    main()
