"""The error table of Kafka REST v2: each row in scope, brought about by a real request."""

import pytest

from gateway_server import JSON_V2, FailingLog, serving
from pinlake.errors import (
    LogForbidden,
    PinlakeError,
    RecordTooLarge,
    TopicNotTaken,
    TopicUnknown,
)
from pinlake.gateway.kafka import errors as kafka_errors
from pinlake.gateway.kafka.errors import KafkaError
from pinlake.log.memory import MemoryLog
from pinlake.record import topic

BODY = '{"records":[{"value":1}]}'
SENT = {"headers": {"Content-Type": JSON_V2}, "data": BODY}


class BrokenLog(MemoryLog):
    """A log with a bug."""

    def names(self, kind):
        raise ZeroDivisionError


class RefusingLog(MemoryLog):
    """A log that cannot do what it is told, and says why."""

    def create(self, *_):
        raise PinlakeError

    def submit(self, appends, done):
        done(None, PinlakeError())


class NarrowLog(MemoryLog):
    """A log whose broker takes no record as large as these."""

    def submit(self, appends, done):
        done(None, RecordTooLarge(name="t", reason="as the broker says"))


class ForbiddingLog(MemoryLog):
    """A log whose broker grants no right to write; the broker's part is in test_kafka_secured."""

    def submit(self, appends, done):
        done(None, LogForbidden(servers="host:9092", what="topic t", reason="as the broker says"))


class ChoosyLog(MemoryLog):
    """A log of some of a cluster's topics."""

    def create(self, name, *_):
        raise TopicNotTaken(name=name.name)


class ForgetfulLog(MemoryLog):
    """A log whose topics vanish before they are written to."""

    def submit(self, appends, done):
        if appends:
            done(None, TopicUnknown(kind="topic", name="t"))
        else:
            super().submit(appends, done)


def failing():
    log = FailingLog()
    log.failing = True
    return log


# row of the table -> log, settings, method, path, options of the request
ROWS = {
    "MALFORMED": (MemoryLog, {}, "POST", "/topics/t", {**SENT, "data": "{"}),
    "FOREIGN_ORIGIN": (
        MemoryLog,
        {},
        "POST",
        "/topics/t",
        {**SENT, "headers": {**SENT["headers"], "Origin": "https://example.com"}},
    ),
    "NO_SUCH_PATH": (MemoryLog, {}, "GET", "/no/such/path", {}),
    "CONSUMERS_LATER": (MemoryLog, {}, "POST", "/consumers/g", SENT),
    "TOPIC_NOT_FOUND": (MemoryLog, {}, "GET", "/topics/t", {}),
    "PARTITION_NOT_FOUND": (MemoryLog, {}, "GET", "/topics/here/partitions/1", {}),
    "METHOD_NOT_ALLOWED": (MemoryLog, {}, "PUT", "/topics/t", SENT),
    "NOT_ACCEPTABLE": (MemoryLog, {}, "GET", "/topics", {"headers": {"Accept": "text/csv"}}),
    "TOO_LARGE": (MemoryLog, {"max_body_bytes": 20}, "POST", "/topics/t", SENT),
    "RECORD_TOO_LARGE": (NarrowLog, {}, "POST", "/topics/t", SENT),
    "UNSUPPORTED": (MemoryLog, {}, "POST", "/topics/t", {"data": BODY}),
    "NEEDS_SCHEMAS": (
        MemoryLog,
        {},
        "POST",
        "/topics/t",
        {"headers": {"Content-Type": "application/vnd.kafka.avro.v2+json"}, "data": BODY},
    ),
    "NO_RECORDS": (MemoryLog, {}, "POST", "/topics/t", {**SENT, "data": "{}"}),
    "TOPIC_INVALID": (MemoryLog, {}, "POST", "/topics/a:b", SENT),
    "TOPIC_NOT_TAKEN": (ChoosyLog, {}, "POST", "/topics/t", SENT),
    "FORBIDDEN": (ForbiddingLog, {}, "POST", "/topics/t", SENT),
    "CONVERSION": (
        MemoryLog,
        {},
        "POST",
        "/topics/t",
        {"headers": {"Content-Type": "application/vnd.kafka.binary.v2+json"}, "data": BODY},
    ),
    "UNEXPECTED": (BrokenLog, {}, "GET", "/topics", {}),
    "LOG_ERROR": (RefusingLog, {}, "POST", "/topics/t", SENT),
    "LOG_RETRIABLE": (ForgetfulLog, {}, "POST", "/topics/t", SENT),
    "LOG_UNAVAILABLE": (failing, {}, "POST", "/topics/t", SENT),
}
TABLE = {name for name, value in vars(kafka_errors).items() if isinstance(value, KafkaError)}


def test_every_row_of_the_table_is_brought_about_here():
    assert set(ROWS) == TABLE


@pytest.mark.parametrize("row", ROWS)
def test_each_error_has_its_status_its_code_and_a_message(row, capfd):
    log, settings, method, path, options = ROWS[row]
    wanted = getattr(kafka_errors, row)
    with serving(log(), **settings) as gateway:
        if row == "PARTITION_NOT_FOUND":
            gateway.log.create(topic("here"))
        answer = gateway.request(method, path, **options)
    assert answer.status_code == wanted.status
    assert answer.json().keys() == {"error_code", "message"}
    assert answer.json()["error_code"] == wanted.code
    assert answer.json()["message"].startswith(wanted.message.partition("{")[0])
    assert answer.headers.get("Retry-After") == (wanted.retry_after and str(wanted.retry_after))
    assert ("ZeroDivisionError" in "".join(capfd.readouterr())) == (row == "UNEXPECTED")


def test_a_closed_log_is_503_so_that_clients_come_again():
    log = MemoryLog()
    with serving(log, topics=[topic("t")]) as gateway:
        gateway.produce("/topics/t", BODY)
        log.close()
        answer = gateway.produce("/topics/t", BODY)
        assert (answer.status_code, answer.json()["error_code"]) == (503, 50302)
        assert answer.headers["Retry-After"] == "1"


def test_another_method_is_405_and_names_those_that_are_taken():
    with serving() as gateway:
        answer = gateway.request("PATCH", "/topics/t")
        assert (answer.status_code, answer.json()["error_code"]) == (405, 405)
        assert set(answer.headers["Allow"].split(", ")) == {"GET", "POST"}


def test_an_error_of_ours_does_not_end_the_gateway(capfd):
    with serving(BrokenLog()) as gateway:
        for _ in range(3):
            assert gateway.request("GET", "/topics").status_code == 500
        assert gateway.request("GET", "/health").status_code == 200
    assert "ZeroDivisionError" in "".join(capfd.readouterr())
