"""The contract of plans, in every store."""

from __future__ import annotations

import multiprocessing
import threading

import pytest

import lake_processes
from pinlake.errors import PlanTorn, WriterBusy
from pinlake.lake import progress
from pinlake.lake.progress import Plan, Plans, Range


@pytest.fixture
def lake(place):
    return place.open()


def test_a_stage_without_plans_has_no_newest_one(lake):
    assert Plans(lake, "load", "pin").latest() is None


def test_a_plan_is_read_back_as_it_was_put(lake):
    plan = Plan(1, {"a/0": Range("log", None, 7)}, objects=("k",), table_id="id", upto=3)
    assert Plans(lake, "load", "pin").put(plan)
    assert Plans(lake, "load", "pin").latest() == plan


def test_a_number_that_is_taken_is_refused_and_the_first_plan_stays(lake):
    plans = Plans(lake, "load", "pin")
    assert plans.put(Plan(1, upto=1))
    assert not plans.put(Plan(1, upto=2))
    assert Plans(lake, "load", "pin").latest() == Plan(1, upto=1)


def test_a_reader_sees_what_another_one_puts_later(lake):
    reader, writer = Plans(lake, "load", "pin"), Plans(lake, "load", "pin")
    for number in range(1, 8):
        writer.put(Plan(number))
        if number % 3 == 0:
            assert reader.latest() == Plan(number)


def test_a_reader_that_slept_finds_the_newest_plan_though_its_own_is_deleted(lake, monkeypatch):
    monkeypatch.setattr(progress, "KEPT", 10)
    reader, writer = Plans(lake, "load", "pin"), Plans(lake, "load", "pin")
    writer.put(Plan(1))
    assert reader.latest() == Plan(1)
    for number in range(2, 401):
        writer.put(Plan(number))
    assert reader.latest() == Plan(400)
    assert len(writer.numbers()) <= 10 + progress.PRUNE_EVERY


def test_plans_of_other_tables_and_stages_are_apart(lake):
    Plans(lake, "load", "pin").put(Plan(1))
    assert Plans(lake, "clean", "pin").latest() is None
    assert Plans(lake, "load", "geo").latest() is None
    assert progress.names(lake, "load") == ["pin"]


def test_of_many_threads_that_put_one_number_one_succeeds(lake):
    done = []
    barrier = threading.Barrier(8)

    def put(place):
        barrier.wait()
        done.append(Plans(lake, "load", "pin").put(Plan(1, upto=place)))

    threads = [threading.Thread(target=put, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False] * 7 + [True]


def test_a_second_writer_of_a_table_is_told_so_and_another_table_is_free(lake):
    first, second = Plans(lake, "load", "pin"), Plans(lake, "load", "pin")
    with first.claim():
        with pytest.raises(WriterBusy, match="load pin"), second.claim():
            pass
        with Plans(lake, "load", "geo").claim():
            assert first.claimed()
    assert not first.claimed()
    with second.claim():
        pass


def test_a_claim_ends_with_its_process(lake, place):
    context = multiprocessing.get_context("forkserver")
    holding = context.Event()
    process = context.Process(target=lake_processes.hold_claim, args=(place, holding))
    process.start()
    assert holding.wait(30)
    assert Plans(lake, "load", "pin").claimed()
    process.kill()
    process.join()
    with Plans(lake, "load", "pin").claim():
        pass


@pytest.mark.parametrize(("sent", "found"), [(b"{", b"["), (b"table_id", b"table_ie")])
def test_a_plan_that_is_damaged_is_named_with_what_to_do(lake, sent, found):
    plans = Plans(lake, "clean", "pin")
    assert plans.put(Plan(1, table_id="id", upto=3))
    key = "progress/clean/pin/00000000000000000001.json"
    lake.put(key, lake.get(key).replace(sent, found))
    with pytest.raises(PlanTorn, match=r"00000000000000000001\.json is no plan.*rebuild"):
        Plans(lake, "clean", "pin").latest()
