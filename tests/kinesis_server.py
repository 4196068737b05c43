"""A gateway on a real socket within the test's process, and clients for its Kinesis side."""

import json
import socket
import threading
import time
from contextlib import closing, contextmanager

import boto3
import msgspec
import requests
import uvicorn
from botocore.config import Config

from pinlake import settings as pinlake_settings
from pinlake.gateway.app import Gateway
from pinlake.log.memory import MemoryLog

REGION = "eu-west-1"
JSON_TYPE = "application/x-amz-json-1.1"
SIGNED = {
    "X-Amz-Date": "20260101T000000Z",
    "Authorization": f"AWS4-HMAC-SHA256 Credential=key/20260101/{REGION}/kinesis/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=0",
}


class Clock:
    """The time in milliseconds, which a test may put forward."""

    ahead = 0

    def __call__(self):
        return time.time_ns() // 1_000_000 + self.ahead


class Server:
    """A gateway that is listening, and what stands behind it."""

    def __init__(self, url, log, clock):
        self.url, self.log, self.clock = url, log, clock

    def call(self, operation, body, **headers):
        """Post a body to an operation as any client may, signed for form's sake."""
        sent = {"Content-Type": JSON_TYPE, "X-Amz-Target": f"Kinesis_20131202.{operation}"}
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        return requests.post(self.url, headers={**sent, **SIGNED, **headers}, data=data, timeout=60)

    def client(self, **others):
        """A boto3 client; close it."""
        return boto3.client(
            "kinesis",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="any",
            aws_secret_access_key="thing",
            config=Config(retries={"max_attempts": 1}, parameter_validation=False),
            **others,
        )


@contextmanager
def serving(log=None, clock=None, *, create_ms=0, auto_create=True, **kinesis):
    """Serve a log (in memory unless one is given) until the end of the block."""
    clock = clock or Clock()
    log = log or MemoryLog(clock)
    settings = pinlake_settings.Settings(
        gateway=pinlake_settings.Gateway(auto_create_streams=auto_create),
        kinesis=msgspec.convert({"create_ms": create_ms, **kinesis}, pinlake_settings.Kinesis),
    )
    with closing(log), socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(Gateway(log, settings, clock), log_level="warning", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Server(f"http://127.0.0.1:{listening.getsockname()[1]}", log, clock)
        finally:
            server.should_exit = True
            thread.join()


def everything(client, stream):
    """Return all records of a stream, by shard id."""
    shards = client.get_paginator("list_shards").paginate(StreamName=stream).search("Shards[]")
    return {shard["ShardId"]: until_the_tip(client, stream, shard["ShardId"]) for shard in shards}


def until_the_tip(client, stream, shard, kind="TRIM_HORIZON", limit=1000, **others):
    """Return the records from an iterator on, read until none are behind."""
    found = []
    asked = {"StreamName": stream, "ShardId": shard, "ShardIteratorType": kind}
    iterator = client.get_shard_iterator(**asked, **others)["ShardIterator"]
    while True:
        answer = client.get_records(ShardIterator=iterator, Limit=limit)
        found += answer["Records"]
        iterator = answer["NextShardIterator"]
        if answer["MillisBehindLatest"] == 0:
            return found
