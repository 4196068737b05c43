"""The campaign: kill -9 of every service under retrying clients, then an independent check."""

import argparse
import http.client
import json
import sys
import tempfile
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import NamedTuple

from harness.campaign import check, report, shim, values
from harness.campaign.lives import FORGETFUL, PACE, Lives
from harness.campaign.traffic import FREE_STREAM, SHARED, USER_ID, Traffic
from harness.free_port import free_port
from harness.pipeline import pinlake, run_stages

TRICKLE = 200
"""Records a second that are sent in any case."""

PAUSE = 0.05


class Campaign(NamedTuple):
    """What was run and found."""

    lives: Lives
    traffic: Traffic
    verdict: check.Verdict
    report: str

    @property
    def faults(self):
        return [*self.verdict.faults, *self.lives.faults, *self.traffic.refused]


def campaign(folder, *, seed, kills, records, clients=4, forgetful=True, say=lambda _line: None):
    """Run a campaign in an empty folder and check it; ``say`` is told how it goes.

    ``forgetful``: log and tables keep little of the past, else all of it.
    """
    home, port, began = folder / "home", free_port(), time.monotonic()
    pace = PACE | (FORGETFUL if forgetful else {})
    lives = Lives(folder, home, port, seed, kills, shim.build(folder), pace)
    traffic = Traffic(port, folder, seed, clients)
    lives.start()
    try:
        make_streams(port, lives)
        traffic.start()
        lives.start_stages()
        _await_both(lives, traffic, kills, records, say)
    finally:
        traffic.stop()
        lives.stop()
    say("draining")
    said = _drain(home, lives)
    verdict = check.check(home, folder)
    if idle := {stage: each for stage, each in said.items() if each["rows"]}:
        verdict.wrong(f"after everything was drained, stages still found rows: {idle}")
    seconds = time.monotonic() - began
    text = "\n".join(report.lines(seed, lives, traffic, verdict, seconds))
    return Campaign(lives, traffic, verdict, text)


def _await_both(lives, traffic, kills, records, say):
    """Keep kills and acknowledgements in step, until both are enough."""
    told, allowed = time.monotonic(), 0.0
    while not (lives.done and traffic.acknowledged >= records) and not lives.faults:
        in_step = (len(lives.deaths) + 5) * records / kills if len(lives.deaths) < kills else 0
        allowed = max(allowed + TRICKLE * PAUSE, in_step)  # a step is met by new records alone
        ahead = traffic.acknowledged > allowed and not lives.done
        (traffic.may_send.clear if ahead else traffic.may_send.set)()
        if time.monotonic() - told > 10:
            told = time.monotonic()
            say(f"{len(lives.deaths)} kills, {traffic.acknowledged:,} records acknowledged")
        time.sleep(PAUSE)


def _drain(home, lives):
    """Drain every stage, twice, and maintain: return what the second time still found to do."""
    run_stages(home)
    lives.maintain()
    pinlake("maintain", "--home", home, environment=lives.pace)
    return run_stages(home)


def make_streams(port, lives):
    """Make every stream; the one that several tables share has two shards."""
    names = [f"streaming-{USER_ID}-{table}" for table in values.TABLES]
    for name, shards in [(SHARED, 2), *((name, 1) for name in [*names, FREE_STREAM])]:
        while not _made(port, name, shards):
            assert not lives.faults, lives.faults
            time.sleep(0.05)


def _made(port, name, shards):
    with suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("POST", f"/streams/{name}", json.dumps({"ShardCount": shards}))
        status = connection.getresponse().status
        connection.close()
        return status in (200, 400)  # 400: it was made, and a kill took the answer away
    return False


def main():
    parser = argparse.ArgumentParser(prog="script/chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--records", type=int, default=300_000, help="acknowledged at least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--keep", type=Path, help="an empty folder for all that it leaves")
    parser.add_argument("--remember", action="store_true", help="keep all of the past")
    given = parser.parse_args()
    temporary = tempfile.TemporaryDirectory(prefix="pinlake-chaos-")
    with nullcontext(given.keep) if given.keep else temporary as folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        done = campaign(
            Path(folder),
            seed=given.seed,
            kills=given.kills,
            records=given.records,
            clients=given.clients,
            forgetful=not given.remember,
            say=lambda line: print(line, file=sys.stderr, flush=True),
        )
    print(done.report)
    sys.exit(1 if done.faults else 0)


if __name__ == "__main__":
    main()
