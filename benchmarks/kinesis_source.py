"""How many records/s the Spark data source ``kinesis`` reads from our gateway, alone and to Delta.

.venv/bin/python benchmarks/kinesis_source.py [--records 200000] [--shards 2] [--rounds 3]

Alone: its read() over the whole of a shard, in this process, by processor and by wall time. End
to end: a query into a Delta table, from its start to the commit that holds the last record, in a
session that another stream has warmed. All processes share the two cores, the gateway too.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from product import await_gateway, free_port

sys.path.append(str(Path(__file__).parents[1] / "tests"))
VALUE = b'{"index":1,"unique_id":"%s"}' % (b"x" * 270)
FEW = 20_000
A_REQUEST = 500


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--records", type=int, default=200_000)
    arguments.add_argument("--shards", type=int, default=2)
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder) / "home") as url:
        for stream, count in (("few", FEW), ("all", options.records)):
            fill(url, stream, count, options.shards)
        print(f"{options.records} records of {len(VALUE)} bytes in {options.shards} shards")
        for _ in range(options.rounds):
            alone(url, options.shards)
        to_delta(url, Path(folder), options)


@contextlib.contextmanager
def served(home: Path) -> Iterator[str]:
    """Run a gateway, and give its address."""
    port = free_port()
    command = [sys.executable, "-m", "pinlake", "serve", "--port", str(port), "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            await_gateway(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def fill(url: str, stream: str, count: int, shards: int) -> None:
    """Put records by boto3 into a new stream, the same number into each shard."""
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    client: Any = boto3.client("kinesis", endpoint_url=url, region_name="us-east-1", **keys)
    client.create_stream(StreamName=stream, ShardCount=shards)
    client.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
    for start in range(0, count, A_REQUEST):
        hashes = [(start + n) % shards * (2**128 // shards) for n in range(A_REQUEST)]
        records = [
            {"Data": VALUE, "PartitionKey": "k", "ExplicitHashKey": str(each)} for each in hashes
        ]
        assert client.put_records(StreamName=stream, Records=records)["FailedRecordCount"] == 0


def alone(url: str, shards: int) -> None:
    """Read each shard to its end in this process."""
    from pinlake.engine.spark.kinesis import options, source

    given = {"streamname": "all", "endpointurl": url, "initialposition": "earliest"}
    given |= {"awsaccesskey": "any", "awssecretkey": "any", "maxrecordspertrigger": "1000000000"}
    reader = source.KinesisReader(options.read(given))
    ranges = reader.partitions({}, reader.latestOffset())
    assert len(ranges) == shards, ranges
    began, used = time.monotonic(), time.process_time()
    count = sum(batch.num_rows for each in ranges for batch in reader.read(each))
    took, cpu = time.monotonic() - began, time.process_time() - used
    print(
        f"read() alone: {count / cpu:,.0f} records/s of processor, {count / took:,.0f} by wall",
        flush=True,
    )


def to_delta(url: str, folder: Path, options: argparse.Namespace) -> None:
    import spark_kinesis_query
    import spark_session

    spark = spark_session.start()
    for stream, count, rounds in (("few", FEW, 1), ("all", options.records, options.rounds)):
        for number in range(rounds):
            into, most = str(folder / f"{stream}{number}"), max(FEW, count // 4)
            began = time.monotonic()
            query = spark_kinesis_query.start(spark, url, stream, into, most)
            while sum(each["numInputRows"] for each in query.recentProgress) < count:
                assert query.exception() is None, query.exception()
                time.sleep(0.05)
            took = time.monotonic() - began
            query.stop()
            found = spark.read.format("delta").load(f"{into}/table").count()
            assert found == count, (found, count)
            print(f"{stream}, to Delta: {count / took:,.0f} records/s, {took:.1f} s", flush=True)


if __name__ == "__main__":
    main()
