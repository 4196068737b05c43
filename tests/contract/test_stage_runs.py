"""Whole stages over a real log, lake and engine."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from pinlake.errors import LogExchanged, LogUnusable, TableExchanged, WriterBusy
from pinlake.lake import tables
from pinlake.lake.open import open_lake
from pinlake.lake.progress import Plans
from pinlake.log.open import open_reader
from pinlake.record import stream, topic
from pinlake.settings import Batch, Sink, Stream
from pinlake.stage.loop import run_stage
from pinlake.stage.status import status
from stage_homes import STREAM, TOPIC, contents, make_home, once, post, rows, value

BATCH = ("sink", "load", "clean")


@pytest.fixture
def made(tmp_path):
    return make_home(tmp_path)


def numbers(*spans):
    return [(number,) for span in spans for number in span]


def wait_until(met, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


class Running:
    """A stage that runs for ever in a thread."""

    def __init__(self, stage, home, dataset):
        self.stop, self.report, self.events = threading.Event(), None, []
        self.thread = threading.Thread(target=self.run, args=(stage, home, dataset))

    def run(self, stage, home, dataset):
        self.report = run_stage(
            stage, home, dataset, once=False, stop=self.stop, report=self.events.append
        )

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive()


def test_records_of_a_topic_become_clean_rows_once_however_often_the_stages_run(made):
    home, dataset = made
    for first in (0, 30):
        post(home, TOPIC, [value(number) for number in range(first, first + 30)])
        for stage in BATCH * 2:
            once(stage, home, dataset)
    assert rows(home, "raw/sale") == numbers(range(60))
    assert rows(home, "clean/sale") == numbers(range(60))


def test_records_of_a_stream_become_rows_once(made):
    home, dataset = made
    for first in (0, 30):
        post(home, STREAM, [value(number) for number in range(first, first + 30)])
        assert once("stream", home, dataset).rows == 30
        assert once("stream", home, dataset).rows == 0
    assert rows(home, "stream/sale") == numbers(range(60))


def test_a_report_counts_what_a_stage_did(made):
    home, dataset = made
    post(home, TOPIC, [value(number) for number in range(45)])
    report = once("sink", home, dataset)
    assert (report.steps, report.rows, report.objects) == (3, 45, 3)
    assert once("load", home, dataset).rows == 45


def test_a_topic_that_nobody_claims_is_a_raw_table(made):
    home, dataset = made
    post(home, topic("other"), [b'{"x": 1}', b"[1, 2]"])
    for stage in BATCH:
        once(stage, home, dataset)
    assert rows(home, "raw/other", "value, _offset") == [("[1,2]", 1), ('{"x":1}', 0)]


def test_a_stream_that_nobody_claims_is_a_stream_table(made):
    home, dataset = made
    post(home, stream("other"), [b'{"x": 1}'])
    once("stream", home, dataset)
    assert len(rows(home, "stream/other", "value")) == 1


def test_a_shared_stream_gives_a_table_its_keys_and_the_rest_to_quarantine(made):
    home, dataset = made
    post(home, stream("shared"), [value(1)], key=b"sale-7")
    post(home, stream("shared"), [value(2)], key=b"other")
    once("stream", home, dataset)
    assert rows(home, "stream/sale") == [(1,)]
    assert len(rows(home, "quarantine/stream/_unrouted", "position")) == 1


def test_claimed_topics_are_streamed_where_it_is_set(tmp_path):
    home, dataset = make_home(tmp_path, stream=Stream(topics=True))
    post(home, TOPIC, [value(1)])
    post(home, STREAM, [value(2)])
    once("stream", home, dataset)
    assert rows(home, "stream/sale") == [(1,), (2,)]


def test_small_plans_take_a_backlog_piece_by_piece(tmp_path):
    home, dataset = make_home(
        tmp_path,
        batch=Batch(plan_bytes=300),
        stream=Stream(plan_bytes=300),
        sink=Sink(flush_size=5),
    )
    for name in (TOPIC, STREAM):
        post(home, name, [value(number) for number in range(40)])
    reports = {stage: once(stage, home, dataset) for stage in (*BATCH, "stream")}
    assert len(contents(home)) == 8
    assert reports["load"].steps > 2
    assert reports["stream"].steps > 2
    assert rows(home, "clean/sale") == rows(home, "stream/sale") == numbers(range(40))


def test_one_table_alone_may_be_run(made):
    home, dataset = made
    post(home, TOPIC, [value(1)])
    post(home, topic("other"), [value(2)])
    once("sink", home, dataset)
    once("load", home, dataset, table="other")
    assert rows(home, "raw/sale") == []
    assert len(rows(home, "raw/other", "value")) == 1


def test_without_a_log_once_does_nothing_and_says_so(made):
    home, dataset = made
    assert str(once("sink", home, dataset)) == "sink: 0 records in 0 objects"
    assert once("load", home, dataset).steps == 0


def test_a_file_that_is_no_log_is_an_error_once(made):
    home, dataset = made
    (home.path / "log.db").write_bytes(b"this is no log" * 100)
    with pytest.raises(LogUnusable):
        once("stream", home, dataset)


def test_for_ever_a_stage_waits_for_the_log_and_finds_what_comes(made):
    home, dataset = made
    with Running("stream", home, dataset) as running:
        time.sleep(0.3)
        post(home, STREAM, [value(1)])
        wait_until(lambda: rows(home, "stream/sale") == [(1,)])
        post(home, stream("late"), [value(2)])
        wait_until(lambda: len(rows(home, "stream/late", "value")) == 1)
    assert running.report.rows == 2


def test_for_ever_the_sink_closes_an_object_by_its_age(made):
    home, dataset = made
    post(home, TOPIC, [value(1)])
    with Running("sink", home, dataset):
        wait_until(lambda: len(contents(home)) == 1)
        post(home, TOPIC, [value(2)])
        wait_until(lambda: len(contents(home)) == 2)


def test_a_second_process_of_a_stage_is_told_that_the_table_is_busy(made):
    home, dataset = made
    post(home, STREAM, [value(1)])
    with Plans(open_lake(home), "stream", "sale").claim(), pytest.raises(WriterBusy):
        once("stream", home, dataset)


def test_a_lake_fed_by_another_log_is_refused(made):
    home, dataset = made
    for name in (TOPIC, STREAM):
        post(home, name, [value(1)])
    once("sink", home, dataset)
    once("stream", home, dataset)
    for path in Path(home.path).glob("log.*"):
        path.unlink()
    for name in (TOPIC, STREAM):
        post(home, name, [value(2), value(3)])
    for stage in ("sink", "stream"):
        with pytest.raises(LogExchanged, match="another log"):
            once(stage, home, dataset)
    assert rows(home, "stream/sale") == [(1,)]


def test_a_raw_table_rebuilt_alone_is_not_cleaned_on(made):
    home, dataset = made
    post(home, TOPIC, [value(1)])
    for stage in BATCH:
        once(stage, home, dataset)
    lake = open_lake(home)
    lake.delete_tree("raw/sale")
    lake.delete_tree("progress/load/sale")
    tables.forget(lake, "raw/sale")
    once("load", home, dataset)
    with pytest.raises(TableExchanged, match="rebuilt alone"):
        once("clean", home, dataset)
    assert rows(home, "clean/sale") == [(1,)]


def test_status_tells_rows_and_what_each_stage_has_not_taken_yet(made):
    home, dataset = made
    post(home, TOPIC, [value(number) for number in range(45)])
    log = open_reader(home.log_url)

    def found(stage, table="sale"):
        (each,) = [e for e in status(home, dataset, log) if (e.stage, e.table) == (stage, table)]
        return each

    assert (found("sink", "sales").lag, found("load").plan) == (45, None)
    once("sink", home, dataset)
    assert (found("sink", "sales").lag, found("sink", "sales").plan) == (0, 3)
    assert (found("load").lag, found("load").unit) == (3, "objects")
    once("load", home, dataset)
    assert (found("load").lag, found("load").rows) == (0, 45)
    assert found("clean").lag > 0
    once("clean", home, dataset)
    assert (found("clean").lag, found("clean").rows, found("clean").running) == (0, 45, False)
    with Plans(open_lake(home), "clean", "sale").claim():
        assert found("clean").running
    log.close()


def test_status_of_an_empty_home_is_all_zero_and_needs_no_log(made):
    home, dataset = made
    assert {(each.rows, each.plan) for each in status(home, dataset)} == {(None, None)}
