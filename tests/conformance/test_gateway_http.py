"""What is no HTTP, or lies about its length: refused in JSON, nothing stored, the gateway goes on."""

import json

import pytest

from gateway_server import JSON_V2, serving
from pinlake.record import topic

BODY = b'{"records":[{"value":1}]}'
HEAD = f"POST /topics/t HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON_V2}\r\n".encode()


@pytest.fixture(scope="module")
def gateway():
    with serving(topics=[topic("t")]) as server:
        yield server


def everything(connection):
    return b"".join(iter(lambda: connection.recv(65536), b""))


# what is sent -> why it is no HTTP
NO_HTTP = {
    b"NONSENSE\r\n\r\n": "no request line",
    b"BREW /topics/t HTTP/1.1\r\nHost: x\r\n\r\n": "no such method",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n": "a path too long",
    HEAD + b"Content-Length: -5\r\n\r\n" + BODY: "a length below nothing",
    HEAD + b"Content-Length: some\r\n\r\n" + BODY: "a length in words",
    HEAD + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n": "a length beyond 64 bits",
    HEAD + b"Content-Length: 25\r\nContent-Length: 5\r\n\r\n" + BODY: "two lengths",
    HEAD + b"Content-Length: 25\r\nTransfer-Encoding: chunked\r\n\r\n" + BODY: "length and chunks",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n": "a chunk's length in letters",
}


@pytest.mark.parametrize("sent", NO_HTTP, ids=NO_HTTP.values())
def test_what_is_no_http_is_400_in_json_and_the_connection_ends(gateway, sent):
    with gateway.connect() as connection:
        connection.sendall(sent)
        head, _, body = everything(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body) == {"error_code": 400, "message": "Invalid HTTP request received."}
    assert f"content-length: {len(body)}".encode() in head
    assert gateway.values("t") == []
    assert gateway.request("GET", "/health").status_code == 200


def test_a_body_shorter_than_its_length_is_never_stored():
    with serving(topics=[topic("t")]) as gateway:
        with gateway.connect() as connection:
            connection.sendall(HEAD + b"Content-Length: 99\r\n\r\n" + BODY)
            connection.shutdown(1)
            assert everything(connection) == b""
        assert gateway.values("t") == []


def test_a_body_longer_than_its_length_is_cut_and_what_follows_is_no_request():
    with serving(topics=[topic("t")]) as gateway:
        with gateway.connect() as connection:
            connection.sendall(HEAD + b"Content-Length: 25\r\n\r\n" + BODY + BODY)
            assert b'"error_code":400' in everything(connection)
        assert len(gateway.values("t")) <= 1


def test_a_connection_that_asks_for_another_protocol_is_answered_in_http(gateway):
    with gateway.connect() as connection:
        connection.sendall(
            b"GET /topics HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
