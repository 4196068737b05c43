"""What the tests of the deployments share: Airflow's database, homes, and the AWS stack by size."""

import pytest

from harness import cloud_stack
from harness.airflow_home import Airflow
from harness.pipeline import Gateway, pinlake, run_stages

POSTS = 60


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """An Airflow whose database is made. Copy it."""
    return Airflow(tmp_path_factory.mktemp("airflow-migrated")).migrate()


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory):
    """A home that ``pinlake demo`` filled and took through every stage."""
    home = tmp_path_factory.mktemp("demo") / "home"
    pinlake("demo", "--posts", POSTS, "--home", home)
    return home


@pytest.fixture(scope="session")
def sunk_home(tmp_path_factory):
    """A home with the same posts by the batch's route, up to the sink's objects. Copy it."""
    home = tmp_path_factory.mktemp("sunk") / "home"
    pinlake("sample", "--home", home)
    with Gateway(home, "--user-id", "0abc12345678") as gateway:
        pinlake("post", "--via", "kafka", "--posts", POSTS, "--url", gateway.url, "--home", home)
    run_stages(home, "sink")
    return home


@pytest.fixture(scope="session", params=["small", "classic"])
def stack(request, tmp_path_factory):
    """The AWS stack of each size."""
    return cloud_stack.stack(tmp_path_factory, request.param)


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """The AWS stack of the size ``small``."""
    return cloud_stack.stack(tmp_path_factory, "small")
