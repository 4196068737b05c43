"""The notebooks run by local Spark: the batch, the streams of a Kinesis and a Kafka, the pandas API."""

import pytest

from cells import difference
from harness import notebook_cells
from harness.pipeline import USER_ID, Gateway, run_stages
from harness.spark_streams import everything_sent, put
from lakehouse_rows import everything
from pinlake import dataset

pytestmark = [pytest.mark.spark, pytest.mark.slow]
DATASET = dataset.load("pinterest")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, real_rows):
    """A gateway whose topics (sunk) and streams hold everything that arrives."""
    with Gateway(tmp_path_factory.mktemp("notebooks") / "home", "--user-id", USER_ID) as gateway:
        put(gateway.url, everything_sent(real_rows, 25))
        yield gateway


@pytest.fixture
def cluster(delta_spark, tmp_path, monkeypatch):
    """Set what a cluster's environment sets, and run notebooks on it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PINLAKE_ENGINE", "spark")
    monkeypatch.setenv("PINLAKE_HOME", str(tmp_path / "home"))

    def run(name, environment=None, **widgets):
        for variable, value in (environment or {}).items():
            monkeypatch.setenv(variable, value)
        return notebook_cells.run(name, delta_spark, **widgets)

    return run


def test_the_stream_notebook_takes_what_a_kinesis_holds_and_ends(cluster, gateway, tmp_path):
    run_stages(gateway.home, "stream")
    environment = {
        "PINLAKE_STREAMS": "kinesis://us-east-1",
        "PINLAKE_KINESIS_ENDPOINT": gateway.url,
        "PINLAKE_KINESIS_ACCESS_KEY": "any",
        "PINLAKE_KINESIS_SECRET_KEY": "any",
    }
    shown = cluster("stream", environment)
    assert "stream: " in shown.text
    found, expected = everything(tmp_path / "home"), everything(gateway.home)
    streams = {name: each for name, each in expected.items() if name.startswith("stream/")}
    assert difference({name: found[name] for name in streams}, streams) == []
    assert "stream: 0 rows in 0 commits" in cluster("stream", table="geo").text
