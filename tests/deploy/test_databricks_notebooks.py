"""The notebooks of the batch run by local Spark, with the tables where each setting has them."""

import base64
import json
import shutil
from uuid import uuid4

import pytest
import requests

from asking import ask
from cells import difference
from harness import notebook_cells
from harness.pipeline import USER_ID, Gateway, run_stages
from harness.spark_streams import everything_sent
from lakehouse_rows import everything
from pinlake import dataset, settings
from pinlake.engine.spark.catalog import Catalog
from pinlake.errors import CatalogTaken, SettingInvalid

pytestmark = [pytest.mark.spark, pytest.mark.slow]
DATASET = dataset.load("pinterest")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, real_rows):
    """A gateway whose topics hold everything that arrives, up to the sink's objects."""
    with Gateway(tmp_path_factory.mktemp("notebooks") / "home", "--user-id", USER_ID) as gateway:
        for table, content in everything_sent(real_rows, 25):
            post(gateway.url, table, content)
        run_stages(gateway.home, "sink")
        yield gateway


def post(url, table, content):
    """Send any bytes to a table's topic."""
    records = {"records": [{"value": base64.b64encode(content).decode()}]}
    answer = requests.post(
        f"{url}/topics/{USER_ID}.{table}",
        headers={"Content-Type": "application/vnd.kafka.binary.v2+json"},
        data=json.dumps(records),
        timeout=30,
    )
    assert answer.status_code == 200, answer.text


@pytest.fixture
def cluster(delta_spark, tmp_path, monkeypatch):
    """Run notebooks with what a cluster's environment sets."""
    home = {"PINLAKE_ENGINE": "spark", "PINLAKE_HOME": str(tmp_path / "home")}
    home["PYARROW_IGNORE_TIMEZONE"] = "1"  # pyspark.pandas asks for it

    def run(name, environment=None, **widgets):
        with monkeypatch.context() as patched:
            for variable, value in {**home, **(environment or {})}.items():
                patched.setenv(variable, value)
            return notebook_cells.run(name, delta_spark, **widgets)

    return run


@pytest.mark.filterwarnings("ignore")  # xdist imports the module of a warning, where it is an error
def test_the_batch_notebooks_give_the_tables_of_the_embedded_engine_and_register_them(
    cluster, gateway, delta_spark, tmp_path
):
    shutil.copytree(gateway.home / "lake/topics", tmp_path / "home/lake/topics")
    twin = shutil.copytree(tmp_path / "home", tmp_path / "twin")
    run_stages(twin, "load", "clean")
    schema = f"lake_{uuid4().hex[:8]}"
    unity = {"PINLAKE_SPARK_CATALOG": f"spark_catalog.{schema}"}
    cluster("load", unity)
    said = [cluster(f"clean_{name}", unity).text for name in DATASET.tables]
    assert all("clean: " in each for each in said)
    assert "clean: 0 rows" in cluster("clean", unity, table="pin").text
    expected = everything(twin)
    assert difference(everything(tmp_path / "home"), expected) == []
    answers = cluster("questions", unity)
    assert len(answers.frames) == len(DATASET.questions)
    for question, frame in zip(DATASET.questions, answers.frames, strict=True):
        assert len(frame) == len(ask(twin, question)), question
    for name in DATASET.tables:
        [(count,)] = delta_spark.sql(f"SELECT count(*) FROM {schema}.clean_{name}").collect()
        assert count == len(expected[f"clean/{name}"].rows)
    with pytest.raises(CatalogTaken, match=r"name another schema by spark\.catalog"):
        Catalog(schema, (twin / "lake").as_uri()).register(delta_spark, "clean/pin")
    mount = {"PINLAKE_SPARK_CATALOG": str(tmp_path / "home/lake")}
    by_name, by_mount, by_path = (pandas_counts(cluster, each) for each in (unity, mount, {}))
    assert by_name == by_mount == by_path
    assert [count for count, _ in by_path] == [
        str(len(expected[f"clean/{name}"].rows)) for name in DATASET.tables
    ]


def pandas_counts(cluster, environment):
    """Return how many rows the pandas API counts of each table, and how often each is NULL."""
    shown = cluster("pandas_on_spark", environment)
    rows = [line.split()[1] for line in shown.text.splitlines() if " rows of " in line]
    nulls = [{each["column"]: each["nulls"] for each in f.collect()} for f in shown.frames]
    return list(zip(rows, nulls, strict=True))


@pytest.mark.parametrize("catalog", ["main pinlake", "a.b.c", "s3://bucket/x", "/", "mnt/pin lake"])
def test_a_catalog_that_is_none_of_the_three_forms_is_refused_with_all_of_them(catalog, tmp_path):
    with pytest.raises(SettingInvalid, match=r"tables by path, .*main\.pinlake, .*/mnt/pinlake"):
        settings.read(environment={"PINLAKE_SPARK_CATALOG": catalog}, folder=tmp_path)
