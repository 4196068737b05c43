"""engine = "spark" over the embedded log and files: the same tables as the embedded engine's."""

import random
import shutil

import pytest

import spark_session
from harness.pipeline import pinlake
from lakehouse_rows import everything
from pinlake.lake.file import FileLake
from requirements_of_tests import require
from spark_homes import killed

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.release, pytest.mark.timeout(600)]
SPARK = {"PINLAKE_ENGINE": "spark", "PINLAKE_SPARK_IVY": str(spark_session.IVY)}


def test_the_tables_are_those_of_the_embedded_engine_also_after_a_kill(
    filled, embedded, spark, tmp_path
):
    require(spark_session.has_delta(spark), f"{spark_session.DELTA} could not be fetched")
    home, rng = shutil.copytree(filled, tmp_path / "home"), random.Random(1)
    for stage in ("load", "clean", "stream"):
        if stage == "clean":  # test_spark_s3 kills each
            killed(home, stage, SPARK, FileLake((home / "lake").as_uri()), rng.uniform(0, 1.5))
        done = pinlake(stage, "--once", "--home", home, environment=SPARK, timeout=300)
        assert stage in done.stdout
    assert everything(home) == everything(embedded)
