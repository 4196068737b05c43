"""Every record acknowledged before a question is in its fresh answer, while stream is killed."""

import multiprocessing
import random

import stage_homes as homes
from pinlake.log.open import open_log
from pinlake.query.lake import OpenLake
from pinlake.record import Partition, Record

ASKED = """
SELECT count(*) AS n, count(DISTINCT ind) AS keys, max(ind) AS last,
       count_if(name = concat('n', CAST(ind AS STRING))) AS firsts
FROM sale
"""
SPAWN = multiprocessing.get_context("spawn")
KILLS, BATCHES = 3, 60


class Stage:
    """Stage stream in a process that is killed and started again."""

    def __init__(self, folder):
        self.folder, self.process = str(folder), None

    def start(self):
        self.process = SPAWN.Process(target=homes.follow, args=(self.folder, "stream", 30))
        self.process.start()

    def kill(self):
        self.process.kill()
        self.process.join()


def test_an_acknowledged_record_is_in_the_next_answer_whatever_becomes_of_stream(tmp_path):
    made = homes.make_home(tmp_path)
    stage, rng, version = Stage(tmp_path), random.Random(1), 0
    log = open_log(made[0].log_url)
    log.create(homes.STREAM)
    try:
        with OpenLake(*made) as lake:
            posted = 0
            for _ in range(KILLS):
                stage.start()
                for _ in range(BATCHES):
                    posted = _append(log, rng, posted)
                    assert _answer(lake) == [(posted, posted, posted - 1, posted)]
                _wait_for_commit(log, lake, rng, version)
                posted = _posted(lake)
                version = lake.describe("stream/sale").version
                stage.kill()
                posted = _append(log, rng, posted)
                assert _answer(lake) == [(posted, posted, posted - 1, posted)]
    finally:
        stage.kill()
        log.close()
    homes.once("stream", *made)
    assert [ind for (ind,) in homes.rows(made[0], "stream/sale")] == list(range(posted))


def _append(log, rng, posted):
    """Append some new keys and conflicting copies of old ones; return how many keys there are."""
    new = [homes.value(posted + number) for number in range(rng.randrange(1, 20))]
    old = [b'{"ind": %d, "name": "late"}' % rng.randrange(posted + 1) for _ in range(3)]
    log.append(Partition(homes.STREAM, 0), [Record(value) for value in [*new, *old]])
    return posted + len(new)


def _answer(lake):
    return lake.ask(ASKED, fresh=True).rows()


def _posted(lake):
    return _answer(lake)[0][0]


def _wait_for_commit(log, lake, rng, version):
    """Go on until the stage has committed, so that a kill is one of a stage at work."""
    while "stream/sale" not in lake.tables() or lake.describe("stream/sale").version <= version:
        posted = _append(log, rng, _posted(lake))
        assert _answer(lake) == [(posted, posted, posted - 1, posted)]
