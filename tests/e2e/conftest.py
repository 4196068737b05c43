"""A home that holds the 168 real rows, posted through the real socket by both routes."""

import shutil

import pytest
import requests

import spark_homes
from harness.pipeline import Gateway, post_to_kafka, post_to_kinesis, run_stages

TABLES = ("pin", "geo", "user")


@pytest.fixture(scope="session")
def published_home(tmp_path_factory, real_rows):
    home = tmp_path_factory.mktemp("published")
    with Gateway(home) as gateway, requests.Session() as session:
        for number in range(len(real_rows["pin"])):
            for table in TABLES:
                row = real_rows[table][number]
                post_to_kafka(gateway.url, table, row, session)
                post_to_kinesis(gateway.url, table, row, session)
    run_stages(home)
    return home


@pytest.fixture(scope="session")
def filled(tmp_path_factory, real_rows):
    """A home with everything that arrives, up to the sink's objects. Copy it."""
    return spark_homes.filled(tmp_path_factory.mktemp("filled") / "home", real_rows)


@pytest.fixture(scope="session")
def embedded(filled, tmp_path_factory):
    """The same home through every stage of the embedded engine, over files."""
    home = shutil.copytree(filled, tmp_path_factory.mktemp("embedded") / "home")
    run_stages(home, "load", "clean", "stream")
    return home
