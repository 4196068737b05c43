"""How real clients write a path, and how they talk HTTP."""

import http.client
import json
from contextlib import closing

import pytest

from gateway_server import JSON_V2, serving
from pinlake.record import topic

BODY = b'{"records":[{"value":{"a":1}}]}'


@pytest.fixture(scope="module")
def gateway():
    with serving(topics=[topic("t")]) as server:
        yield server


def send(gateway, method, path, body=None, headers=None):
    """Send a request letter for letter, and return its status and JSON."""
    with closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)) as connection:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


SPELLINGS = [
    "/topics/t",
    "/topics/t/",
    "//topics/t",
    "/topics//t//",
    "/test/topics/t",
    "/dev//topics/t/",
    "//prod//topics//t",
    "/topics/topics/t",  # a stage may be called as a route begins
    "/v1.0_Test-2/topics/t",
    "/t%6Fpics/t",
    "/%E2%82%AC/topics/t",
    "/topics/t?",
    "/topics/t?any=1&thing",
]


@pytest.mark.parametrize("path", SPELLINGS)
def test_every_spelling_of_a_path_means_the_same(gateway, path):
    before = len(gateway.values("t"))
    status, answer = send(gateway, "POST", path, BODY, {"Content-Type": JSON_V2})
    assert (status, answer["offsets"][0]["offset"]) == (200, before)


STAGED = ["/test/health", "/test/topics", "/test/streams", "/test//metrics/", "/dev/openapi.json"]


@pytest.mark.parametrize("path", STAGED)
def test_a_stage_may_stand_before_every_route(gateway, path):
    assert gateway.request("GET", path).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/a/b/c",
        "/test/test/topics",
        "/topics/t/partition",
        "/topics/t/partitions/0/offset",
        "/topics%2Ft",
        "/v3/clusters",
        "/TOPICS",
        "/consumers",
    ],
)
def test_a_path_that_leads_nowhere_is_404_in_json(gateway, path):
    status, answer = send(gateway, "GET", path)
    assert (status, answer["error_code"]) == (404, 404)


def test_a_topic_may_be_called_as_a_route(gateway):
    gateway.produce("/topics/topics", BODY)
    gateway.produce("/topics/health", BODY)
    assert gateway.request("GET", "/topics/topics").json()["name"] == "topics"
    assert gateway.request("GET", "/topics/health").json()["name"] == "health"


def test_one_connection_carries_many_requests_of_all_kinds(gateway):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    asked = [
        ("POST", "/topics/kept", BODY, 200),
        ("GET", "/topics/kept", BODY, 200),
        ("POST", "/topics/kept", b"{", 400),
        ("DELETE", "/topics/kept", None, 405),
        ("GET", "/nope", None, 404),
        ("POST", "/topics/kept", BODY, 200),
    ]
    with closing(connection):
        for method, path, body, status in asked * 3:
            connection.request(method, path, body, {"Content-Type": JSON_V2})
            answer = connection.getresponse()
            json.loads(answer.read())
            assert answer.status == status
            assert answer.getheader("Connection") is None
    assert len(gateway.values("kept")) == 6


def test_a_delete_with_a_content_type_and_no_body_is_answered(gateway):
    status, answer = send(gateway, "DELETE", "/streams/absent", None, {"Content-Type": JSON_V2})
    assert (status, answer["__type"]) == (400, "ResourceNotFoundException")


def test_a_body_in_chunks_is_put_together(gateway):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    with closing(connection):
        parts = (BODY[start : start + 3] for start in range(0, len(BODY), 3))
        sent = {"Content-Type": JSON_V2}
        connection.request("POST", "/topics/chunks", parts, sent, encode_chunked=True)
        assert connection.getresponse().status == 200
    assert gateway.values("chunks") == [b'{"a":1}']


def test_requests_sent_ahead_are_answered_in_order(gateway):
    head = f"POST /topics/ahead HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON_V2}\r\n"
    bodies = [b'{"records":[{"value":%d}]}' % n for n in range(10)]
    sent = [head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body for body in bodies]
    with gateway.connect() as connection:
        connection.sendall(b"".join(sent))
        received = b""
        while received.count(b"HTTP/1.1 200 OK") < 10 or not received.endswith(b"}"):
            received += connection.recv(65536)
    assert gateway.values("ahead") == [str(n).encode() for n in range(10)]


def test_a_client_of_http_1_0_is_answered_and_let_go(gateway):
    with gateway.connect() as connection:
        connection.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 200 OK")
    assert received.endswith(b'{"status":"ok"}')


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(gateway):
    head = f"POST /topics/asks HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON_V2}\r\n"
    expecting = f"{head}Expect: 100-continue\r\nContent-Length: {len(BODY)}\r\n\r\n"
    with gateway.connect() as connection:
        connection.sendall(expecting.encode())
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
