"""Tables as they were, by version and by time."""

from datetime import UTC, datetime, timedelta

import pytest

import stage_homes as homes
from pinlake.errors import AsOfRefused, TableMissing, VersionGone
from pinlake.lake import commits, history
from pinlake.lake.history import Keeping
from pinlake.lake.open import open_lake
from pinlake.query.lake import OpenLake

ALL = "SELECT ind FROM sale ORDER BY ind"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make a home whose stream table grew by one row in each of versions 1 to 3."""
    made = homes.make_home(tmp_path_factory.mktemp("as_of"))
    for number in (1, 2, 3):
        homes.post(made[0], homes.STREAM, [homes.value(number)])
        homes.once("stream", *made)
    return made


@pytest.fixture
def lake(made):
    with OpenLake(*made) as lake:
        yield lake


def moment(made, version, **earlier):
    seconds = commits.read(open_lake(made[0]), "stream/sale", version).seconds
    return datetime.fromtimestamp(seconds, UTC) - timedelta(**earlier)


def asked(lake, as_of):
    return [ind for (ind,) in lake.ask(ALL, source="stream", as_of=as_of).rows()]


@pytest.mark.parametrize(
    ("version", "rows"), [(0, []), (1, [1]), (2, [1, 2]), ("2", [1, 2]), (3, [1, 2, 3])]
)
def test_a_version_is_what_the_table_was(lake, version, rows):
    assert asked(lake, version) == rows
    assert len(lake.table("stream/sale", as_of=version).rows()) == len(rows)


def test_a_time_means_the_version_that_was_current_then(made, lake):
    assert asked(lake, moment(made, 2)) == [1, 2]
    assert asked(lake, moment(made, 2, milliseconds=1)) == [1]
    assert asked(lake, moment(made, 3).isoformat()) == [1, 2, 3]
    assert asked(lake, moment(made, 2).replace(tzinfo=None)) == [1, 2]


def test_a_time_holds_for_every_table_of_a_question(made, lake):
    sql = "SELECT (SELECT count(*) FROM stream.sale) + (SELECT count(*) FROM Stream.SALE) AS n"
    assert lake.ask(sql, as_of=moment(made, 2)).rows() == [(4,)]


@pytest.mark.parametrize(
    ("as_of", "message"),
    [
        ("yesterday", "'yesterday': give a version, a whole number, or a time such as"),
        (datetime(2001, 1, 1, tzinfo=UTC), "2001-01-01T00:00:00.*stream/sale was made at 20"),
        (datetime(9000, 1, 1, tzinfo=UTC), "9000-01-01T00:00:00.*still to come"),
    ],
)
def test_what_never_was_is_refused(lake, as_of, message):
    with pytest.raises(AsOfRefused, match=message):
        asked(lake, as_of)


def test_a_version_of_several_tables_is_refused(lake):
    sql = "SELECT count(*) AS n FROM stream.sale JOIN clean.sale USING (ind)"
    with pytest.raises(AsOfRefused, match=r"version 1: .* 2 are asked for; give a time"):
        lake.ask(sql, as_of=1)


def test_a_version_that_is_still_to_come_names_those_there_are(lake):
    with pytest.raises(VersionGone, match=r"no version 4 .* there are: 0-3"):
        asked(lake, 4)


def test_a_missing_table_is_missing_at_any_time(made, lake):
    for as_of in (1, moment(made, 1)):
        with pytest.raises(TableMissing, match="raw/sale"):
            lake.table("raw/sale", as_of=as_of)


def test_what_upkeep_let_go_of_is_refused_with_where_it_begins(tmp_path):
    made = homes.make_home(tmp_path)
    store = open_lake(made[0])
    for number in range(105):
        homes.post(made[0], homes.STREAM, [homes.value(number)])
        if number in {0, 101, 102, 103, 104}:
            homes.once("stream", *made)
    _checkpoint(store, 3)
    _checkpoint(store, 5)
    first = moment(made, 1)
    now = moment(made, 5).timestamp() + 10
    history.let_go(store, "stream/sale", Keeping(0.0, 0.0, 1), None, now)
    with OpenLake(*made) as lake:
        assert len(asked(lake, 5)) == 105
        with pytest.raises(VersionGone, match=r"no version 1 .* there are: 3-5"):
            asked(lake, 1)
        with pytest.raises(AsOfRefused, match=r"let go by the settings of \[upkeep\]"):
            asked(lake, first)


def _checkpoint(store, version):
    from pinlake.lake.handle import handle_of

    handle_of(store, "stream/sale").checkpoint(version)


def test_the_clock_is_the_readers(made):
    home, dataset = made
    with (
        OpenLake(home, dataset, clock=lambda: 0.0) as lake,
        pytest.raises(AsOfRefused, match="still to come"),
    ):
        asked(lake, moment(made, 1))
