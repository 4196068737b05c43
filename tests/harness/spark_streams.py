"""Streaming DataFrames of what a gateway or broker holds, and the streams that everything is sent to."""

import ast
import contextlib
import json

import boto3

from harness.pipeline import USER_ID
from pinlake.gateway.kinesis.sequence import parse
from pinlake.gateway.kinesis.streams import POSITION_BITS
from what_arrives import CASES, JUNK, REFUSED

KEYS = {"awsAccessKey": "any", "awsSecretKey": "any"}
SHARED = "Kinesis-Prod-Stream"


def stream_of(table):
    return f"streaming-{USER_ID}-{table}"


def from_kinesis(spark, url, *streams, **options):
    """Return what a Kinesis holds of streams from the oldest record on, as Databricks reads it."""
    from pinlake.engine.spark.kinesis.source import register

    register(spark)
    given = {"initialPosition": "trim_horizon", "minFetchPeriod": "20ms", **KEYS, **options}
    reader = spark.readStream.format("kinesis").option("endpointUrl", url)
    return reader.option("streamName", ",".join(streams)).options(**given).load()


def kinesis_at(url):
    """Return the variables that have a pinlake read the streams of a gateway as a real Kinesis."""
    return {
        "PINLAKE_STREAMS": "kinesis://us-east-1",
        "PINLAKE_KINESIS_ENDPOINT": url,
        "PINLAKE_KINESIS_ACCESS_KEY": "any",
        "PINLAKE_KINESIS_SECRET_KEY": "any",
    }


def everything_sent(real_rows, count):
    """Return (table, bytes) of real rows and of everything that arrives."""
    sent = [case.sent(ind) for ind, case in enumerate(CASES, start=1)]
    found = [(each.table, each.content) for each in sent]
    found += [("geo", each) for each in REFUSED if each]
    found += [("geo", junk[0] if isinstance(junk, tuple) else junk) for junk in JUNK]
    for table, rows in real_rows.items():
        found += [(table, json.dumps(row).encode()) for row in rows[:count]]
    return found


def put(url, sent, shared=()):
    """Put (table, bytes) to each table's stream, and (partition key, bytes) to the shared one."""
    streams = {}
    for table, content in sent:
        streams.setdefault(stream_of(table), []).append({"Data": content, "PartitionKey": "k"})
    streams[SHARED] = [{"Data": content, "PartitionKey": key} for key, content in shared]
    kinesis = boto3.client(
        "kinesis",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    with contextlib.closing(kinesis):
        if shared:
            kinesis.create_stream(StreamName=SHARED, ShardCount=2)
            kinesis.get_waiter("stream_exists").wait(StreamName=SHARED, WaiterConfig={"Delay": 1})
        for stream, records in streams.items():
            for start in range(0, len(records), 400):
                asked = {"StreamName": stream, "Records": records[start : start + 400]}
                assert kinesis.put_records(**asked)["FailedRecordCount"] == 0


def with_offsets(held):
    """Return tables with the sequence numbers in their quarantine as the gateway's offsets."""
    return {
        name: _with_offsets(each) if "quarantine" in name else each for name, each in held.items()
    }


def _with_offsets(table):
    def changed(row):
        topic, partition, position, *others = ast.literal_eval(row)
        found = parse(position)
        offset = found.index % (1 << POSITION_BITS) - 1 if found else position
        return repr((topic, partition, str(offset), *others))

    return table._replace(rows=sorted(map(changed, table.rows)))
