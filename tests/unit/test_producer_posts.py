"""Posting: what is sent, in which order, and that a stop anywhere leaves out nothing."""

import json
import random

import pytest

from harness.faulty_gateway import DROP, LOSE, OK, FaultyGateway
from pinlake.dataset import StreamRoute, load
from pinlake.errors import (
    GatewayForbids,
    GatewayUnreachable,
    ProducerStateUnusable,
    SettingInvalid,
    SourceFailed,
)
from pinlake.producer.connection import Patience
from pinlake.producer.emulation import post
from pinlake.source.database import DatabaseSource
from pinlake.source.sample import generate, write_sample

ID = "0abc12345678"
PINTEREST = load("pinterest")
CLASSIC = [7528, 2863, 5730, 8304, 8731, 1313, 4315, 10794, 5494, 5069]
TABLES = ("pin", "geo", "user")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('source') / 'source.db'}"
    write_sample(PINTEREST, url, 11001)
    with DatabaseSource(url) as source:
        yield source


@pytest.fixture
def run(source, tmp_path):
    """Post as the command line does, but without real waits."""

    def run(url, via="kafka", posts=10, **others):
        arguments = {
            "user_id": ID,
            "seed": None,
            "rate": None,
            "state": tmp_path / "producer" / f"{via}.json",
            "sleep": lambda _seconds: None,
            "rng": random.Random(1),
        }
        return post(PINTEREST, source, url, via=via, posts=posts, **{**arguments, **others})

    return run


def route(via, table):
    return f"{ID}.{table}" if via == "kafka" else f"streaming-{ID}-{table}"


@pytest.mark.parametrize("via", ["kafka", "kinesis"])
@pytest.mark.parametrize("batch", [1, 4])
def test_every_table_gets_the_classic_rows_in_order(run, via, batch):
    with FaultyGateway() as gateway:
        report = run(gateway.url, via, batch=batch)
    for table in TABLES:
        assert gateway.numbers(route(via, table)) == CLASSIC
        made = [next(generate(PINTEREST, table, number, 1)) for number in CLASSIC]
        assert gateway.rows(route(via, table)) == made
    assert (report.posts, report.sent, report.retried, report.refused) == (10, 30, 0, 0)
    assert len(gateway.requests) == (30 if batch == 1 else 9)
    assert gateway.connections == 1


def test_a_kafka_request_is_the_classic_script_s(run):
    with FaultyGateway() as gateway:
        run(f"{gateway.url}/test/", posts=1)
    paths = [(method, path) for method, path, *_ in gateway.requests]
    assert paths == [("POST", f"/test/topics/{ID}.{table}") for table in TABLES]
    _, _, headers, body = gateway.requests[1]
    assert headers["Content-Type"] == "application/vnd.kafka.json.v2+json"
    assert body == {"records": [{"value": next(generate(PINTEREST, "geo", 7528, 1))}]}


def test_a_kinesis_request_is_the_classic_script_s(run):
    with FaultyGateway() as gateway:
        run(gateway.url, "kinesis", posts=1)
    stream = f"streaming-{ID}-user"
    method, path, headers, body = gateway.requests[2]
    assert (method, path) == ("PUT", f"/streams/{stream}/record")
    assert headers["Content-Type"] == "application/json"
    assert body == {
        "StreamName": stream,
        "Data": next(generate(PINTEREST, "user", 7528, 1)),
        "PartitionKey": "user-partition",
    }


