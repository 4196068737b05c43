"""Clients of both routes that retry until they are answered, and note every acknowledgement."""

import base64
import contextlib
import http.client
import json
import random
import threading
import time

from harness.campaign import values

USER_ID = "0abc12345678"
SHARED = "Kinesis-Prod-Stream"
FREE_TOPIC, FREE_STREAM = "audit.trail", "clicks"
SIZES = (1, 1, 1, 2, 5, 20, 100, 400)
JSON_V2 = "application/vnd.kafka.json.v2+json"
BINARY_V2 = "application/vnd.kafka.binary.v2+json"
SIGNATURE = (
    "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/kinesis/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=0"
)
POSITION_BITS = 44


class Traffic:
    """Some clients from one seed, and how many records they have had acknowledged."""

    def __init__(self, port, folder, seed, clients=4, keys=2000):
        self.ended = threading.Event()
        self.may_send = threading.Event()
        self.clients = [
            Client(self, port, folder / f"client-{n}.jsonl", random.Random(f"{seed}/{n}"), n, keys)
            for n in range(clients)
        ]

    @property
    def acknowledged(self):
        return sum(client.acknowledged for client in self.clients)

    @property
    def retries(self):
        return sum(client.retries for client in self.clients)

    @property
    def refused(self):
        return [each for client in self.clients for each in client.refused]

    def start(self):
        self.may_send.set()
        for client in self.clients:
            client.start()

    def stop(self):
        """End the clients; each still has its last request answered, if anybody answers."""
        self.ended.set()
        self.may_send.set()
        for client in self.clients:
            client.join(60)


class Client(threading.Thread):
    """Sends one request after another; one without an answer is sent again as it is."""

    def __init__(self, traffic, port, ledger, rng, number, keys):
        super().__init__(daemon=True)
        self.traffic, self.port, self.rng, self.number, self.keys = traffic, port, rng, number, keys
        self.ledger = ledger.open("a", encoding="utf-8")
        self.acknowledged = self.retries = self.made = 0
        self.refused = []
        self.connection = None

    def run(self):
        with self.ledger:
            while not self.traffic.ended.is_set():
                self.traffic.may_send.wait()
                self._note(*self._answered(_request(self)))
        if self.connection is not None:
            self.connection.close()

    def tokens(self, count):
        """Return names for so many values that nobody else gives."""
        self.made += count
        return [f"{self.number}-{n}" for n in range(self.made - count, self.made)]

    def _answered(self, request):
        tries = 0
        while True:
            tries += 1
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, body = self._send(request)
                if status == 200:
                    return request, request.places(json.loads(body)), tries
                if status < 500:
                    self.refused.append((request.path, status, body[:300]))
                    return request, None, tries
            self.retries += 1
            if self.traffic.ended.is_set() and tries > 200:
                return request, None, tries
            time.sleep(self.rng.uniform(0.01, 0.1))

    def _send(self, request):
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            self.connection.request(request.method, request.path, request.body, request.headers)
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except BaseException:
            self.connection.close()
            self.connection = None
            raise

    def _note(self, request, places, tries):
        line = {
            "kind": request.kind,
            "name": request.name,
            "keys": request.keys,
            "values": [each.decode("latin-1") for each in request.values],
            "at": places,
            "tries": tries,
        }
        self.ledger.write(json.dumps(line) + "\n")
        self.ledger.flush()
        self.acknowledged += len(places or ())


class Request:
    """One request: where to, its body, and how its answer is read."""

    def __init__(self, kind, name, made, keys=None):
        self.kind, self.name, self.values, self.keys = kind, name, made, keys
        self.method, self.headers, self.body, self.path = "POST", {}, b"", "/"


class KafkaRequest(Request):
    """Records into a topic, by the JSON or the binary format."""

    def __init__(self, name, made, *, binary):
        super().__init__("topic", name, made)
        self.path = f"/topics/{name}"
        self.headers = {"Content-Type": BINARY_V2 if binary else JSON_V2}
        shown = [_base64(each) if binary else each for each in made]
        self.body = b'{"records":[%s]}' % b",".join(b'{"value":%s}' % each for each in shown)

    def places(self, answer):
        return [(each["partition"], each["offset"]) for each in answer["offsets"]]


class KinesisRequest(Request):
    """Records into a stream by Kinesis's own API: any bytes."""

    def __init__(self, name, made, keys):
        super().__init__("stream", name, made, keys)
        self.headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "Kinesis_20131202.PutRecords",
            "X-Amz-Date": "20260101T000000Z",
            "Authorization": SIGNATURE,
        }
        self.body = _records(name, map(_base64, made), keys)

    def places(self, answer):
        assert not answer["FailedRecordCount"], answer
        return [_place(each) for each in answer["Records"]]


class ProxyRequest(Request):
    """One JSON record into a stream, or a list of them, as the classic scripts put them."""

    def __init__(self, name, made, keys):
        super().__init__("stream", name, made, keys)
        self.method = "PUT"
        self.path = f"/streams/{name}/record" + ("s" if len(made) > 1 else "")
        self.body = _records(name, made, keys) if len(made) > 1 else _record(made[0], keys[0])

    def places(self, answer):
        return [_place(each) for each in answer.get("Records", [answer])]


def _request(client):
    """Return a request of random route, size, table and values."""
    rng, count = client.rng, client.rng.choice(SIZES)
    table = rng.choice(values.TABLES)
    made = [values.value(rng, table, client.keys, token) for token in client.tokens(count)]
    binary = any(sort in values.BINARY for sort, _ in made) or rng.random() < 0.2
    contents = [content for _, content in made]
    if rng.random() < 0.5:
        name = FREE_TOPIC if rng.random() < 0.06 else f"{USER_ID}.{table}"
        return KafkaRequest(name, contents, binary=binary)
    name, keys = _stream(rng, table, count)
    return (KinesisRequest if binary else ProxyRequest)(name, contents, keys)


def _stream(rng, table, count):
    """Return a stream and a partition key for each of so many records."""
    drawn = rng.random()
    if drawn < 0.06:
        return FREE_STREAM, [f"k{rng.randrange(9)}" for _ in range(count)]
    if drawn < 0.5:
        return f"streaming-{USER_ID}-{table}", [f"any{rng.randrange(9)}" for _ in range(count)]
    owners = rng.choices(("", "nobody"), (9, 1), k=count)
    return SHARED, [f"{owner or table}-{rng.randrange(9)}" for owner in owners]


def _records(stream, contents, keys):
    records = b",".join(map(_record, contents, keys))
    return b'{"StreamName":"%s","Records":[%s]}' % (stream.encode(), records)


def _record(content, key):
    return b'{"Data":%s,"PartitionKey":"%s"}' % (content, key.encode())


def _base64(content):
    return b'"' + base64.b64encode(content) + b'"'


def _place(entry):
    """Return (shard, position) by the layout of a sequence number, as docs/kinesis.md tells it."""
    index = int(entry["SequenceNumber"]) >> 80 & (1 << POSITION_BITS) - 1
    return int(entry["ShardId"].removeprefix("shardId-")), index - 1
