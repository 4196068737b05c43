"""Fresh answers: what was acknowledged is in the next one, once, whatever the stage is doing."""

import json

import pytest

import stage_homes as homes
from pinlake.errors import FreshRefused, LogExchanged, LogUnusable, TableMissing
from pinlake.lake.compaction import compact
from pinlake.lake.open import open_lake
from pinlake.query.lake import OpenLake
from pinlake.query.segments import MERGED_AT
from pinlake.record import stream
from pinlake.run.erase import run_erase

FRESH = "SELECT ind, name FROM sale ORDER BY ind"


@pytest.fixture
def made(tmp_path):
    return homes.make_home(tmp_path)


@pytest.fixture
def lake(made):
    with OpenLake(*made) as lake:
        yield lake


def post(made, *numbers, name=homes.STREAM, key=None):
    homes.post(made[0], name, [homes.value(each) for each in numbers], key)


def found(lake):
    return [ind for ind, _ in lake.ask(FRESH, fresh=True).rows()]


def test_records_that_no_stage_has_seen_are_in_the_answer(made, lake):
    post(made, 1, 2)
    assert found(lake) == [1, 2]


def test_the_table_and_its_tail_are_one(made, lake):
    post(made, 1, 2)
    homes.once("stream", *made)
    post(made, 3)
    assert found(lake) == [1, 2, 3]
    assert lake.ask(FRESH, source="stream").rows() == [(1, "n1"), (2, "n2")]


def test_asked_again_and_again_it_follows_log_and_table(made, lake):
    for number in range(12):
        post(made, number)
        assert found(lake) == list(range(number + 1))
        if number % 3 == 2:
            homes.once("stream", *made)
            assert found(lake) == list(range(number + 1))


def test_the_first_of_a_key_wins_as_in_the_table(made, lake):
    post(made, 1)
    homes.once("stream", *made)
    again = [{"ind": 1, "name": "other"}, {"ind": 2, "name": "first"}, {"ind": 2, "name": "late"}]
    homes.post(made[0], homes.STREAM, [json.dumps(each).encode() for each in again])
    fresh = lake.ask(FRESH, fresh=True).rows()
    homes.once("stream", *made)
    assert fresh == lake.ask(FRESH, source="stream").rows() == [(1, "n1"), (2, "first")]


def test_what_belongs_into_quarantine_is_not_in_the_answer(made, lake):
    cut = [each.encode() for each in ('{"ind": 2, "name": "é 💰', '{"ind": 3,, "name": "é 💰"}')]
    values = [b"no json", b'{"name": "no key"}', *cut, homes.value(1)]
    homes.post(made[0], homes.STREAM, values)
    assert found(lake) == [1]


def test_a_stream_that_is_not_plain_is_decoded_as_the_stage_does(made, lake):
    value = json.dumps(json.dumps([{"ind": "1", "name": "a"}, {"ind": 2, "name": "b"}])).encode()
    homes.post(made[0], homes.STREAM, [value])
    fresh = lake.ask(FRESH, fresh=True).rows()
    homes.once("stream", *made)
    assert fresh == lake.ask(FRESH, source="stream").rows() == [(1, "a"), (2, "b")]


def test_a_shared_stream_gives_what_the_partition_keys_say(made, lake):
    post(made, 1, name=stream("shared"), key=b"sale-1")
    post(made, 2, name=stream("shared"), key=b"other")
    post(made, 3)
    assert found(lake) == [1, 3]


def test_a_stream_that_nobody_claims_is_fresh_too_and_nothing_in_it_twice(made, lake):
    question = "SELECT count(*) AS n, count(DISTINCT _position) AS places FROM stream.`my.own`"
    for count in range(1, 5):
        post(made, 7, name=stream("my.own"))
        assert lake.ask(question, fresh=True).rows() == [(count, count)]
        if count % 2:
            homes.once("stream", *made)
            assert lake.ask(question, fresh=True).rows() == [(count, count)]


def test_a_plan_that_is_not_committed_yet_counts_as_tail(made, lake, monkeypatch):
    post(made, 1)
    homes.once("stream", *made)
    post(made, 2)
    assert found(lake) == [1, 2]
    from pinlake.engine.duckdb import DuckdbEngine
    from pinlake.errors import LogFailed

    def fail(_engine, _step):
        raise LogFailed(reason="the test says so")

    with monkeypatch.context() as patched:
        patched.setattr(DuckdbEngine, "run", fail)
        with pytest.raises(LogFailed):
            homes.once("stream", *made)
    post(made, 3)
    assert found(lake) == [1, 2, 3]
    with OpenLake(*made) as other:
        assert found(other) == [1, 2, 3]


def test_an_answer_stays_what_it_was_when_the_world_goes_on(made, lake):
    post(made, 1)
    answer = lake.ask(FRESH, fresh=True)
    relation = lake.table("stream/sale", fresh=True).to_duckdb().aggregate("count(*) AS n")
    post(made, 2)
    homes.once("stream", *made)
    assert found(lake) == [1, 2]
    assert answer.rows() == answer.rows() == [(1, "n1")]
    assert relation.fetchall() == [(1,)]


def test_a_table_made_anew_is_followed(made, lake):
    import shutil

    post(made, 1, 2)
    homes.once("stream", *made)
    post(made, 3)
    assert found(lake) == [1, 2, 3]
    for folder in ("stream/sale", "progress/stream/sale"):
        shutil.rmtree(made[0].path / "lake" / folder)
    assert found(lake) == [1, 2, 3]
    homes.once("stream", *made)
    assert found(lake) == [1, 2, 3]


def test_a_lake_of_another_log_is_refused(made, lake):
    post(made, 1)
    homes.once("stream", *made)
    for path in made[0].path.glob("log.db*"):
        path.unlink()
    post(made, 2)
    with pytest.raises(LogExchanged):
        found(lake)


@pytest.mark.parametrize(
    ("question", "choice", "message"),
    [
        (FRESH, {"source": "clean"}, "clean/sale; ask with --from stream"),
        ("SELECT 1 AS a", {}, "no table"),
        (FRESH, {"as_of": 1}, "leave --as-of away"),
    ],
)
def test_what_cannot_be_fresh_is_refused(made, lake, question, choice, message):
    post(made, 1)
    with pytest.raises(FreshRefused, match=message):
        lake.ask(question, fresh=True, **choice)


def test_without_a_log_or_a_table_the_error_says_so(made, lake):
    with pytest.raises(LogUnusable):
        found(lake)
    post(made, 1, name=stream("another"))
    with pytest.raises(TableMissing, match="stream/sale"):
        found(lake)


def test_many_commits_and_a_compaction_between_answers_change_none(made, lake):
    store, answers = open_lake(made[0]), []
    for number in range(MERGED_AT + 3):
        post(made, number)
        homes.once("stream", *made)
        answers.append(lake.ask(FRESH, fresh=True))
    assert compact(store, "stream/sale", target_bytes=1 << 20, least=2).into
    assert found(lake) == list(range(MERGED_AT + 3))
    post(made, 99)
    assert found(lake) == [*range(MERGED_AT + 3), 99]
    for number, answer in enumerate(answers):
        assert [ind for ind, _ in answer.rows()] == list(range(number + 1))


def test_erased_rows_are_in_no_later_answer(made, lake):
    post(made, 1, 2)
    homes.once("stream", *made)
    assert found(lake) == [1, 2]
    assert found(lake) == [1, 2]
    run_erase(*made, "sale", "1")
    assert found(lake) == [2]
    post(made, 3)
    assert found(lake) == [2, 3]