@pytest.mark.parametrize("via", ["kafka", "kinesis"])
def test_the_next_run_goes_on_with_the_next_draw(run, via):
    with FaultyGateway() as gateway:
        reports = [run(gateway.url, via, posts=posts) for posts in (3, 1, 6)]
    assert gateway.numbers(route(via, "user")) == CLASSIC
    assert [report.draws for report in reports] == [3, 4, 10]


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("answered", range(1, 9))
def test_a_stop_in_the_middle_goes_on_with_the_table_that_was_not_answered(run, answered, batch):
    script = [OK] * answered + [503] * 3
    with FaultyGateway(script) as gateway:
        with pytest.raises(GatewayUnreachable):
            run(gateway.url, posts=9, batch=batch, patience=Patience(attempts=3, attempts_unmet=3))
        done = answered // 3 * batch
        report = run(gateway.url, posts=9 - done, batch=batch)
    for table in TABLES:
        assert gateway.numbers(route("kafka", table)) == CLASSIC[:9]
    assert report.draws == 9
    assert report.sent == 27 - answered * batch


def test_a_stop_in_a_batch_goes_on_with_a_batch_of_that_size(run):
    patience = Patience(attempts=2, attempts_unmet=2)
    with FaultyGateway([OK, 503, 503]) as gateway:
        with pytest.raises(GatewayUnreachable):
            run(gateway.url, posts=4, batch=4, patience=patience)
        run(gateway.url, posts=6, batch=1)
    for table in TABLES:
        assert gateway.numbers(route("kafka", table)) == CLASSIC[:6]


def test_fewer_posts_than_the_batch_that_was_begun_leave_out_nothing(run):
    patience = Patience(attempts=2, attempts_unmet=2)
    with FaultyGateway([OK, 503, 503]) as gateway:
        with pytest.raises(GatewayUnreachable):
            run(gateway.url, posts=4, batch=4, patience=patience)
        run(gateway.url, posts=2)
        run(gateway.url, posts=4)
    for table in ("geo", "user"):
        assert gateway.numbers(route("kafka", table)) == CLASSIC[:6]
    assert set(gateway.numbers(route("kafka", "pin"))) == set(CLASSIC[:6])


def test_each_route_and_each_state_has_its_own_place(run, tmp_path):
    with FaultyGateway() as gateway:
        run(gateway.url, "kafka", posts=5)
        run(gateway.url, "kinesis", posts=2)
        run(gateway.url, "kafka", posts=2, state=tmp_path / "other.json")
    assert gateway.numbers(route("kinesis", "pin")) == CLASSIC[:2]
    assert gateway.numbers(route("kafka", "pin")) == CLASSIC[:5] + CLASSIC[:2]


def test_another_seed_is_another_sequence_from_its_start(run):
    with FaultyGateway() as gateway:
        run(gateway.url, posts=3)
        assert run(gateway.url, posts=3, seed=7).draws == 3
    assert gateway.numbers(route("kafka", "pin"))[:3] == CLASSIC[:3]
    assert gateway.numbers(route("kafka", "pin"))[3:] != CLASSIC[:3]


def test_lost_answers_and_dropped_connections_only_repeat(run):
    script = [OK, DROP, LOSE, OK, DROP, DROP, OK, LOSE]
    with FaultyGateway(script) as gateway:
        report = run(gateway.url, posts=10)
    for table in TABLES:
        assert dict.fromkeys(gateway.numbers(route("kafka", table))) == dict.fromkeys(CLASSIC)
    assert len(gateway.taken) == 30 + 2
    assert (report.sent, report.retried) == (30, 5)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_sent_again(run, status):
    with FaultyGateway([status, OK, status]) as gateway:
        report = run(gateway.url, posts=2)
    assert (report.sent, report.retried, report.refused) == (6, 2, 0)
    assert gateway.numbers(route("kafka", "user")) == CLASSIC[:2]


def test_a_throttled_kinesis_is_tried_again_although_it_says_400(run):
    code = "ProvisionedThroughputExceededException"
    throttled = (400, None, json.dumps({"__type": code, "message": "Rate exceeded"}))
    with FaultyGateway([throttled]) as gateway:
        report = run(gateway.url, "kinesis", posts=1)
    assert (report.sent, report.retried, report.refused) == (3, 1, 0)


