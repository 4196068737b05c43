"""The flow in figures, from what a home holds."""

import pytest

import lakehouse
from pinlake.dashboard import picture
from pinlake.dashboard.flow import FlowCounts, LogCount, Sent, TableCount, flow_counts
from pinlake.lake import objects
from pinlake.lake.objects import ObjectKey
from pinlake.lake.open import open_lake
from pinlake.log.memory import MemoryLog
from pinlake.record import Kind, Partition, Record, stream, topic


@pytest.fixture
def log():
    log = MemoryLog()
    for name, count in ((topic("t.pin"), 5), (topic("clicks"), 2), (stream("pin"), 4)):
        log.create(name)
        log.append(Partition(name, 0), [Record(b"{}")] * count)
    yield log
    log.close()


@pytest.fixture
def flow(tmp_path, log):
    lake = lakehouse.small_lake(tmp_path)
    lakehouse.write_table(lake.home, "raw/pin", f"{lakehouse.PIN} UNION ALL {lakehouse.PIN}")
    lakehouse.write_table(lake.home, "raw/geo", lakehouse.GEO)
    for start in (0, 3):
        objects.put(open_lake(lake.home), ObjectKey("t.pin", 0, start), b"{}\n")
    return flow_counts(lake.home, lake.dataset, log)


def test_the_log_is_counted_by_topic_and_stream_with_the_table_that_claims_it(flow):
    assert set(flow.log) == {
        LogCount("t.pin", Kind.TOPIC, ("pin",), 5),
        LogCount("clicks", Kind.TOPIC, (), 2),
        LogCount("pin", Kind.STREAM, ("pin",), 4),
    }
    assert (flow.records("batch"), flow.records("stream")) == (7, 4)


def test_objects_are_counted_with_their_bytes(flow):
    assert (flow.objects, flow.object_bytes) == (2, 6)


def test_tables_are_counted_with_their_versions(flow):
    assert TableCount("clean/pin", 0, 3) in flow.tables
    assert (flow.rows("clean"), flow.rows("stream"), flow.rows("raw")) == (6, 6, 12)


def test_duplicates_are_the_raw_rows_that_a_cleaned_table_left_out(flow):
    assert flow.duplicates("batch") == 3


def test_duplicates_of_streams_are_the_claimed_records_that_are_in_no_table():
    flow = FlowCounts(
        log=(LogCount("s", Kind.STREAM, ("pin",), 10), LogCount("x", Kind.STREAM, (), 5)),
        tables=(TableCount("stream/pin", 1, 6), TableCount("quarantine/stream/pin", 1, 1)),
    )
    assert flow.duplicates("stream") == 3


def test_the_rows_of_unclaimed_streams_do_not_hide_duplicates():
    flow = FlowCounts(
        log=(LogCount("s", Kind.STREAM, ("pin",), 10), LogCount("x", Kind.STREAM, (), 5)),
        tables=(TableCount("stream/pin", 1, 6), TableCount("stream/x", 1, 5)),
    )
    assert flow.duplicates("stream") == 4


def test_quarantine_is_counted_by_route(flow):
    assert (flow.quarantined("batch"), flow.quarantined("stream")) == (2, 0)


def test_an_empty_home_counts_nothing(tmp_path):
    made = lakehouse.home(tmp_path)
    assert flow_counts(made, lakehouse.dataset(tmp_path), MemoryLog()) == FlowCounts()


def test_the_picture_shows_every_figure_in_both_of_its_forms(flow):
    sent = (Sent("batch", 40, 50, 60), Sent("stream", 41, 51, 61))
    told = {station.name: station.figure for station in picture.stations(flow)}
    assert told == {
        "source": "–",
        "producer": "–",
        "gateway": "–",
        "log": "11",
        "sink": "2",
        "load": "12",
        "clean": "6",
        "stream": "6",
    }
    drawn = picture.draw(FlowCounts(sent=sent, source_rows=11154, log=flow.log))
    for figure in (">81<", ">101<", ">11,154<", ">7<", ">4<"):
        assert drawn.count(figure) == 2


def test_the_picture_escapes_names_and_lists_a_few_tables_only():
    tables = tuple(TableCount(f"clean/<b>{n}", 0, n) for n in range(9))
    drawn = picture.draw(FlowCounts(tables=tables))
    assert "<b>" not in drawn
    assert "and 5 more" in drawn
