"""What stands around the protocols: health, metrics, the pages, CORS."""

import re
from html.parser import HTMLParser

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway_server import JSON_V2, FailingLog, serving
from pinlake.gateway.metrics import BOUNDS, CLASSES, PROTOCOLS
from pinlake.log.memory import MemoryLog
from pinlake.record import stream, topic

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
RECORD = {"records": [{"value": 1}]}


@pytest.fixture
def gateway():
    with serving(topics=[topic("a.pin"), stream("streaming-<b>")]) as server:
        yield server


def samples(gateway):
    """Return every sample of /metrics by its name and labels."""
    text = gateway.request("GET", "/metrics").text
    return {
        (each.name, *sorted(each.labels.values())): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def test_health_says_that_the_process_lives(gateway):
    answer = gateway.request("GET", "/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready_says_that_the_log_takes_records(gateway):
    answer = gateway.request("GET", "/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


def test_a_gateway_whose_log_is_closed_lives_but_is_not_ready():
    log = MemoryLog()
    with serving(log) as gateway:
        log.close()
        assert gateway.request("GET", "/health").status_code == 200
        answer = gateway.request("GET", "/ready")
        assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
        assert "closed" in answer.json()["reason"]


def test_a_gateway_that_could_not_store_is_not_ready_until_it_can():
    log = FailingLog()
    with serving(log, topics=[topic("t")]) as gateway:
        log.failing = True
        assert gateway.produce("/topics/t", RECORD).status_code == 503
        log.failing = False
        assert gateway.request("GET", "/ready").status_code == 503
        assert gateway.produce("/topics/t", RECORD).status_code == 200
        assert gateway.request("GET", "/ready").status_code == 200


def test_metrics_count_requests_by_protocol_and_class_of_status(gateway):
    gateway.produce("/topics/a.pin", RECORD)
    gateway.produce("/topics/a.pin", "{")
    gateway.request("PUT", "/streams/s/record", json={"Data": 1, "PartitionKey": "p"})
    gateway.request("GET", "/nope")
    found = samples(gateway)
    assert found["pinlake_requests_total", "2xx", "kafka"] == 1
    assert found["pinlake_requests_total", "4xx", "kafka"] == 1
    assert found["pinlake_requests_total", "2xx", "kinesis"] == 1
    assert found["pinlake_requests_total", "4xx", "gateway"] == 1


def test_metrics_count_acknowledged_records_and_failed_appends():
    log = FailingLog()
    with serving(log) as gateway:
        gateway.produce("/topics/t", {"records": [{"value": 1}] * 7})
        log.failing = True
        gateway.produce("/topics/t", RECORD)
        found = samples(gateway)
        assert found["pinlake_records_total", "topic"] == 7
        assert found["pinlake_records_total", "stream"] == 0
        assert found[("pinlake_append_failures_total",)] == 1


def test_metrics_tell_how_long_requests_took(gateway):
    for _ in range(5):
        gateway.produce("/topics/a.pin", RECORD)
    found = samples(gateway)
    buckets = [found["pinlake_request_seconds_bucket", str(bound), "kafka"] for bound in BOUNDS]
    assert buckets == sorted(buckets)
    assert found["pinlake_request_seconds_bucket", "+Inf", "kafka"] == 5
    assert 0 < found["pinlake_request_seconds_sum", "kafka"] < 30


def test_labels_of_metrics_come_from_closed_sets_whatever_is_asked(gateway):
    before = set(samples(gateway))
    for number in range(20):
        gateway.request("GET", f"/made/up/{number}")
        gateway.produce(f"/topics/made-up-{number}", RECORD)
        gateway.request(f"VERB{number}", "/")
    assert set(samples(gateway)) == before
    labels = {label for name, *of in before if name == "pinlake_requests_total" for label in of}
    assert labels == {*PROTOCOLS, *CLASSES}


class TestPages:
    class Links(HTMLParser):
        def __init__(self, text):
            super().__init__()
            self.found = []
            self.feed(text)

        def handle_starttag(self, tag, attributes):
            names = ("href", "src")
            self.found += [value for name, value in attributes if name in names and value]

    def test_the_live_page_counts_what_is_in_the_log(self, gateway):
        gateway.produce("/topics/a.pin", {"records": [{"value": 1}] * 1234})
        answer = gateway.request("GET", "/", headers=HTML)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        row = "<td>a.pin</td><td>topic</td><td>1</td><td>1,234</td>"
        assert row in answer.text

    def test_names_are_text_on_the_page_and_no_markup(self, gateway):
        page = gateway.request("GET", "/", headers=HTML).text
        assert "streaming-&lt;b&gt;" in page
        assert "<b>" not in page

    def test_the_live_page_of_an_empty_log_says_so(self):
        with serving() as gateway:
            assert "none yet" in gateway.request("GET", "/", headers=HTML).text

    @pytest.mark.parametrize("path", ["/", "/docs"])
    def test_a_page_loads_nothing_and_leads_to_what_is_there(self, gateway, path):
        page = gateway.request("GET", path, headers=HTML).text
        assert "http://" not in page
        assert "https://" not in page
        assert not re.search(r"<script|@import|url\(", page)
        for link in self.Links(page).found:
            if not link.startswith("data:"):
                assert gateway.request("GET", f"/{link}").status_code == 200

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
    def test_every_other_look_at_the_root_is_kinesis(self, gateway, method):
        signed = {**HTML, "Authorization": "AWS4-HMAC-SHA256 x"} if method == "GET" else {}
        answer = gateway.request(method, "/", headers=signed)
        assert answer.json()["__type"] == "AccessDeniedException"

    def test_the_docs_name_every_route(self, gateway):
        page = gateway.request("GET", "/docs").text
        for path in gateway.request("GET", "/openapi.json").json()["paths"]:
            assert f"<code>{path}</code>" in page


class TestOpenApi:
    @pytest.fixture
    def document(self, gateway):
        return gateway.request("GET", "/openapi.json").json()

    def operations(self, document):
        return [one for path in document["paths"].values() for one in path.values()]

    def test_it_is_a_document_of_version_3_1(self, document):
        assert document["openapi"] == "3.1.0"
        assert document["info"].keys() == {"title", "version"}

    def test_every_operation_has_a_name_of_its_own(self, document):
        names = [operation["operationId"] for operation in self.operations(document)]
        assert len(names) == len(set(names))

    def test_every_part_of_a_path_in_braces_is_a_parameter(self, document):
        for path, methods in document["paths"].items():
            for operation in methods.values():
                declared = [parameter["name"] for parameter in operation["parameters"]]
                assert declared == re.findall(r"\{(\w+)\}", path)

    def test_a_produce_declares_its_content_types(self, document):
        body = document["paths"]["/topics/{topic}"]["post"]["requestBody"]
        assert JSON_V2 in body["content"]

    def test_no_route_it_names_is_unknown(self, gateway, document):
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if "Not yet" in operation["summary"]:
                    continue
                answer = gateway.request(method.upper(), re.sub(r"\{\w+\}", "0", path))
                assert answer.status_code != 405
                assert "no such path" not in answer.text


ASKED = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type,x-api-key",
}


class TestCors:
    @pytest.mark.parametrize("path", ["/topics/t", "/", "/test/streams/s/record", "/nope"])
    def test_a_preflight_is_answered_on_every_path(self, gateway, path):
        asked = {**ASKED, "Origin": "http://localhost:3000"}
        answer = gateway.request("OPTIONS", path, headers=asked)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        assert answer.headers["Access-Control-Allow-Headers"] == "content-type,x-api-key"
        assert "Content-Length" not in answer.headers

    @pytest.mark.parametrize(
        "origin",
        ["http://localhost", "http://127.0.0.1:8000", "https://localhost:1", "http://[::1]:3"],
    )
    def test_a_page_of_this_machine_may_read_the_answers(self, gateway, origin):
        answer = gateway.produce("/topics/t", RECORD, Origin=origin)
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert answer.headers["Vary"] == "Origin"

    @pytest.mark.parametrize(
        "origin",
        ["https://example.com", "http://localhost.example.com", "null", "http://localhost@x"],
    )
    def test_a_page_of_another_origin_may_not(self, gateway, origin):
        for headers in ({"Origin": origin}, {**ASKED, "Origin": origin}):
            answer = gateway.request("OPTIONS", "/topics/t", headers=headers)
            assert "Access-Control-Allow-Origin" not in answer.headers
            assert answer.status_code == 204

    @pytest.mark.parametrize("origin", ["https://example.com", "null"])
    @pytest.mark.parametrize(
        ("method", "path"),
        [("POST", "/topics/t"), ("POST", "/streams/s/record"), ("PUT", "/streams/s/record")],
    )
    def test_a_page_of_another_origin_cannot_write_without_asking(
        self, gateway, method, path, origin
    ):
        headers = {"Origin": origin, "Content-Type": "text/plain"}
        data = '{"records":[{"value":1}],"Data":1,"PartitionKey":"p"}'
        assert gateway.request(method, path, data=data, headers=headers).status_code == 403
        assert gateway.request("GET", "/topics").json() == ["a.pin"]
        assert gateway.request("GET", "/streams").json()["StreamNames"] == ["streaming-<b>"]

    def test_a_page_of_another_origin_may_be_looked_at_but_not_by_its_scripts(self, gateway):
        answer = gateway.request("GET", "/topics", headers={"Origin": "https://example.com"})
        assert answer.status_code == 200
        assert "Access-Control-Allow-Origin" not in answer.headers
