"""What is written to a connection leaves it in order, and in as few pieces as may be."""

import asyncio

import pytest

from pinlake.gateway.connection import GatheringTransport


class Wire:
    """A transport that notes what leaves."""

    def __init__(self):
        self.left = []

    def write(self, data):
        self.left.append(data)

    def close(self):
        self.left.append("closed")

    def get_extra_info(self, name, default=None):
        return {"peername": ("127.0.0.1", 1)}.get(name, default)

    def is_closing(self):
        return "closed" in self.left

    def pause_reading(self):
        self.left.append("paused")

    def resume_reading(self):
        self.left.append("resumed")


def left_after(act, turns=2):
    """Return what left when ``act`` had written and the loop turned."""

    async def main():
        wire = Wire()
        act(GatheringTransport(wire, asyncio.get_running_loop()))
        for _ in range(turns):
            await asyncio.sleep(0)
        return wire.left

    return asyncio.run(main())


def writing(*parts):
    def act(transport):
        for part in parts:
            transport.write(part)

    return act


def test_head_and_body_leave_as_one():
    assert left_after(writing(b"head", b"body")) == [b"headbody"]
    assert left_after(writing(b"head", b"body"), turns=0) == [b"headbody"]


def test_a_head_without_a_body_leaves_with_the_loops_turn():
    assert left_after(writing(b"HTTP/1.1 100 Continue\r\n\r\n")) == [
        b"HTTP/1.1 100 Continue\r\n\r\n"
    ]


@pytest.mark.parametrize("count", range(1, 8))
def test_everything_leaves_once_and_in_order(count):
    parts = [bytes([65 + number]) for number in range(count)]
    left = left_after(writing(*parts))
    assert b"".join(left) == b"".join(parts)
    assert len(left) == (count + 1) // 2


def test_what_waits_leaves_before_the_end():
    def act(transport):
        transport.write(b"head")
        transport.close()
        assert transport.is_closing()

    assert left_after(act) == [b"head", "closed"]


def test_the_rest_of_a_transport_is_the_wires_own():
    def act(transport):
        assert transport.get_extra_info("peername") == ("127.0.0.1", 1)
        transport.pause_reading()
        transport.resume_reading()
        with pytest.raises(AttributeError):
            _ = transport.nothing_of_the_kind

    assert left_after(act) == ["paused", "resumed"]
