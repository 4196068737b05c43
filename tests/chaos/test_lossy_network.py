"""Answers that are lost, doubled and cut between producer and gateway: every post is there."""

import json

import pytest

from harness.campaign import evidence
from harness.lossy_proxy import ACTIONS, LossyProxy
from harness.pipeline import Gateway, pinlake, run_stages

POSTS = 50


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A source database of the rows that the classic producer draws from."""
    home = tmp_path_factory.mktemp("sampled")
    pinlake("sample", "--home", home)
    return f"sqlite:///{home / 'source.db'}"


def posted(home, sample, via, *, lossy):
    """Post by one route, through a lossy proxy or not; return what the command says, and the proxy."""
    source = {"PINLAKE_SOURCE": sample}
    with Gateway(home) as gateway, LossyProxy(gateway.url, seed=7) as proxy:
        url = proxy.url if lossy else gateway.url
        done = pinlake(
            "post", "--via", via, "--posts", POSTS, "--url", url, "--home", home, "--json",
            environment=source,
        )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1]), proxy


def values(home):
    """Return every value of each topic and stream, in order, doubles that follow each other once."""
    found = {}
    for place, stored in evidence.log(home).items():
        ordered = [stored.values[at] for at in sorted(stored.values)]
        found[place] = [
            value for at, value in enumerate(ordered) if at == 0 or value != ordered[at - 1]
        ]
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("via", "stages"), [("kafka", ("sink", "load", "clean")), ("kinesis", ("stream",))]
)
def test_every_post_is_there_and_every_key_once(tmp_path, sample, via, stages):
    told, proxy = posted(tmp_path / "lossy", sample, via, lossy=True)
    same, _ = posted(tmp_path / "sound", sample, via, lossy=False)
    assert all(proxy.done[action] for action in ACTIONS), proxy.done
    assert values(tmp_path / "lossy") == values(tmp_path / "sound")
    assert told["sent"] == same["sent"] == 3 * POSTS
    assert told["retried"] == sum(proxy.done[each] for each in ("lose", "cut", "drop", "refuse"))
    rows = {}
    for home in ("lossy", "sound"):
        run_stages(tmp_path / home, *stages)
        tables = evidence.tables(tmp_path / home / "lake")
        rows[home] = {
            table: sorted(map(str, tables[f"{stages[-1]}/{table}"].rows().iter_rows()))
            for table in ("pin", "geo", "user")
        }
    assert rows["lossy"] == rows["sound"]
