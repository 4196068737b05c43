"""The whole pipeline on every cell: the same tables, row for row with types, and the same answers.

The cells of every run are ``cells.GATE``; ``script/cells`` runs all twelve.
"""

import json
from typing import NamedTuple

import pytest

import spark_session
from cells import ALL, GATE, REFERENCE, difference, objects_of, tables_of
from harness import cell_home
from harness.cell_home import CellHome, Sent, settings_of
from harness.kinesalite import forget_streams
from harness.pipeline import pinlake
from pinlake.lake.store import Lake
from requirements_of_tests import require
from what_arrives import CASES, JUNK, REFUSED

POSTS = 60
KEYS = 5

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def pytest_generate_tests(metafunc):
    if "cell" in metafunc.fixturenames:
        cells = ALL if metafunc.config.getoption("--cells") == "all" else GATE
        metafunc.parametrize(
            "cell",
            [
                pytest.param(cell, marks=pytest.mark.spark if cell.engine == "spark" else ())
                for cell in cells
                if cell != REFERENCE
            ],
            ids=str,
            scope="module",
        )


@pytest.fixture(scope="module")
def real(real_rows):
    """The real rows as records: of each index the three tables' in one partition."""
    return [
        Sent(table, json.dumps(row).encode(), str(number % KEYS))
        for table, rows in real_rows.items()
        for number, row in enumerate(rows)
    ]


@pytest.fixture(scope="module")
def dirt():
    """What is sent to topics and to streams: everything that arrives, and what no table claims.

    Each has its own indices, for stage stream takes both into the same tables.
    """
    return _dirt(20_000), _dirt(40_000)


def _dirt(start):
    sent = [case.sent(ind) for ind, case in enumerate(CASES, start=start)]
    junk = [*filter(None, REFUSED), *(each[0] for each in JUNK)]
    contents = [*((each.table, each.content) for each in sent), *(("geo", each) for each in junk)]
    unclaimed = [("unclaimed", each) for each in (b'{"a":1}', b"[1,2]", b'"text"', b"no json {")]
    return [
        Sent(table, content, str(number % KEYS))
        for number, (table, content) in enumerate([*contents, *unclaimed])
    ]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The settings of one generated source, dirt and all, for every cell."""
    folder = tmp_path_factory.mktemp("source")
    settings = {"PINLAKE_SOURCE": f"sqlite:///{folder / 'source.db'}"}
    pinlake("sample", "--home", folder / "home", environment=settings)
    return settings


@pytest.fixture(scope="module")
def run(request, tmp_path_factory, source, real, dirt):
    """Return what takes the same records through a cell, and gives its lake and its answers."""

    def server(part):
        if part == "s3":
            return request.getfixturevalue("s3_endpoint")
        if part == "kinesis":
            forget_streams(request.getfixturevalue("kinesalite_server").url)
            return request.getfixturevalue("kinesalite_server").url
        request.getfixturevalue("kafka_server").forget_topics()
        return request.getfixturevalue("kafka_server").url

    def run(cell):
        if cell.engine == "spark":
            require(spark_session.java_is_there(), "there is no Java for Spark")
            pytest.importorskip("pyspark", reason="pyspark, our extra spark, is missing")
        folder = tmp_path_factory.mktemp("cell") / "home"
        home = CellHome(folder, settings_of(cell, folder, server) | source)
        home.make()
        return taken(home, real, dirt)

    return run


class Taken(NamedTuple):
    """What a cell came to, and what its stages said when they ran once more."""

    lake: Lake
    answers: dict
    quality: list
    again: list


def taken(home, real, dirt):
    """Take all records through the stages, in two rounds: the second meets rows that are there."""
    of_topics, of_streams = dirt
    shared = [
        each._replace(key=f"{each.table}-{each.key}")
        for each in (*real[::7], *of_topics[1::5], *of_streams[::5])
    ]
    with home.stages() as stages:
        with home.gateway() as gateway:
            home.produce(gateway.url, POSTS)
            cell_home.send(gateway.url, [*real, *of_topics], [*real, *of_streams])
        stages.drain()
        with home.gateway() as gateway:
            cell_home.send(gateway.url, of_topics[::3], [*of_topics[1::4], *of_streams[::3]])
            cell_home.send_shared(gateway.url, [*shared, Sent("", b"{}", "nobody's")])
        stages.drain()
        said = [stages.do(what) for what in ("answers", "quality")]
        return Taken(home.place.open(), *said, stages.drain())


@pytest.fixture(scope="module")
def expected(run):
    """The lake and the answers of the embedded log, a folder and DuckDB."""
    return run(REFERENCE)


@pytest.fixture(scope="module")
def found(cell, run):
    return run(cell)


def test_the_reference_holds_rows_of_every_kind(expected):
    held = tables_of(expected.lake)
    kinds = {name.partition("/")[0] for name in held}
    assert kinds == {"raw", "clean", "stream", "quarantine"}
    assert len(held) >= 14
    assert all(len(each.rows) > 0 for each in held.values())
    assert len(expected.answers) == 20
    assert all(rows for _, rows in expected.answers.values())
    assert len(objects_of(expected.lake)) >= 7


def test_every_table_is_row_for_row_and_type_for_type_the_reference_s(expected, found):
    assert difference(tables_of(found.lake), tables_of(expected.lake)) == []


def test_the_objects_hold_the_same_bytes_under_the_same_names(expected, found):
    assert objects_of(found.lake) == objects_of(expected.lake)


def test_the_ten_answers_are_the_same_over_both_layers(expected, found):
    assert found.answers == expected.answers


def test_quality_finds_the_same_over_both_layers(expected, found):
    assert found.quality == expected.quality
    assert len(found.quality) == 28
    assert any("failed=0" not in each for each in found.quality)


def test_stages_that_run_again_find_nothing_to_do(expected, found):
    assert found.again == expected.again
    assert all(": 0 r" in each for each in found.again)
