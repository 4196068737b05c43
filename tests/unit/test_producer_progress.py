"""The producer's place in its sequence survives every end of the process."""

import json
import os
import signal
import subprocess
import sys

import pytest

from pinlake.errors import ProducerStateUnusable
from pinlake.producer.progress import Progress, ProgressFile

START = Progress(100, 0, 11000, ("pin", "geo", "user"))
AT = Progress(100, 0, 11000, ("pin", "geo", "user"), posts=7, tables=2, batch=3)


def test_without_a_file_it_is_the_start(tmp_path):
    assert ProgressFile(tmp_path / "no" / "state.json").read(START) == START


def test_what_was_written_is_read_and_is_one_line_of_json(tmp_path):
    file = ProgressFile(tmp_path / "producer" / "state.json")
    for place in (START, AT, START, AT):
        file.write(place)
        assert ProgressFile(file.path).read(START) == place
    file.close()
    assert json.loads(file.path.read_text())["posts"] == 7
    assert file.path.read_text().count("\n") == 1
    assert [each.name for each in file.path.parent.iterdir()] == ["state.json"]


def test_a_place_that_outgrows_the_line_is_written_whole(tmp_path):
    file = ProgressFile(tmp_path / "state.json")
    file.write(START)
    long = Progress(100, 0, 11000, tuple(f"table_{n}" for n in range(90)), posts=10**15)
    file.write(long)
    file.close()
    assert ProgressFile(file.path).read(long) == long


@pytest.mark.parametrize(
    "other",
    [
        Progress(7, 0, 11000, AT.order),
        Progress(100, 1, 11000, AT.order),
        Progress(100, 0, 12000, AT.order),
        Progress(100, 0, 11000, ("geo", "pin", "user")),
    ],
)
def test_another_seed_range_or_order_is_another_sequence(tmp_path, other):
    file = ProgressFile(tmp_path / "state.json")
    file.write(AT)
    file.close()
    assert ProgressFile(file.path).read(other) == other


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"seed": "x"}', '{"seed": 1, "more": 2}', "\0" * 512]
)
def test_a_file_that_says_nothing_is_not_guessed_at(tmp_path, text):
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(ProducerStateUnusable, match="delete it to post from the first draw"):
        ProgressFile(path).read(START)


def test_a_place_where_nothing_can_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ProducerStateUnusable, match=r"state\.json"):
        ProgressFile(tmp_path / "file" / "state.json").write(START)


WRITER = """
import sys
from pathlib import Path
from pinlake.producer.progress import Progress, ProgressFile
file = ProgressFile(Path(sys.argv[1]))
posts = 0
while True:
    file.write(Progress(100, 0, 11000, ("pin", "geo", "user"), posts=posts, tables=posts % 3))
    print(posts, flush=True)
    posts += 1
"""


@pytest.mark.parametrize("lines", [1, 10, 1000])
def test_kill_9_leaves_the_last_place_or_the_one_behind_it(tmp_path, lines):
    path = tmp_path / "state.json"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        for _ in range(lines):
            writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
        rest = [line for line in writer.stdout.read().split("\n") if line]
    told = int(rest[-1]) if rest else lines - 1
    assert ProgressFile(path).read(START).posts in {told, told + 1}
