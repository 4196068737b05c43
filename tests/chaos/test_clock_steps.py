"""The wall clock is set back and forth under every service: order, rotation and retention hold."""

import time

import pytest

from harness.campaign import evidence, shim
from harness.campaign.steady import Steady
from harness.pipeline import Gateway, post_to_kafka, post_to_kinesis

DAY = 86_400
STEPS = (-3600, 30 * DAY, 0, -30 * DAY, 0)
TRIMMING = {
    "PINLAKE_LOG_SEGMENT_BYTES": "100",
    "PINLAKE_LOG_TRIM_SECONDS": "0.1",
    "PINLAKE_KINESIS_CREATE_MS": "0",
}


@pytest.fixture
def stepped(tmp_path):
    """Return a function that sets the children's clock, and their environment."""
    library, clock = shim.build(tmp_path), tmp_path / "clock"
    if library is None:
        pytest.skip("no C compiler: the clock cannot be set for the children alone")
    shim.set_clock(clock, 0)
    faults = shim.environment(library, tmp_path / "home", clock=clock)
    return lambda seconds: shim.set_clock(clock, seconds), faults


def test_positions_and_sequence_numbers_ascend_and_nothing_unread_is_forgotten(tmp_path, stepped):
    step, faults = stepped
    offsets, numbers = [], []
    with Gateway(tmp_path / "home", environment={**faults, **TRIMMING}) as gateway:
        for seconds in STEPS:
            step(seconds)
            for ind in range(3):
                offsets.append(post_to_kafka(gateway.url, "user", {"ind": ind})[1])
                numbers.append(int(post_to_kinesis(gateway.url, "user", {"ind": ind})[1]))
            time.sleep(0.5)  # the gateway looks for what is past retention, several times
    assert offsets == list(range(len(offsets)))
    assert numbers == sorted(set(numbers))
    for place, stored in evidence.log(tmp_path / "home").items():
        assert sorted(stored.values) == offsets, f"{place}: no stage has passed what is gone"


@pytest.mark.slow
def test_every_service_works_on_through_steps_and_loses_nothing(tmp_path, stepped):
    step, faults = stepped
    with Steady(tmp_path / "notes", tmp_path / "home", faults=faults) as at:
        for seconds in STEPS:
            step(seconds)
            at.post(150)
            time.sleep(0.7)
        objects = list((tmp_path / "home/lake/topics").rglob("*.json"))
        assert len(objects) > len(STEPS), "objects rotate whatever the clock says"
        assert at.finish() == []
