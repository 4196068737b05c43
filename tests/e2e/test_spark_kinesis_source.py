"""Notebooks that read ``format("kinesis")`` run on plain Spark against our gateway, exactly once."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import boto3
import polars as pl
import pytest
from deltalake.exceptions import TableNotFoundError

from harness.pipeline import Gateway, wait_until
from spark_kinesis_query import start

pytestmark = [pytest.mark.spark, pytest.mark.slow]
STREAM, SHARDS, MOST = "posts", 2, 700


@pytest.fixture
def gateway(tmp_path):
    with Gateway(tmp_path / "home") as gateway:
        yield gateway


@pytest.fixture
def kinesis(gateway):
    client = boto3.client(
        "kinesis",
        endpoint_url=gateway.url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    client.create_stream(StreamName=STREAM, ShardCount=SHARDS)
    client.get_waiter("stream_exists").wait(StreamName=STREAM, WaiterConfig={"Delay": 1})
    with contextlib.closing(client):
        yield client


def put(kinesis, first, count):
    for start_at in range(first, first + count, 500):
        numbers = range(start_at, min(first + count, start_at + 500))
        records = [{"Data": f"record {n} é".encode(), "PartitionKey": f"k{n}"} for n in numbers]
        assert kinesis.put_records(StreamName=STREAM, Records=records)["FailedRecordCount"] == 0


def held(folder):
    try:
        return pl.read_delta(f"{folder}/table")
    except (TableNotFoundError, OSError):
        return pl.DataFrame({"sequenceNumber": []})


def sent(kinesis):
    """Return (shard, sequence number, key, data, seconds) of every record, as boto3 reads it."""
    found = []
    for shard in kinesis.list_shards(StreamName=STREAM)["Shards"]:
        name = shard["ShardId"]
        iterator = kinesis.get_shard_iterator(
            StreamName=STREAM, ShardId=name, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while True:
            answer = kinesis.get_records(ShardIterator=iterator)
            found += [
                (name, r["SequenceNumber"], r["PartitionKey"], r["Data"],
                 round(r["ApproximateArrivalTimestamp"].timestamp(), 3))
                for r in answer["Records"]
            ]  # fmt: skip
            if not answer["Records"]:
                break
            iterator = answer["NextShardIterator"]
    return sorted(found)


def rows(folder):
    columns = ("shardId", "sequenceNumber", "partitionKey", "data", "approximateArrivalTimestamp")
    frame = held(folder)
    assert frame.columns == [
        "partitionKey", "data", "stream", "shardId", "sequenceNumber", "approximateArrivalTimestamp",
    ]  # fmt: skip
    assert frame["stream"].unique().to_list() == [STREAM]
    return sorted((*row[:4], round(row[4].timestamp(), 3)) for row in frame.select(columns).rows())


def test_a_query_reads_what_boto3_reads_and_goes_on_from_its_checkpoint(
    delta_spark, gateway, kinesis, tmp_path
):
    for first, count in ((0, 3000), (3000, 1500)):
        put(kinesis, first, count)
        query = start(delta_spark, gateway.url, STREAM, tmp_path, MOST)
        try:
            wait_until(lambda want=first + count: len(held(tmp_path)) >= want, seconds=300)
        finally:
            query.stop()
        assert query.exception() is None
    assert rows(tmp_path) == sent(kinesis)


@pytest.mark.release
def test_killed_in_the_middle_of_its_batches_it_loses_and_doubles_nothing(
    delta_spark, gateway, kinesis, tmp_path
):
    put(kinesis, 0, 4000)
    arguments = [gateway.url, STREAM, str(tmp_path), str(MOST)]
    for at_least in (500, 2500):
        process = subprocess.Popen(
            [sys.executable, "-m", "spark_kinesis_query", *arguments],
            env=os.environ | {"PYTHONPATH": "tests"},
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda want=at_least: len(held(tmp_path)) >= want, seconds=300, pause=0.02)
        time.sleep(0.3)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    query = start(delta_spark, gateway.url, STREAM, tmp_path, MOST)
    try:
        wait_until(lambda: len(held(tmp_path)) >= 4000, seconds=300)
        query.processAllAvailable()
    finally:
        query.stop()
    assert rows(tmp_path) == sent(kinesis)


def test_a_stream_that_is_not_there_is_an_error_that_names_it(delta_spark, gateway, tmp_path):
    query = start(delta_spark, gateway.url, "nowhere", tmp_path, MOST)
    with pytest.raises(Exception, match=r"ResourceNotFoundException.*nowhere"):
        query.awaitTermination(60)
