"""What Kinesis's side of the gateway acknowledged survives kill -9, read by iterators made before."""

import base64
import json
import threading

import requests

from harness.pipeline import Gateway
from kinesis_server import Server

STREAM = "streaming-0abc12345678-geo"
FIRST = "shardId-000000000000"


def post_until_it_dies(url, worker, acknowledged):
    """Put rows one by one; keep the sequence number of each that was acknowledged."""
    number = 0
    while True:
        row = {"ind": number, "country": f"{worker}"}
        body = json.dumps({"Data": row, "PartitionKey": "geo-partition"})
        try:
            answer = requests.put(f"{url}/test/streams/{STREAM}/record", data=body, timeout=10)
        except requests.exceptions.RequestException:
            return
        assert answer.status_code == 200
        acknowledged[answer.json()["SequenceNumber"]] = row
        number += 1


def read(server, iterator):
    found = {}
    while True:
        answer = server.call("GetRecords", {"ShardIterator": iterator}).json()
        for record in answer["Records"]:
            found[record["SequenceNumber"]] = json.loads(base64.b64decode(record["Data"]))
        iterator = answer["NextShardIterator"]
        if answer["MillisBehindLatest"] == 0:
            return found


def test_what_was_acknowledged_survives_kill_9_and_iterators_go_on(tmp_path):
    acknowledged = {}
    with Gateway(tmp_path / "home") as gateway:
        server = Server(gateway.url, None, None)
        assert requests.post(
            f"{gateway.url}/streams/{STREAM}", json={"ShardCount": 1}, timeout=10
        ).ok
        workers = [
            threading.Thread(target=post_until_it_dies, args=(gateway.url, each, acknowledged))
            for each in range(4)
        ]
        for worker in workers:
            worker.start()
        while len(acknowledged) < 300:
            workers[0].join(0.01)
        asked = {"StreamName": STREAM, "ShardId": FIRST, "ShardIteratorType": "TRIM_HORIZON"}
        iterator = server.call("GetShardIterator", asked).json()["ShardIterator"]
        gateway.kill()
        for worker in workers:
            worker.join()
    with Gateway(tmp_path / "home") as gateway:
        found = read(Server(gateway.url, None, None), iterator)
        assert {number: found.get(number) for number in acknowledged} == acknowledged
        assert len(found) - len(acknowledged) <= 4
        answer = requests.put(
            f"{gateway.url}/streams/{STREAM}/record",
            json={"Data": {}, "PartitionKey": "geo"},
            timeout=10,
        )
        assert int(answer.json()["SequenceNumber"]) > max(map(int, found))
