"""A disk that is full, or answers with errors: clear words, nothing lost, and on again by itself."""

import contextlib
import json

import pytest
import requests

from harness.campaign import evidence
from harness.campaign.shim import Rule
from harness.campaign.steady import Steady, failing, hold
from harness.pipeline import Gateway
from harness.small_disk import fill, small_disk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EIO = "5"
JSON_V2 = {"Content-Type": "application/vnd.kafka.json.v2+json"}
STAGES = ("sink", "load", "clean", "stream")
DEPTHS = range(3, 8)


def now_and_then(op):
    """Return rules by which every fifth call of an operation on a file of the lake fails."""
    return [Rule(op, "lake" + "/*" * depth, -5, action=EIO) for depth in DEPTHS]


def post(url, number):
    body = f'{{"records":[{{"value":{{"n":{number}}}}}]}}'
    return requests.post(f"{url}/topics/t", data=body, headers=JSON_V2, timeout=30)


def test_a_full_disk_stops_everything_with_clear_words_and_loses_nothing(tmp_path):
    with small_disk(tmp_path / "disk", 24) as disk, Steady(tmp_path / "notes", disk / "home") as at:
        at.post(500)
        fill(disk / "ballast")
        refused = []

        def is_refused():
            with contextlib.suppress(requests.RequestException):
                answer = post(at.url, 1)
                refused.append(answer)
                return answer.status_code == 503
            return False

        hold(3.0, is_refused, lambda: any("No space left" in at.said(name) for name in STAGES))
        assert refused[-1].json()["error_code"] == 50302
        assert refused[-1].headers["Retry-After"]
        (disk / "ballast").unlink()
        at.post(500)
        faults = at.finish()
        assert faults == []


class TestTheDiskAnswersWithErrors:
    """Calls fail with EIO for a while: of the lake now and then, of the log each."""

    def test_the_stages_say_so_and_go_on_where_they_were(self, tmp_path):
        rules = [rule for op in ("sync", "write", "name") for rule in now_and_then(op)]
        found = failing(tmp_path, tmp_path / "home", rules)
        if found is None:
            pytest.skip("no C compiler: errors cannot be put in")
        faults, gate = found
        with Steady(tmp_path / "notes", tmp_path / "home", faults=faults) as at:
            at.post(300)
            gate.touch()
            hold(
                1.0,
                *(
                    lambda name=name: "nput/output error" in at.said(name)
                    for name in ("sink", "stream")
                ),
            )
            at.post(300)
            gate.unlink()
            at.post(300)
            assert at.finish() == []

    @pytest.mark.parametrize(
        "rule",
        [
            Rule("sync", "log.db-wal", 0, action=EIO),
            Rule("sync", "log.db-wal", 2, action=EIO),
            Rule("write", "log.db-wal", 0, action=EIO),
            Rule("write", "log.db-wal", 0, action="28"),
        ],
        ids=str,
    )
    def test_the_log_acknowledges_nothing_that_it_could_not_sync(self, tmp_path, rule):
        found = failing(tmp_path, tmp_path / "home", [rule])
        if found is None:
            pytest.skip("no C compiler: errors cannot be put in")
        faults, gate = found
        acknowledged, refused = {}, []

        def send(gateway, numbers):
            for number in numbers:
                answer = post(gateway.url, number)
                if answer.status_code == 200:
                    acknowledged[answer.json()["offsets"][0]["offset"]] = number
                else:
                    refused.append(answer)

        with Gateway(tmp_path / "home", environment=faults) as gateway:
            send(gateway, range(5))
            gate.touch()
            send(gateway, range(5, 10))
            gate.unlink()
            send(gateway, range(10, 15))
            gateway.kill()
        assert refused
        assert {answer.status_code for answer in refused} == {503}
        assert "disk" in refused[0].json()["message"]
        with Gateway(tmp_path / "home") as gateway:
            send(gateway, range(15, 20))
        held = _held(tmp_path / "home")
        assert {at: held[at] for at in acknowledged} == acknowledged
        assert sorted(held) == list(range(len(held)))
        assert set(range(10, 20)) <= set(acknowledged.values())


def _held(home):
    """Return {offset: n} of all that the topic holds."""
    (stored_topic,) = [each for place, each in evidence.log(home).items() if place[1] == "t"]
    return {at: json.loads(value)["n"] for at, value in stored_topic.values.items()}
