"""What the gateway does when the log fails, a client is slow or broken, and many come at once."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import requests

from gateway_server import JSON_V2, FailingLog, HeldLog, serving
from pinlake.log.sqlite import SqliteLog
from pinlake.record import topic

CLIENTS = 64


def head(path, length, *more):
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Type: {JSON_V2}", *more]
    return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode()


def body(value=1):
    return b'{"records":[{"value":%d}]}' % value


class TestTheLogFails:
    def test_a_request_is_503_and_the_next_one_is_stored(self):
        log = FailingLog()
        with serving(log, topics=[topic("t")]) as gateway:
            log.failing = True
            refused = gateway.produce("/topics/t", body(1))
            assert (refused.status_code, refused.json()["error_code"]) == (503, 50302)
            assert refused.headers["Retry-After"] == "1"
            assert "disk is full" in refused.json()["message"]
            log.failing = False
            assert gateway.produce("/topics/t", body(2)).status_code == 200
            assert gateway.values("t") == [b"2"]

    def test_a_full_disk_is_503_until_there_is_room(self, tmp_path):
        with serving(SqliteLog(tmp_path / "log.db")) as gateway:
            assert gateway.produce("/topics/t", {"records": [{"value": "x"}]}).status_code == 200
            gateway.log.limit((tmp_path / "log.db").stat().st_size + 65536)
            large = {"records": [{"value": "x" * 200_000}]}
            for _ in range(3):
                answer = gateway.produce("/topics/t", large)
                assert (answer.status_code, answer.json()["error_code"]) == (503, 50302)
            gateway.log.limit(1 << 30)
            answer = gateway.produce("/topics/t", large)
            assert answer.json()["offsets"][0]["offset"] == 1
            assert len(gateway.values("t")) == 2

    def test_nothing_is_acknowledged_before_the_disk_has_it(self):
        log = HeldLog()
        with serving(log, topics=[topic("t")]) as gateway, ThreadPoolExecutor() as pool:
            pending = pool.submit(gateway.produce, "/topics/t", body())
            assert log.submitted.acquire(timeout=30)
            assert gateway.request("GET", "/health").status_code == 200  # others go on meanwhile
            assert not pending.done()
            log.released.set()
            assert pending.result(30).status_code == 200

    def test_what_a_client_gave_up_on_is_stored_all_the_same_and_harms_nobody(self):
        log = HeldLog()
        with serving(log, topics=[topic("t")]) as gateway:
            with gateway.connect() as connection:
                connection.sendall(head("/topics/t", len(body())) + body())
                assert log.submitted.acquire(timeout=30)
            log.released.set()
            assert gateway.produce("/topics/t", body(2)).status_code == 200
            assert sorted(gateway.values("t")) == [b"1", b"2"]


class TestAClientIsSlowOrBroken:
    def test_a_slow_body_is_taken_and_stops_nobody_else(self):
        with serving() as gateway, gateway.connect() as slow:
            slow.sendall(head("/topics/slow", len(body())))
            for byte in body():
                slow.sendall(bytes([byte]))
                assert gateway.produce("/topics/t", body()).status_code == 200
            assert slow.recv(65536).startswith(b"HTTP/1.1 200 OK")
            assert gateway.values("slow") == [b"1"]

    def test_a_body_that_breaks_off_stores_nothing(self):
        with serving() as gateway:
            with gateway.connect() as broken:
                broken.sendall(head("/topics/t", 1000) + body())
            with gateway.connect() as broken:
                broken.sendall(head("/topics/t", 1000)[:-2] + b"Transfer-Encoding: chunked\r\n\r\n")
            assert gateway.request("GET", "/topics").json() == []
            assert gateway.produce("/topics/t", body(2)).status_code == 200
            assert gateway.values("t") == [b"2"]

    def test_what_is_no_http_is_refused_and_harms_nobody(self, capfd):
        with serving() as gateway:
            for nonsense in (
                b"\x16\x03\x01\x02\x00\x01",
                b"GET\r\n\r\n",
                b"\0" * 1000,
                b"A" * 70000,
            ):
                with gateway.connect() as connection:
                    connection.sendall(nonsense)
            assert gateway.request("GET", "/health").status_code == 200
        capfd.readouterr()

    def test_idle_connections_keep_nobody_out(self):
        with serving() as gateway:
            idle = [gateway.connect() for _ in range(200)]
            assert gateway.produce("/topics/t", body()).status_code == 200
            for connection in idle:
                connection.close()


class TestABodyIsTooLarge:
    LIMIT = 1 << 20

    @pytest.fixture
    def gateway(self):
        with serving(max_body_bytes=self.LIMIT) as server:
            yield server

    def sized(self, size):
        empty = b'{"records":[{"value":""}]}'
        return empty.replace(b'""', b'"%s"' % (b"x" * (size - len(empty))))

    def chunks(self, size):
        whole = self.sized(size)
        return (whole[start : start + 65536] for start in range(0, size, 65536))

    @pytest.mark.parametrize("shape", ["sized", "chunks"])
    def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_413(self, gateway, shape):
        make, headers = getattr(self, shape), {"Content-Type": JSON_V2}
        for size, status in ((self.LIMIT, 200), (self.LIMIT + 1, 413)):
            answer = gateway.request("POST", "/topics/t", data=make(size), headers=headers)
            assert answer.status_code == status
        assert answer.json()["error_code"] == 413
        assert str(self.LIMIT) in answer.json()["message"]
        assert len(gateway.values("t")) == 1

    def test_the_limit_is_the_same_for_a_body_that_comes_in_one_piece(self):
        with serving(max_body_bytes=100) as gateway:
            assert gateway.produce("/topics/t", self.sized(100)).status_code == 200
            assert gateway.produce("/topics/t", self.sized(101)).status_code == 413
            for size, status in ((100, 200), (101, 413)):
                chunk, headers = iter([self.sized(size)]), {"Content-Type": JSON_V2}
                answer = gateway.request("POST", "/topics/t", data=chunk, headers=headers)
                assert answer.status_code == status

    @pytest.mark.parametrize("shape", ["sized", "chunks"])
    @pytest.mark.parametrize("times", [2, 4])
    def test_a_client_that_sends_all_before_it_reads_gets_its_413(self, gateway, shape, times):
        data, headers = getattr(self, shape)(times * self.LIMIT), {"Content-Type": JSON_V2}
        answer = gateway.request("POST", "/topics/t", data=data, headers=headers)
        assert answer.status_code == 413
        assert answer.headers["Connection"] == "close"

    def test_a_client_that_asks_first_is_refused_before_it_sends(self, gateway):
        with gateway.connect() as connection:
            connection.sendall(head("/topics/t", 1 << 40, "Expect: 100-continue"))
            assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")

    def test_the_limit_holds_for_every_protocol(self, gateway):
        data = b'{"Data":"%s","PartitionKey":"p"}' % (b"x" * self.LIMIT)
        assert gateway.request("PUT", "/streams/s/record", data=data).status_code == 413
        assert gateway.request("POST", "/", data=data).status_code == 413


class TestManyAtOnce:
    def test_64_clients_with_fresh_connections_lose_nothing_and_double_nothing(self, tmp_path):
        each = 20
        with serving(SqliteLog(tmp_path / "log.db")) as gateway:
            offsets = self.post(gateway, each)
            values = [json.loads(value) for value in gateway.values("t")]
            assert sorted(values) == list(range(CLIENTS * each))
            assert {offset: values[offset] for offset in offsets} == offsets

    def post(self, gateway, each):
        """Post from all clients at once; return the value of each acknowledged offset."""
        together = threading.Barrier(CLIENTS)

        def client(number):
            together.wait()
            return [(self.one(gateway, v), v) for v in range(number * each, (number + 1) * each)]

        with ThreadPoolExecutor(CLIENTS) as pool:
            return dict(entry for found in pool.map(client, range(CLIENTS)) for entry in found)

    def one(self, gateway, value):
        answer = requests.post(
            f"{gateway.url}/topics/t",
            data=body(value),
            headers={"Content-Type": JSON_V2},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["offsets"][0]["offset"]

    def test_a_topic_that_all_make_at_once_is_made_once(self, tmp_path):
        with serving(SqliteLog(tmp_path / "log.db")) as gateway:
            for attempt in range(5):
                together = threading.Barrier(16)

                def post(number, name=f"new-{attempt}", together=together):
                    together.wait()
                    return gateway.produce(f"/topics/{name}", body(number)).status_code

                with ThreadPoolExecutor(16) as pool:
                    assert set(pool.map(post, range(16))) == {200}
                assert len(gateway.values(f"new-{attempt}")) == 16

    def test_a_request_is_stored_whole_whatever_goes_on_beside_it(self, tmp_path):
        with serving(SqliteLog(tmp_path / "log.db")) as gateway, ThreadPoolExecutor(8) as pool:
            batches = [
                {"records": [{"value": [batch, n]} for n in range(50)]} for batch in range(40)
            ]
            answers = pool.map(lambda batch: gateway.produce("/topics/t", batch), batches)
            assert all(answer.status_code == 200 for answer in answers)
            values = [tuple(json.loads(value)) for value in gateway.values("t")]
            starts = range(0, len(values), 50)
            assert all(
                values[at : at + 50] == [(values[at][0], n) for n in range(50)] for at in starts
            )
            assert len({batch for batch, _ in values}) == 40


def test_a_server_that_stops_answers_what_is_under_way():
    log = HeldLog()
    log.create(topic("t"))
    with ThreadPoolExecutor() as pool, closing(log):
        with serving(log) as gateway:
            pending = pool.submit(gateway.produce, "/topics/t", body())
            assert log.submitted.acquire(timeout=30)
            threading.Thread(target=lambda: (time.sleep(0.3), log.released.set())).start()
        assert pending.result(30).status_code == 200
