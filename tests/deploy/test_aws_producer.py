"""The classic producer posts through the stack's API as it posts to a gateway: the same records."""

import json

import pytest
import requests

from harness.api_gateway import ApiGateway, kinesis_at, velocity
from harness.api_gateway_server import ApiGatewayServer
from harness.pipeline import USER_ID, Gateway, pinlake
from kinesis_server import SIGNED
from pinlake.log.open import open_reader
from pinlake.record import Partition, stream, topic

KEY = "a-key-of-tests"
POSTS = 20
TABLES = ("pin", "geo", "user")


@pytest.fixture(scope="module")
def stack(small):
    return small


@pytest.fixture
def sample(tmp_path):
    """The URL of a source that both pipelines draw from."""
    home = tmp_path / "sample"
    pinlake("sample", "--rows", 11001, "--home", home)
    return f"sqlite:///{home / 'source.db'}"


def post(home, via, url, sample, key=""):
    environment = {"PINLAKE_SOURCE": sample, "PINLAKE_POST_API_KEY": key}
    arguments = ("--via", via, "--posts", POSTS, "--url", url, "--home", home, "--json")
    return pinlake("post", *arguments, environment=environment, check=False)


def values(home, name):
    """Return keys and rows: a template may write a character for its escape, the row is the same."""
    log = open_reader(f"sqlite:///{home / 'log.db'}")
    try:
        batch = log.read(Partition(name, 0), None, 100_000_000)
        rows = map(json.loads, batch.values.values())
        return list(zip(batch.keys.values(), rows, strict=True))
    finally:
        log.close()


def everything(home):
    names = [topic(f"{USER_ID}.{table}") for table in TABLES]
    names += [stream(f"streaming-{USER_ID}-{table}") for table in TABLES]
    return {name.name: values(home, name) for name in names}


@pytest.mark.slow
def test_every_record_comes_as_it_comes_to_a_gateway_and_no_key_lets_nothing_in(
    stack, sample, tmp_path
):
    with Gateway(tmp_path / "plain") as plain:
        for via in ("kafka", "kinesis"):
            assert post(tmp_path / "plain", via, plain.url, sample).returncode == 0

    # The stack makes topics and streams; the API makes none.
    with Gateway(tmp_path / "cloud", "--user-id", USER_ID) as cloud, velocity() as evaluate:
        api = ApiGateway(stack, evaluate, kinesis_at(cloud.url, SIGNED))
        with ApiGatewayServer(api, cloud.url, KEY) as server:
            for path in (f"/topics/{USER_ID}.pin", f"/streams/streaming-{USER_ID}-pin/record"):
                answer = requests.post(server.url + path, json={"records": []}, timeout=10)
                assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden"})
            assert server.mapped + server.passed_on == []
            for via in ("kafka", "kinesis"):
                said = post(tmp_path / "cloud", via, server.url, sample, KEY)
                assert said.returncode == 0, said.stderr
                assert json.loads(said.stdout.splitlines()[-1])["refused"] == 0
            assert (len(server.mapped), len(server.passed_on)) == (3 * POSTS, 3 * POSTS)

    found = everything(tmp_path / "cloud")
    assert found == everything(tmp_path / "plain")
    assert {len(each) for each in found.values()} == {POSTS}
