"""A stage that is killed at any step on the disk leaves what its next run makes exactly once."""

from __future__ import annotations

import multiprocessing
import shutil
import signal

import pytest

import lake_processes
import stage_homes
from stage_homes import STREAM, TOPIC, contents, make_home, once, post, rows, value

COUNT = 50
OUTPUTS = {"load": "raw/sale", "clean": "clean/sale", "stream": "stream/sale"}
BEFORE = {"sink": (), "load": ("sink",), "clean": ("sink", "load"), "stream": ()}
POINTS = {
    "sink": range(1, 40, 3),
    "load": range(1, 60, 4),
    "clean": (1, 9, 17, 25, 33),
    "stream": range(1, 60, 5),
}


@pytest.fixture(scope="module")
def processes():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lake_processes", "stage_homes", "pinlake.stage.start"])
    return context


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A home whose log holds records, junk and doubles; each test has its own copy."""
    folder = tmp_path_factory.mktemp("template")
    home, _ = make_home(folder)
    for name in (TOPIC, STREAM):
        post(home, name, [value(number) for number in range(COUNT)])
        post(home, name, [b"junk", None, value(3), b'{"name": "no ind"}'])
    return folder


def expected_objects():
    lines = [value(number).replace(b": ", b":").replace(b", ", b",") for number in range(COUNT)]
    lines += [b'"anVuaw=="', b"null", lines[3], b'{"name":"no ind"}']
    return {
        f"topics/sales/partition=0/sales+0+{first:010}.json": b"".join(
            line + b"\n" for line in lines[first : first + 20]
        )
        for first in (0, 20, 40)
    }


def die(processes, folder, stage, steps):
    """Run a stage in a child that is killed at a step; tell whether it came that far."""
    child = processes.Process(
        target=lake_processes.run_stage_until_killed, args=(str(folder), stage, steps)
    )
    child.start()
    child.join(60)
    assert child.exitcode in {0, -signal.SIGKILL}
    return child.exitcode != 0


@pytest.mark.parametrize("point", POINTS["sink"])
def test_the_sink_killed_at_a_step_writes_the_same_objects_as_if_it_were_not(
    processes, template, tmp_path, point
):
    folder = shutil.copytree(template, tmp_path / "copy")
    home, dataset = stage_homes.open_home(folder)
    assert die(processes, folder, "sink", point) or point != POINTS["sink"][0]
    once("sink", home, dataset)
    assert contents(home) == expected_objects()


@pytest.mark.parametrize(
    ("stage", "point"),
    [(stage, point) for stage in ("load", "clean", "stream") for point in POINTS[stage]],
)
def test_a_stage_killed_at_a_step_has_each_row_once_after_its_next_run(
    processes, template, tmp_path, stage, point
):
    folder = shutil.copytree(template, tmp_path / "copy")
    home, dataset = stage_homes.open_home(folder)
    for earlier in BEFORE[stage]:
        once(earlier, home, dataset)
    assert die(processes, folder, stage, point) or point != POINTS[stage][0]
    once(stage, home, dataset)
    expected = [*range(COUNT), 3] if stage == "load" else range(COUNT)
    assert rows(home, OUTPUTS[stage]) == [(number,) for number in sorted(expected)]
    if stage != "clean":
        assert len(rows(home, f"quarantine/{stage}/sale", "reason")) == 3