@pytest.mark.parametrize("status", [401, 403])
def test_who_is_not_let_in_stops_and_goes_on_there_later(run, status):
    with FaultyGateway([OK, status]) as gateway:
        with pytest.raises(GatewayForbids, match=f"{status} told to say {status}"):
            run(gateway.url, posts=2)
        report = run(gateway.url, posts=1)
    assert (report.posts, report.sent, report.draws) == (1, 2, 1)
    assert gateway.numbers(route("kafka", "pin")) == [CLASSIC[0]]
    assert gateway.numbers(route("kafka", "geo")) == [CLASSIC[0]]


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_a_refusal_is_counted_told_and_passed_over(run, status):
    with FaultyGateway([OK, status, OK, status]) as gateway:
        report = run(gateway.url, posts=2)
    assert (report.posts, report.sent, report.refused, report.retried) == (2, 4, 2, 0)
    assert report.first_refusal == f"{status} told to say {status}"
    assert f"2 records refused, the first with: {status} told" in str(report)


def test_an_answer_that_acknowledges_nothing_is_a_refusal(run):
    page = (200, {"Content-Type": "text/html"}, "<h1>Welcome</h1>")
    with FaultyGateway([page] * 6) as gateway:
        kafka = run(gateway.url, posts=1)
        kinesis = run(gateway.url, "kinesis", posts=1)
    assert (kafka.sent, kafka.refused, kinesis.sent, kinesis.refused) == (0, 3, 0, 3)
    assert "is this a gateway? <h1>Welcome" in kafka.first_refusal


def test_of_a_batch_only_the_records_that_may_pass_are_sent_again(run):
    entries = [{"offset": 1}, {"error_code": 2, "error": "later"}, {"error_code": 1, "error": "no"}]
    with FaultyGateway([(200, None, json.dumps({"offsets": entries}))]) as gateway:
        report = run(gateway.url, posts=3, batch=3)
    assert gateway.numbers(route("kafka", "pin")) == [CLASSIC[1]]
    assert (report.sent, report.refused, report.retried) == (8, 1, 1)
    assert report.first_refusal == "1 no"


def test_of_put_records_only_the_throttled_are_sent_again(run):
    code = "ProvisionedThroughputExceededException"
    entries = [{"ErrorCode": code, "ErrorMessage": "x"}, {"SequenceNumber": "49"}]
    answer = json.dumps({"FailedRecordCount": 1, "Records": entries})
    with FaultyGateway([(200, None, answer)]) as gateway:
        report = run(gateway.url, "kinesis", posts=2, batch=2)
    assert gateway.numbers(route("kinesis", "pin")) == [CLASSIC[0]]
    assert (report.sent, report.refused, report.retried) == (6, 0, 1)


def test_records_that_never_pass_end_the_run(run):
    never = (200, None, json.dumps({"offsets": [{"error_code": 2, "error": "later"}]}))
    with FaultyGateway([never] * 50) as gateway, pytest.raises(GatewayUnreachable, match="2 later"):
        run(gateway.url, posts=1)
    assert len(gateway.requests) == 0


def test_progress_tells_posts_of_posts(run):
    seen = []
    with FaultyGateway([OK, 404, 503]) as gateway:
        run(gateway.url, posts=3, progress=seen.append)
    assert [(at.posts, at.wanted, at.sent, at.retried, at.refused) for at in seen] == [
        (1, 3, 2, 1, 1), (2, 3, 5, 1, 1), (3, 3, 8, 1, 1),
    ]  # fmt: skip


def test_a_rate_spreads_the_posts_evenly(run):
    now, slept = [100.0], []

    def sleep(seconds):
        slept.append(round(seconds, 3))
        now[0] += seconds

    with FaultyGateway() as gateway:
        run(gateway.url, posts=5, rate=2.0, clock=lambda: now[0], sleep=sleep)
    assert slept == [0.5, 0.5, 0.5, 0.5]
    assert gateway.numbers(route("kafka", "pin")) == CLASSIC[:5]


