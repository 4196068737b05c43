"""However often a producer is stopped, whatever its batches: nothing is left out, order is kept."""

import tempfile
from itertools import islice
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pinlake.dataset import Table
from pinlake.errors import GatewayUnreachable
from pinlake.producer.client import Outcome
from pinlake.producer.posting import Posting
from pinlake.producer.progress import Progress, ProgressFile

TABLES = [Table("pin"), Table("geo"), Table("user")]
START = Progress(100, 0, 11000, ("pin", "geo", "user"))


class Stopping:
    """Takes ``answers`` requests, then ends the run: before the records are in, or after."""

    def __init__(self, taken, answers, loses):
        self.taken, self.answers, self.loses = taken, answers, loses

    def send(self, table, rows):
        if self.answers == 0 and not self.loses:
            raise GatewayUnreachable(url="", reason="")
        self.taken[table.name] += rows
        if self.answers == 0:
            raise GatewayUnreachable(url="", reason="")
        self.answers -= 1
        return Outcome(len(rows))


RUNS = st.lists(
    st.tuples(st.integers(1, 12), st.integers(1, 5), st.integers(0, 12), st.booleans()),
    min_size=1,
    max_size=8,
)


@settings(max_examples=80, deadline=None)
@given(RUNS)
def test_every_post_up_to_the_noted_place_is_in_and_in_order(runs):
    taken = {table.name: [] for table in TABLES}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.json"
        for posts, batch, answers, loses in runs:
            run(path, posts, batch, Stopping(taken, answers, loses))
        place = ProgressFile(path).read(START)
    for done, (_table, numbers) in enumerate(taken.items()):
        whole = place.posts + (place.batch if done < place.tables else 0)
        assert list(dict.fromkeys(numbers))[:whole] == list(range(whole))


@settings(max_examples=50, deadline=None)
@given(RUNS)
def test_without_stops_nothing_comes_twice(runs):
    taken = {table.name: [] for table in TABLES}
    with tempfile.TemporaryDirectory() as folder:
        for posts, batch, _answers, _loses in runs:
            run(Path(folder) / "state.json", posts, batch, Stopping(taken, -1, False))
    wanted = sum(posts for posts, *_ in runs)
    assert all(numbers == list(range(wanted)) for numbers in taken.values())


def run(path, posts, batch, client):
    """Do what ``post`` does, with numbers for rows."""
    file = ProgressFile(path)
    posting = Posting(TABLES, client, file, file.read(START))
    coming = iter(range(posting.place.posts, posting.place.posts + posts))
    try:
        while group := list(islice(coming, posting.size(batch))):
            posting.send([{table.name: number for table in TABLES} for number in group])
    except GatewayUnreachable:
        pass
    posting.close()
