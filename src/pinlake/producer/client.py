"""The two ways into a gateway: Kafka REST, and Kinesis as API Gateway maps it."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from pinlake.dataset import Table
from pinlake.errors import SettingInvalid
from pinlake.producer.acknowledgement import Failure, kafka_failures, kinesis_failures
from pinlake.producer.connection import Answer, Connection
from pinlake.source.base import Row

KAFKA_JSON = "application/vnd.kafka.json.v2+json"
KINESIS_BATCH = 500
"""PutRecords takes no more. Source: the Kinesis API reference."""
Post = Callable[[Sequence[Row]], Answer]
Failures = Callable[[Answer, int], list[Failure | None]]
USER_ID = re.compile(r"[0-9a-f]{12}\Z")


class Outcome(msgspec.Struct, frozen=True):
    """How many records were acknowledged and refused, and the first refusal's message."""

    sent: int
    refused: int = 0
    refusal: str = ""


class Client(Protocol):
    """Sends rows of a table in.

    Returns when each is acknowledged, which means on the gateway's disk, or
    refused for good. Raises GatewayUnreachable; then any of them may be in.
    """

    def route(self, table: Table) -> str:
        """Return the topic or stream of a table; raises SettingInvalid."""
        ...

    def send(self, table: Table, rows: Sequence[Row]) -> Outcome:
        """Send rows of one table in one request."""
        ...


class KafkaRestClient:
    """Posts rows to the topic ``<user id>.<table>`` through the Kafka REST API v2."""

    def __init__(self, connection: Connection, user_id: str) -> None:
        self._connection, self._user_id = connection, user_id

    def route(self, table: Table) -> str:
        """Return the topic of a table."""
        return _named(table.topics, self._user_id, table)

    def send(self, table: Table, rows: Sequence[Row]) -> Outcome:
        """Send rows of one table in one request, and again those whose error may pass."""
        path = f"/topics/{self.route(table)}"
        return _settle(self._connection, rows, lambda left: self._post(path, left), kafka_failures)

    def _post(self, path: str, rows: Sequence[Row]) -> Answer:
        body = _json({"records": [{"value": row} for row in rows]})
        return self._connection.send("POST", path, body, KAFKA_JSON)


class KinesisRestClient:
    """Puts rows into the stream ``streaming-<user id>-<table>`` as API Gateway maps Kinesis."""

    def __init__(self, connection: Connection, user_id: str) -> None:
        self._connection, self._user_id = connection, user_id

    def route(self, table: Table) -> str:
        """Return the stream of a table."""
        return _named([route.name for route in table.streams], self._user_id, table)

    def send(self, table: Table, rows: Sequence[Row]) -> Outcome:
        """Send rows of one table in one request: PutRecord for one, PutRecords for more."""
        stream, key = self.route(table), partition_key(table)
        return _settle(
            self._connection, rows, lambda left: self._put(stream, key, left), kinesis_failures
        )

    def _put(self, stream: str, key: str, rows: Sequence[Row]) -> Answer:
        path, body = f"/streams/{stream}/record", _one_record(stream, key, rows[0])
        if len(rows) > 1:
            path, body = path + "s", _records(key, rows)
        return self._connection.send("PUT", path, _json(body), "application/json")


CLIENTS: Mapping[str, Callable[[Connection, str], Client]] = {
    "kafka": KafkaRestClient,
    "kinesis": KinesisRestClient,
}


def _named(patterns: Sequence[str], user_id: str, table: Table) -> str:
    """Return a table's topic or stream: its first pattern, with the user's id filled in."""
    if not patterns:
        reason = f"the data set gives the table {table.name} no such route"
        raise SettingInvalid(where="post", name="via", value=table.name, reason=reason)
    if "{id}" in patterns[0] and not USER_ID.match(user_id):
        reason = "an id is 12 hexadecimal digits, in lower case"
        raise SettingInvalid(where="post", name="user_id", value=user_id, reason=reason)
    return patterns[0].replace("{id}", user_id)


def partition_key(table: Table) -> str:
    """Return the partition key of a table's records: one that its stream's pattern takes."""
    key, pattern = f"{table.name}-partition", table.streams[0].partition_key
    if pattern is None or fnmatch.fnmatchcase(key, pattern):
        return key
    return pattern.replace("*", "partition")


def _settle(connection: Connection, rows: Sequence[Row], post: Post, failures: Failures) -> Outcome:
    """Send rows until each is acknowledged or refused."""
    left, sent, refused, attempt = list(rows), 0, list[Failure](), 0
    while left:
        found = failures(post(left), len(left))
        sent += found.count(None)
        refused += [each for each in found if each and not each.passing]
        passing = [each.message for each in found if each and each.passing]
        left = [row for row, each in zip(left, found, strict=True) if each and each.passing]
        if left:
            attempt += 1
            connection.wait(attempt, passing[0])
    return Outcome(sent, len(refused), refused[0].message if refused else "")


def _one_record(stream: str, key: str, row: Row) -> dict[str, Any]:
    return {"StreamName": stream, "Data": row, "PartitionKey": key}


def _records(key: str, rows: Sequence[Row]) -> dict[str, Any]:
    return {"Records": [{"Data": row, "PartitionKey": key} for row in rows]}


def _json(value: Any) -> bytes:
    """Encode as the classic scripts do: what JSON lacks, such as a time, is its text."""
    return json.dumps(value, default=str).encode()
