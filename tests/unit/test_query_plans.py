"""A table that a streaming query feeds, as the rest of pinlake sees it: by its plan alone."""

import pytest

from pinlake.errors import QueryExchanged
from pinlake.home import open_home
from pinlake.lake.open import open_lake
from pinlake.lake.progress import CHECKPOINT, Plan, Plans, Range, is_of_query
from pinlake.log.open import log_of
from pinlake.log.waiting import append
from pinlake.record import Partition, Record, stream
from pinlake.stage.floor import EVERYTHING, floor_of
from pinlake.stage.loop import run_stage
from pinlake.stage.status import status

STREAM = stream("streaming-0abc12345678-geo")


@pytest.fixture
def opened(tmp_path):
    """A home whose table geo is fed by a query, and its data set."""
    home, dataset = open_home(tmp_path / "home", create=True)
    Plans(open_lake(home), "stream", "geo").put(Plan(1, {CHECKPOINT: Range("one", None, 1)}))
    return home, dataset


@pytest.fixture
def log(opened):
    """The home's log, with a record for the table."""
    log = log_of(opened[0])
    log.create(STREAM)
    append(log.submit, Partition(STREAM, 0), [Record(b"{}")])
    yield log
    log.close()


def test_a_plan_of_a_query_is_told_from_others():
    assert is_of_query(Plan(1, {CHECKPOINT: Range("one", None, 1)}))
    assert not is_of_query(Plan(1, {"geo/0": Range("one", None, 1)}))
    assert not is_of_query(None)


def test_no_log_holds_back_records_for_it(opened, log):
    home, dataset = opened
    floor = floor_of(home, dataset, lambda _: True)
    passed = floor.passed(Partition(STREAM, 0), log.log_id(STREAM))
    assert [each.position for each in passed] == [EVERYTHING]


def test_its_lag_is_untold(opened, log):
    found = {each.table: each for each in status(*opened, log) if each.stage == "stream"}
    assert (found["geo"].plan, found["geo"].lag) == (1, None)


def test_stage_stream_refuses_to_take_its_records_again(opened, log, stop):  # noqa: ARG001 the log is there
    with pytest.raises(QueryExchanged, match=r"fed by the streaming query one.*checkpoint"):
        run_stage("stream", *opened, once=True, stop=stop)


def test_a_home_without_a_log_is_no_loss(opened, stop):
    assert run_stage("stream", *opened, once=True, stop=stop).steps == 0


@pytest.fixture
def stop():
    import threading

    return threading.Event()
