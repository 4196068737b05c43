"""The kept connection: how long it waits, when it gives up, what it notices."""

import random
import socket
from contextlib import ExitStack, closing
from datetime import UTC, datetime

import pytest

from harness.faulty_gateway import OK, FaultyGateway
from pinlake.errors import GatewayUnreachable
from pinlake.producer.connection import Answer, Connection, Patience, asked_wait, pause

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def connect():
    """Open connections that do not really sleep, and close them."""
    with ExitStack() as opened:

        def connect(url, sleep):
            made = Connection(url, sleep=sleep, rng=random.Random(1), today=lambda: NOON)
            return opened.enter_context(closing(made))

        yield connect


def send(to):
    return to.send("POST", "/topics/x", b'{"records": [{"value": {"ind": 1}}]}', "application/json")


def test_waits_double_up_to_the_most_and_are_cut_by_half_at_most():
    patience, rng = Patience(first=0.1, most=2.0), random.Random(3)
    for attempt, longest in enumerate([0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0], start=1):
        waits = [pause(patience, attempt, None, rng) for _ in range(100)]
        assert longest / 2 <= min(waits) < max(waits) <= longest


def test_what_the_gateway_asks_for_goes_first_up_to_a_minute():
    assert pause(Patience(), 1, 7.0, random.Random(1)) == 7.0
    assert pause(Patience(), 1, 0.0, random.Random(1)) == 0.0
    assert pause(Patience(), 1, 1e9, random.Random(1)) == 60.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3.0),
        ("0", 0.0),
        ("Thu, 01 Jan 2026 12:00:05 GMT", 5.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("Thu, 01 Jan 2026 12:00:05", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text, seconds):
    assert asked_wait(Answer(429, b"", {"retry-after": text}), NOON) == seconds


def test_retry_after_is_waited_for(connect):
    slept = []
    with FaultyGateway([(429, {"Retry-After": "2"}), (503, {"Retry-After": "1"})]) as gateway:
        assert send(connect(gateway.url, slept.append)).status == 200
    assert slept == [2.0, 1.0]


def test_a_gateway_that_is_not_there_is_given_up_soon(connect):
    slept = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(
            GatewayUnreachable, match="refused, 5 times; is `pinlake serve` running"
        ):
            send(connect(url, slept.append))
    assert len(slept) == 4
    assert sum(slept) < 2


def test_a_gateway_that_answered_before_gets_more_patience(connect):
    slept = []
    with FaultyGateway([OK] + [503] * 10) as gateway:
        to = connect(gateway.url, slept.append)
        send(to)
        with pytest.raises(GatewayUnreachable, match="it answered 503 told to say 503, 10 times"):
            send(to)
    assert len(slept) == 9
    assert 8 < sum(slept) < 25


def test_a_gateway_that_comes_back_is_found_again(connect):
    slept = []
    with ExitStack() as later:

        def sleep(seconds):
            slept.append(seconds)
            if len(slept) == 3:
                later.enter_context(FaultyGateway(port=port))

        with FaultyGateway() as gateway:
            port = int(gateway.url.rpartition(":")[2])
            to = connect(gateway.url, sleep)
            send(to)
        assert send(to).status == 200
    assert len(slept) == to.retried == 3


def test_an_idle_connection_that_the_gateway_closed_is_no_failure(connect):
    with socket.create_server(("127.0.0.1", 0)) as server:
        slept = []
        to = connect(f"http://127.0.0.1:{server.getsockname()[1]}", slept.append)
        for _ in range(3):
            to._http.connect()
            accepted, _ = server.accept()
            accepted.close()
            to._drop_if_ended()
            assert to._http.sock is None
    assert to.retried == 0


def test_a_message_is_read_from_json_and_cut_from_anything_else():
    assert Answer(400, b'{"error_code": 400, "message": "no"}', {}).message == "no"
    assert Answer(400, b'{"__type": "ValidationException"}', {}).message == "ValidationException"
    assert Answer(400, b"[1]", {}).message == "[1]"
    assert Answer(500, b"\xff" * 900, {}).message == "\ufffd" * 500
    assert Answer(500, b"", {}).message == ""
