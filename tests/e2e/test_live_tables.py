"""A data set that changes while its tables live: a new column, a wider type, and what is refused."""

import duckdb
import polars as pl
import pytest
import requests
from deltalake import DeltaTable

from harness.delta_log import actions
from harness.pipeline import Gateway, ask, pinlake, post_to_kafka, post_to_kinesis

pytestmark = pytest.mark.slow

STAGES = ("sink", "load", "clean", "stream")
DECLARED = """
[tables.sale]
topics = "{{id}}.sale"
streams = "streaming-{{id}}-sale"
key = "ind"
[tables.sale.columns]
ind = {{ type = "{kind}", required = true }}
{more}
"""
FIRST = [{"ind": 1, "amount": 5, "extra": "lost"}, {"ind": 2, "amount": 6}, "junk"]
SECOND = [{"ind": 2, "amount": 2**40}, {"ind": 2**40, "amount": 7, "extra": "kept"}]
ROWS = [(1, None, 5), (2, None, 6), (2**40, "kept", 7)]


def declare(folder, kind, more, sql):
    (folder / "clean").mkdir(parents=True, exist_ok=True)
    (folder / "dataset.toml").write_text(DECLARED.format(kind=kind, more=more))
    (folder / "clean" / "sale.sql").write_text(sql)


def declare_narrow(folder):
    declare(folder, "INT", 'amount = { type = "INT" }', "SELECT ind, amount FROM sale\n")


def declare_wide(folder):
    more = 'extra = { type = "STRING" }\namount = { type = "BIGINT" }'
    declare(folder, "BIGINT", more, "SELECT ind, extra, amount FROM sale\n")


def post(home, dataset, values):
    with Gateway(home, "--dataset", str(dataset)) as gateway, requests.Session() as session:
        for value in values:
            post_to_kafka(gateway.url, "sale", value, session)
            post_to_kinesis(gateway.url, "sale", value, session)


def drain(home, dataset, *stages, check=True):
    return [
        pinlake(stage, "--once", "--home", home, "--dataset", dataset, "--json", check=check)
        for stage in stages or STAGES
    ]


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A home whose data set got a column and wider types after the first records."""
    folder = tmp_path_factory.mktemp("grown")
    home, dataset = folder / "home", folder / "shop"
    declare_narrow(dataset)
    post(home, dataset, FIRST)
    drain(home, dataset)
    declare_wide(dataset)
    drain(home, dataset, "clean", "load", "stream")
    post(home, dataset, SECOND)
    drain(home, dataset)
    return home


@pytest.mark.parametrize("table", ["clean/sale", "stream/sale"])
def test_every_reader_finds_old_and_new_rows_of_one_type(grown, table):
    path = str(grown / "lake" / table)
    files = DeltaTable(path).file_uris()
    select = "ind, extra, amount"
    by_duckdb = duckdb.read_parquet(files, union_by_name=True).project(select)
    assert sorted(by_duckdb.fetchall(), key=repr) == sorted(ROWS, key=repr)
    assert [str(kind) for kind in by_duckdb.dtypes] == ["BIGINT", "VARCHAR", "BIGINT"]
    by_deltalake = pl.from_arrow(DeltaTable(path).to_pyarrow_table())
    for frame in (by_deltalake, pl.read_delta(path)):
        assert frame.sort("ind").select("ind", "extra", "amount").rows() == ROWS
        assert frame.schema["ind"] == frame.schema["amount"] == pl.Int64


@pytest.mark.spark
@pytest.mark.parametrize("table", ["raw/sale", "clean/sale", "stream/sale"])
def test_spark_finds_them_too(delta_spark, grown, table):
    frame = delta_spark.read.format("delta").load(str(grown / "lake" / table))
    found = [tuple(row) for row in frame.select("ind", "extra", "amount").collect()]
    again = [(2, None, 2**40)] if table == "raw/sale" else []
    assert sorted(found, key=repr) == sorted(ROWS + again, key=repr)


@pytest.mark.parametrize("source", ["clean", "stream"])
def test_questions_know_the_new_column(grown, source):
    found = ask(grown, "SELECT ind, extra, amount FROM sale ORDER BY ind", source)
    assert [tuple(row.values()) for row in found] == ROWS


def test_nothing_is_lost_or_doubled_on_the_way(grown):
    raw = pl.read_delta(str(grown / "lake/raw/sale")).sort("_offset")
    assert raw.select("ind", "amount", "_offset").rows() == [
        (1, 5, 0),
        (2, 6, 1),
        (2, 2**40, 3),
        (2**40, 7, 4),
    ]
    assert raw["_rescued_data"].to_list() == ['{"extra":"lost"}', None, None, None]
    assert pl.read_delta(str(grown / "lake/quarantine/load/sale")).height == 1


@pytest.mark.parametrize("table", ["raw/sale", "clean/sale", "stream/sale"])
def test_the_change_is_one_commit_that_brings_no_rows(grown, table):
    found = actions(grown / "lake" / table)
    schemas = [action for _, name, action in found if name == "metaData"]
    assert len(schemas) == 2
    assert len({each["id"] for each in schemas}) == 1
    [version] = [v for v, name, action in found if name == "metaData" and v > 0]
    rewritten = [(name, action) for v, name, action in found if v == version]
    assert {name for name, _ in rewritten} == {"commitInfo", "metaData", "remove", "add"}
    assert not any(action["dataChange"] for name, action in rewritten if name in {"add", "remove"})
    protocols = [action for _, name, action in found if name == "protocol"]
    assert [(each["minReaderVersion"], each["minWriterVersion"]) for each in protocols] == [(1, 2)]


def test_what_would_change_old_rows_is_refused_before_anything_is_written(tmp_path):
    home, dataset = tmp_path / "home", tmp_path / "shop"
    declare_wide(dataset)
    post(home, dataset, [{"ind": 1, "amount": 2}])
    drain(home, dataset, "stream")
    declare_narrow(dataset)
    post(home, dataset, ["junk", {"ind": 9, "amount": 9}])
    [refused] = drain(home, dataset, "stream", check=False)
    assert refused.returncode != 0
    said = " ".join((refused.stdout + refused.stderr).split())
    assert "cannot follow its data set: column ind is BIGINT and cannot become INTEGER" in said
    assert max(version for version, _, _ in actions(home / "lake/stream/sale")) == 1
    assert not (home / "lake/quarantine").exists()
    declare_wide(dataset)
    drain(home, dataset, "stream")
    rows = pl.read_delta(str(home / "lake/stream/sale")).sort("ind").rows()
    assert rows == [(1, None, 2), (9, None, 9)]
    assert pl.read_delta(str(home / "lake/quarantine/stream/sale")).height == 1