def test_the_drawn_pace_sleeps_as_the_classic_script_does(run):
    slept = []
    with FaultyGateway() as gateway:
        run(gateway.url, posts=10, rate="drawn", sleep=slept.append)
    random.seed(100)
    classic = [(random.randrange(0, 2), random.randint(0, 11000))[0] for _ in range(10)]
    assert slept == [seconds for seconds in classic if seconds]


def test_rows_that_the_source_does_not_have_end_the_run_with_what_to_do(tmp_path):
    url = f"sqlite:///{tmp_path / 'small.db'}"
    write_sample(PINTEREST, url, 100)
    with (
        FaultyGateway() as gateway,
        DatabaseSource(url) as small,
        pytest.raises(SourceFailed, match="make more with `pinlake sample --rows"),
    ):
        post(
            PINTEREST, small, gateway.url, via="kafka", posts=1, user_id=ID, seed=None, rate=None,
            state=tmp_path / "state.json",
        )  # fmt: skip
    assert not gateway.requests


def test_a_torn_state_file_is_named_and_nothing_is_sent(run, tmp_path):
    state = tmp_path / "state.json"
    state.write_text('{"seed": 100, "fi')
    with (
        FaultyGateway() as gateway,
        pytest.raises(ProducerStateUnusable, match="delete it to post"),
    ):
        run(gateway.url, state=state)
    assert not gateway.requests
    assert state.read_text() == '{"seed": 100, "fi'


@pytest.mark.parametrize(
    ("others", "name"),
    [
        ({"via": "pigeon"}, "via"),
        ({"batch": 0}, "batch"),
        ({"batch": 501, "via": "kinesis"}, "batch"),
        ({"user_id": "0ABC12345678"}, "user_id"),
        ({"user_id": "short"}, "user_id"),
        ({"url": "localhost:8082"}, "url"),
        ({"url": "ftp://127.0.0.1"}, "url"),
        ({"url": "http://127.0.0.1:port"}, "url"),
    ],
)
def test_what_cannot_be_posted_is_refused_before_anything_is_sent(run, tmp_path, others, name):
    with FaultyGateway() as gateway:
        with pytest.raises(SettingInvalid, match=f"post: {name} = "):
            run(**{"url": gateway.url, **others})
        assert not gateway.requests
    assert not (tmp_path / "producer").exists()


def test_a_table_without_such_a_route_is_refused(source, tmp_path):
    pin = PINTEREST.tables["pin"]
    closed = type(pin)(pin.name, columns=pin.columns, source_table=pin.source_table)
    dataset = type(PINTEREST)(
        "x", PINTEREST.path, {**PINTEREST.tables, "pin": closed}, {}, PINTEREST.producer, 1
    )
    with FaultyGateway() as gateway, pytest.raises(SettingInvalid, match="the table pin no such"):
        post(
            dataset, source, gateway.url, via="kinesis", posts=1, user_id=ID, seed=None, rate=None,
            state=tmp_path / "state.json",
        )  # fmt: skip


def test_a_shared_stream_gets_a_key_that_its_table_takes(source, tmp_path):
    pin = PINTEREST.tables["pin"]
    shared = type(pin)(
        pin.name,
        streams=(StreamRoute("Kinesis-Prod-Stream", "board-*"),),
        columns=pin.columns,
        source_table=pin.source_table,
    )
    dataset = type(PINTEREST)(
        "x", PINTEREST.path, {**PINTEREST.tables, "pin": shared}, {}, PINTEREST.producer, 1
    )
    with FaultyGateway() as gateway:
        post(
            dataset, source, gateway.url, via="kinesis", posts=1, user_id=ID, seed=None, rate=None,
            state=tmp_path / "state.json",
        )  # fmt: skip
    assert gateway.requests[0][3]["PartitionKey"] == "board-partition"
    assert gateway.requests[0][1] == "/streams/Kinesis-Prod-Stream/record"
