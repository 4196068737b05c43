"""Clients that put numbered records of the data set into streams and topics, at a pace."""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import random
import threading
import time
from typing import Any

from product import USER

from pinlake import dataset
from pinlake.gateway.kinesis import sequence, streams
from pinlake.source.sample import generate

DATASET = dataset.load("pinterest")
KEYS = {"pin": "index", "geo": "ind", "user": "ind"}
CONNECTIONS = 4
ONE = argparse.Namespace(batch=1, duplicates=0.0, rate=1, minutes=0)
"""The options of a client that sends one record when it is told to."""


def arguments(told: str | None, minutes: float) -> argparse.ArgumentParser:
    """Return a parser of the options that say what the clients send, and for how long."""
    parser = argparse.ArgumentParser(description=told)
    parser.add_argument("--rate", type=int, default=2_000, help="records a second, all tables")
    parser.add_argument("--batch", type=int, default=1, help="records a request")
    parser.add_argument("--duplicates", type=float, default=0.0)
    parser.add_argument("--minutes", type=float, default=minutes)
    return parser


class Sent:
    """What was sent to one table: by position when its answer came, and which keys."""

    def __init__(self, table: str, first: int = 0) -> None:
        self.table, self.stream = table, f"streaming-{USER}-{table}"
        self.lock = threading.Lock()
        self.answered: dict[int, tuple[float, bool]] = {}
        self.keys, self.records = first, 0
        self.rows = list(itertools.islice(generate(DATASET, table, 0, 500), 500))

    def values(self, count: int, duplicates: float, rng: random.Random) -> tuple[list[Any], int]:
        """Return records, and how many of them (the last ones) have new keys."""
        with self.lock:
            old = sum(rng.random() < duplicates for _ in range(count)) if self.keys else 0
            first = self.keys
            self.keys += count - old
            self.records += count
        numbers = [rng.randrange(first) for _ in range(old)]
        numbers += range(first, first + count - old)
        return [self._value(number) for number in numbers], count - old

    def _value(self, number: int) -> Any:
        return {**self.rows[number % len(self.rows)], KEYS[self.table]: number}


class Client(threading.Thread):
    """Sends requests at a pace over one kept connection, each table in its turn."""

    def __init__(self, port: int, sent: list[Sent], options: Any, number: int) -> None:
        super().__init__(daemon=True)
        self.port, self.sent, self.options = port, sent, options
        self.rng, self.late = random.Random(number), 0.0
        self.pause = CONNECTIONS * options.batch / options.rate
        self.first = number * self.pause / CONNECTIONS

    def run(self) -> None:
        """Send until the time is over; ``late`` is how far it ever was behind its pace."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        started = time.perf_counter() + self.first
        for number, sent in enumerate(itertools.cycle(self.sent)):
            due = started + number * self.pause
            if due - started > self.options.minutes * 60:
                return
            time.sleep(max(0.0, due - time.perf_counter()))
            self.late = max(self.late, time.perf_counter() - due)
            self.send(connection, sent)

    def send(self, connection: http.client.HTTPConnection, sent: Sent) -> int:
        """Send one request, note its records' positions and when it was answered.

        Returns the last record's key.
        """
        values, new = sent.values(self.options.batch, self.options.duplicates, self.rng)
        path = f"/prod/streams/{sent.stream}/records"
        body = json.dumps({"records": [{"data": each, "partition-key": "k"} for each in values]})
        connection.request("PUT", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        now = time.perf_counter()
        assert answer.status == 200, content
        records = json.loads(content)["Records"]
        for place, each in enumerate(records):
            index = sequence.parse(each["SequenceNumber"]).index  # type: ignore[union-attr]
            position = (index & ((1 << streams.POSITION_BITS) - 1)) - 1
            sent.answered[position] = (now, place >= len(records) - new)
        return int(values[-1][KEYS[sent.table]])


class TopicClient(Client):
    """Sends records to the topics, as the batch route's load."""

    def send(self, connection: http.client.HTTPConnection, sent: Sent) -> int:
        """Send one request; nothing is noted."""
        values, _ = sent.values(self.options.batch, 0.0, self.rng)
        body = json.dumps({"records": [{"value": each} for each in values]})
        headers = {"Content-Type": "application/vnd.kafka.json.v2+json"}
        connection.request("POST", f"/topics/{USER}.{sent.table}", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        return int(values[-1][KEYS[sent.table]])


def stream_clients(port: int, sent: list[Sent], options: Any) -> list[Client]:
    return [Client(port, sent, options, number) for number in range(CONNECTIONS)]


def topic_clients(port: int, options: Any) -> list[TopicClient]:
    batch = argparse.Namespace(**{**vars(options), "batch": max(20, options.batch)})
    topics = [Sent(table) for table in KEYS]
    return [TopicClient(port, topics, batch, number) for number in range(CONNECTIONS)]


def warm(port: int, sent: list[Sent]) -> None:
    """Have every table made, and what is imported late imported."""
    for each in sent:
        Client(port, [each], ONE, 0).send(
            http.client.HTTPConnection("127.0.0.1", port, timeout=60), each
        )
    time.sleep(4)
